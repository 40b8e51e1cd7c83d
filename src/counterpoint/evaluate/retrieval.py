"""Retrieval: does the right row come back first, across two modalities or among samples of one class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import (
    Array,
    as_labels,
    as_rows,
    as_tensor,
    blocks,
    check_finite,
    same_width,
    unit_rows,
)

_BLOCK = 1024


@torch.no_grad()
def retrieval_recall(
    z_a: Array, z_b: Array, *, ks: Sequence[int] = (1, 5, 10), matches: Array | tuple[Array, Array] | None = None
) -> dict[str, float]:
    """Share of queries with a match among their ``k`` most similar rows, in both directions.

    Similarity is the cosine. Where non-matching rows tie exactly with the match, the expected value under a random
    order of the tied rows counts, so that collapsed embeddings score chance and not 1.

    Parameters
    ----------
    z_a, z_b : array
        ``(n_a, dim)`` and ``(n_b, dim)``, say pictures and captions.
    ks : sequence of int
        Cut-offs; one beyond the gallery counts as the whole gallery.
    matches : optional
        None: row i matches row i. ``(ids_a, ids_b)``: rows with equal integer ids match (five captions of one
        picture, or equal captions of two). ``(n_a, n_b)`` boolean array: the matches themselves. Queries without any
        match are left out.

    Returns
    -------
    dict
        ``a_to_b_r1``, ``a_to_b_r5`` ... and ``b_to_a_r1`` ..., each in 0..1.

    Raises
    ------
    CounterpointError
        Shapes that do not fit, no match at all, a cut-off below 1, non-finite embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> retrieval_recall(np.eye(4), np.eye(4)[[0, 1, 3, 2]], ks=(1,))
    {'a_to_b_r1': 0.5, 'b_to_a_r1': 0.5}
    """
    a, b = as_rows(z_a, "z_a"), as_rows(z_b, "z_b")
    same_width("z_a", a, "z_b", b)
    _check_ks(ks)
    check_finite(a, "z_a")
    check_finite(b, "z_b")
    pairs = _pairs(matches, len(a), len(b))
    unit_a, unit_b = unit_rows(a), unit_rows(b.to(a))
    found: dict[str, float] = {}
    for name, query, gallery, relation in (("a_to_b", unit_a, unit_b, pairs), ("b_to_a", unit_b, unit_a, pairs[::-1])):
        recall = _recall(query, gallery, relation, ks)
        found |= {f"{name}_r{k}": float(value) for k, value in zip(ks, recall, strict=True)}
    return found


@torch.no_grad()
def class_retrieval(features: Array, labels: Array, *, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    r"""Samples as queries to all others: recall at k and mean average precision at R, by class.

    ``r1``, ``r5`` ...: share of queries with a sample of their class among the k nearest by cosine. ``map_at_r``: with
    R the number of other samples of the query's class,

    .. math:: \frac1R \sum_{i=1}^{R} P(i)\,[\text{the i-th neighbour is of the class}]

    (Musgrave et al. 2020, Eq. 6), P(i) the precision among the first i. Samples alone in their class are not queries.

    Parameters
    ----------
    features : array
        ``(samples, dim)``; normalised inside.
    labels : array
        ``(samples,)`` integers from 0.
    ks : sequence of int
        Cut-offs; one beyond the others counts as all of them.

    Returns
    -------
    dict
        ``r<k>`` for every k, ``map_at_r``, and the number of ``queries`` they are a mean over.

    Examples
    --------
    >>> import numpy as np
    >>> class_retrieval(np.array([[1, 0.1], [1, 0.2], [0.1, 1], [0.2, 1]]), np.array([0, 0, 1, 1]), ks=(1,))
    {'r1': 1.0, 'map_at_r': 1.0, 'queries': 4.0}
    """
    rows = as_rows(features, "features", smallest=2)
    _check_ks(ks)
    check_finite(rows, "features")
    classes = as_labels(labels, "labels", length=len(rows)).to(rows.device)
    others = torch.bincount(classes)[classes] - 1
    if not int(others.max()):
        raise CounterpointError(
            f"labels: each of the {len(rows)} samples has a class of its own.",
            "Retrieval by class needs two samples of a class.",
        )
    depth = min(max(*ks, int(others.max())), len(rows) - 1)
    unit = unit_rows(rows)
    hits_at, precision = torch.zeros(len(ks), dtype=torch.float64), 0.0
    for part in blocks(len(rows), _BLOCK):
        similar = unit[part] @ unit.T
        similar.diagonal(part.start).fill_(-torch.inf)
        hits = classes[similar.topk(depth, dim=1).indices] == classes[part].unsqueeze(1)
        hits_at += torch.stack([hits[:, :k].any(1).sum() for k in ks]).cpu()
        precision += float(_average_precision(hits, others[part]).sum())
    queries = int((others > 0).sum())
    recall = {f"r{k}": float(value) / queries for k, value in zip(ks, hits_at, strict=True)}
    return {**recall, "map_at_r": precision / queries, "queries": float(queries)}


@torch.no_grad()
def retrieval_precision(
    similarity: Array, query_labels: Array, gallery_labels: Array, *, ks: Sequence[int] = (5, 10, 50)
) -> Tensor:
    """Mean share of the ``k`` most similar gallery items that carry the query's label, one number per k.

    The retrieval protocol of ConVIRT (Zhang et al. 2020, section 4.2). The sum is divided by k also where the gallery
    holds fewer items of the label (or fewer items).

    Parameters
    ----------
    similarity : array
        ``(queries, gallery)``, higher is closer.
    query_labels, gallery_labels : array
        ``(queries,)`` and ``(gallery,)`` integers from 0.
    ks : sequence of int
        Cut-offs.

    Returns
    -------
    Tensor
        ``(len(ks),)`` in 0..1.

    Examples
    --------
    >>> import numpy as np
    >>> retrieval_precision(np.array([[0.9, 0.5, 0.1]]), np.array([1]), np.array([1, 0, 1]), ks=(1, 2)).tolist()
    [1.0, 0.5]
    """
    scores = as_rows(similarity, "similarity")
    _check_ks(ks)
    check_finite(scores, "similarity")
    wanted = as_labels(query_labels, "query_labels", length=len(scores)).to(scores.device)
    held = as_labels(gallery_labels, "gallery_labels", length=scores.shape[1]).to(scores.device)
    hits = held[scores.topk(min(max(ks), scores.shape[1]), dim=1).indices] == wanted.unsqueeze(1)
    return torch.stack([hits[:, :k].sum(1).to(scores.dtype).mean() / k for k in ks])


def _check_ks(ks: Sequence[int]) -> None:
    if not len(ks) or min(ks) < 1:
        raise CounterpointError(f"ks is {tuple(ks)}.", "One or more cut-offs of 1 and above were expected.")


def _pairs(matches: Array | tuple[Array, Array] | None, n_a: int, n_b: int) -> tuple[Tensor, Tensor]:
    """Ids of both sides, equal where rows match; or the matrix and its transpose."""
    if matches is None:
        if n_a != n_b:
            raise CounterpointError(
                f"z_a has {n_a} rows and z_b {n_b}.",
                "Without matches row i belongs to row i.",
                "matches=(ids_a, ids_b)",
            )
        return torch.arange(n_a), torch.arange(n_b)
    if isinstance(matches, tuple):
        return as_labels(matches[0], "matches[0]", length=n_a), as_labels(matches[1], "matches[1]", length=n_b)
    matrix = as_tensor(np.asarray(matches) if not isinstance(matches, Tensor) else matches, "matches")
    if matrix.dtype != torch.bool or matrix.shape != (n_a, n_b):
        raise CounterpointError(
            f"matches is {matrix.dtype} of shape {tuple(matrix.shape)}.",
            f"A boolean ({n_a}, {n_b}) array or a pair of id vectors was expected.",
        )
    return matrix, matrix.T


def _recall(query: Tensor, gallery: Tensor, relation: tuple[Tensor, Tensor], ks: Sequence[int]) -> Tensor:
    mine, theirs = (ids.to(query.device) for ids in relation)
    total, counted = torch.zeros(len(ks), dtype=torch.float64, device=query.device), 0
    for part in blocks(len(query), _BLOCK):
        match = mine[part] if mine.ndim == 2 else mine[part].unsqueeze(1) == theirs
        similar = query[part] @ gallery.T
        has = match.any(1)
        match, similar = match[has], similar[has]
        best = similar.masked_fill(~match, -torch.inf).amax(1, keepdim=True)
        above = (similar > best).sum(1)
        tied, good = (similar == best).sum(1), ((similar == best) & match).sum(1)
        total += torch.stack([_hit_probability(k - above, tied, good).sum() for k in ks])
        counted += int(has.sum())
    if not counted:
        raise CounterpointError("matches: no row of one side matches a row of the other.", "One is needed.")
    return total / counted


def _hit_probability(places: Tensor, tied: Tensor, good: Tensor) -> Tensor:
    """Chance that one of ``good`` among ``tied`` rows in random order falls into the first ``places``.

    One minus the hypergeometric probability of none: C(tied - good, places) / C(tied, places).
    """
    places, tied, bad = places.double(), tied.double(), (tied - good).double()
    inside = (places > 0) & (places <= bad)
    p = torch.where(inside, places, 0.0)
    miss = torch.exp(
        torch.lgamma(bad + 1)
        - torch.lgamma(torch.where(inside, bad - p, 0.0) + 1)
        + torch.lgamma(tied - p + 1)
        - torch.lgamma(tied + 1)
    )
    return torch.where(places <= 0, 0.0, torch.where(places > bad, 1.0, 1.0 - miss))


def _average_precision(hits: Tensor, relevant: Tensor) -> Tensor:
    """Average precision at R of every row of hits; 0 where R is 0."""
    place = torch.arange(1, hits.shape[1] + 1, device=hits.device)
    counted = hits & (place <= relevant.unsqueeze(1))
    precision = counted.cumsum(1) / place
    return (precision.double() * counted).sum(1) / relevant.clamp_min(1)
