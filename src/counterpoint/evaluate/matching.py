"""Retrieval as brain decoding reports it: candidate draws, both directions named by query, ranks of the match."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_tensor, blocks
from counterpoint.evaluate._doubles import TIE, all_products, as_matched, row_products
from counterpoint.evaluate.statistics import Interval

_ROWS = 2048
_AXES = ("sample", "feature")


class RetrievalAccuracy(NamedTuple):
    """Shares in 0..1, means over draws and one per draw; see :func:`retrieval_accuracy`."""

    forward: float
    backward: float
    forward_per_set: NDArray[np.float64]
    backward_per_set: NDArray[np.float64]


def retrieval_accuracy(
    z_query: Array,
    z_gallery: Array,
    index_sets: Array | None = None,
    *,
    k: int = 1,
    ties: Literal["success", "expected"] = "success",
) -> RetrievalAccuracy:
    """Share of queries whose match is among the ``k`` most similar candidates, in both directions.

    Similarity is the cosine. In every draw the candidates are both the queries and the gallery; the scores are means
    over draws. MindEye (Scotti et al. 2023, section 3.1) draws 300 of 982 test images 30 times.

    ``forward`` asks with rows of ``z_query``: with brain embeddings there and image embeddings in the gallery it is
    brain to image. Published columns cannot be told apart by name: the helper of MedARC-AI/fMRI-reconstruction-NSD
    returns the transposed similarity, so its "fwd" asks with images, and tables ("image retrieval", "brain
    retrieval") inherit that. Compare directions by query, never by label.

    Parameters
    ----------
    z_query, z_gallery : array
        ``(n, dim)``, row i with row i; further axes (tokens) are flattened. Normalised inside.
    index_sets : array of int, optional
        ``(draws, m)`` rows that take part in each draw, as :func:`retrieval_draws` gives. None: one draw of all.
    k : int
        Cut-off, 1 to the number of candidates.
    ties : str
        ``"success"``: a match is found where fewer than ``k`` candidates score strictly higher, as the authors'
        code has it up to its order of ties; embeddings that collapsed to one point then score 1. ``"expected"``: the
        expected value over random orders of tied candidates; those score ``k / m``. Equal without ties.

    Returns
    -------
    RetrievalAccuracy
        ``forward, backward, forward_per_set, backward_per_set``.

    Raises
    ------
    CounterpointError
        Shapes that do not fit, NaN, candidates out of range or twice in one draw, ``k`` out of range.

    Examples
    --------
    >>> import numpy as np
    >>> found = retrieval_accuracy(np.eye(4)[[0, 1, 2, 2]], np.eye(4) + 0.1)
    >>> found.forward, found.backward
    (0.75, 1.0)
    """
    query, gallery = as_matched(z_query, z_gallery, "z_query", "z_gallery", axes=_AXES, flatten=True)
    sets = _index_sets(index_sets, len(query)).to(query.device)
    if not 1 <= k <= sets.shape[1]:
        raise CounterpointError(f"k is {k}.", f"1 to {sets.shape[1]} (the number of candidates) was expected.")
    if ties not in ("success", "expected"):
        raise CounterpointError(f'ties is "{ties}".', '"success" or "expected" was expected.')
    found: list[list[float]] = [[], []]
    whole = len(query) <= 2 * _ROWS and len(sets) > 1
    similarity = all_products(query, gallery, centre=False) if whole else None
    for rows in sets:
        for scores, (higher, tied) in zip(found, _counts(query, gallery, rows, similarity), strict=True):
            hit = (higher < k).double() if ties == "success" else ((k - higher).double() / tied).clamp(0, 1)
            scores.append(float(hit.mean()))
    forward, backward = (np.array(scores) for scores in found)
    return RetrievalAccuracy(float(forward.mean()), float(backward.mean()), forward, backward)


def retrieval_draws(n: int, *, candidates: int = 300, draws: int = 30, seed: int = 0) -> NDArray[np.int64]:
    """Random candidate sets for :func:`retrieval_accuracy`: ``(draws, candidates)``, no item twice in a draw.

    With ``n`` items or fewer than ``candidates`` asked for there is nothing to draw: the one set of all ``n`` items
    comes back, ``(1, n)``, and chance is ``k / n``.

    >>> retrieval_draws(982).shape, retrieval_draws(100).shape
    ((30, 300), (1, 100))
    """
    if n < 1 or candidates < 1 or draws < 1:
        raise CounterpointError(f"{draws} draws of {candidates} from {n}.", "Each is 1 or more.")
    if n <= candidates:
        return np.arange(n)[None]
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(n)[:candidates] for _ in range(draws)])


def draw_interval(per_set: ArrayLike) -> Interval:
    r"""Interval of a mean over draws: :math:`\bar p \pm 1.96\, s / \sqrt{\text{draws}}`, s with ddof 0.

    That of MindEye's evaluation script. Draws overlap, so it tells how far the choice of candidates moves the mean,
    not how far other test images or another training run would: it is too narrow for both. A single draw has no
    spread to show: the interval is the whole line.

    >>> low, high = draw_interval([0.5, 0.6, 0.7])
    >>> print(f"{low:.4f} {high:.4f}")
    0.5076 0.6924
    """
    values = np.asarray(per_set, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise CounterpointError(f"per_set has shape {values.shape}.", "One finite number per draw was expected.")
    if len(values) == 1:
        return Interval(-math.inf, math.inf)
    mean, half = float(values.mean()), 1.96 * float(values.std()) / math.sqrt(len(values))
    return Interval(mean - half, mean + half)


def rank_of_match(z_query: Array, z_gallery: Array) -> NDArray[np.int64]:
    """Place of each query's match in the gallery: 1 plus the number of rows with a strictly higher cosine.

    Sorting it gives the best, the median and the worst examples of a decoder.

    Parameters
    ----------
    z_query, z_gallery : array
        ``(n, dim)``, row i with row i; further axes are flattened.

    Returns
    -------
    array
        ``(n,)`` int64 from 1.

    >>> import numpy as np
    >>> rank_of_match(np.eye(3)[[0, 0, 2]], np.eye(3) + 0.1).tolist()
    [1, 2, 1]
    """
    query, gallery = as_matched(z_query, z_gallery, "z_query", "z_gallery", axes=_AXES, flatten=True)
    (higher, _), _ = _counts(query, gallery, torch.arange(len(query), device=query.device), None)
    return 1 + higher.cpu().numpy()


def _counts(
    query: Tensor, gallery: Tensor, rows: Tensor, similarity: Tensor | None
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Among the candidates ``rows``, per query and then per gallery row: how many score above the match, how many tie.

    The match ties with itself. Read from the whole ``similarity`` where that exists, else made some queries at a time.
    """
    if similarity is not None:
        similarity = similarity[rows][:, rows]
        own = similarity.diagonal()
    else:
        query, gallery = query[rows], gallery[rows]
        own = row_products(query, gallery, centre=False)
    higher, tied, higher_back, tied_back = (torch.zeros(len(own), dtype=torch.int64, device=own.device) for _ in "abcd")
    for part in blocks(len(own), _ROWS):
        block = all_products(query[part], gallery, centre=False) if similarity is None else similarity[part]
        above = block - own[part].unsqueeze(1)
        higher[part], tied[part] = (above > TIE).sum(1), (above.abs() <= TIE).sum(1)
        above = block - own
        higher_back += (above > TIE).sum(0)
        tied_back += (above.abs() <= TIE).sum(0)
    return (higher, tied), (higher_back, tied_back)


def _index_sets(index_sets: Array | None, n: int) -> Tensor:
    if index_sets is None:
        return torch.arange(n).unsqueeze(0)
    sets = as_tensor(index_sets, "index_sets")
    if sets.ndim != 2 or 0 in sets.shape or sets.is_floating_point() or sets.dtype == torch.bool:
        raise CounterpointError(
            f"index_sets is {sets.dtype} of shape {tuple(sets.shape)}.",
            "(draws, candidates) integers were expected.",
        )
    ordered = sets.long().sort(1).values
    if int(ordered.min()) < 0 or int(ordered.max()) >= n:
        raise CounterpointError(
            f"index_sets runs from {int(ordered.min())} to {int(ordered.max())}.", f"Rows are 0 to {n - 1}."
        )
    twice = (ordered[:, 1:] == ordered[:, :-1]).any(1)
    if bool(twice.any()):
        raise CounterpointError(f"index_sets: draw {int(twice.nonzero()[0])} holds a row twice.", "Each row once.")
    return sets.long()
