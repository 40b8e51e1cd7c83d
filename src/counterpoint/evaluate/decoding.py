"""All scores of one decoder at once, as rows, with chance beside each; and the table of a learning curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_labels, blocks
from counterpoint.evaluate._doubles import TIE, all_products, as_matched
from counterpoint.evaluate.identification import two_way_identification
from counterpoint.evaluate.matching import draw_interval, retrieval_accuracy, retrieval_draws
from counterpoint.evaluate.statistics import Interval, binomial_interval, bootstrap_interval, paired_interval

_ROWS = 2048


def decoding_scores(
    pred: Array,
    target: Array,
    *,
    candidates: int = 300,
    draws: int = 30,
    seed: int = 0,
    k: Sequence[int] = (1, 5),
    labels: Array | None = None,
    model: str = "decoder",
    split: str = "test",
) -> list[dict[str, Any]]:
    """Retrieval in both directions, two-way identification and agreement of class, each followed by its chance.

    Parameters
    ----------
    pred, target : array
        ``(n, dim)`` embeddings decoded from the brain and those of the pictures, row i with row i, 2 rows or more;
        further axes are flattened. Average repeats and leave out repeated pictures before: a picture that is in the
        gallery twice cannot be found surely, and rows say how many there are.
    candidates, draws, seed : int
        As :func:`retrieval_draws`; with ``candidates`` items or fewer, all of them are the one set of candidates.
    k : sequence of int
        Cut-offs of retrieval; those that all candidates would satisfy are left out.
    labels : array of int, optional
        ``(n,)`` classes from 0. They add ``same_class_top1``: is the most similar *other* picture of the class of the
        one seen. Items alone in their class are left out.
    model, split : str
        Noted in the rows.

    Returns
    -------
    list of dict
        metric (``brain_to_image_top1``, ``image_to_brain_top1``, ..., ``two_way``), model, value, low, high,
        protocol, split, n, seed; every row is followed by one of model ``chance``. Intervals are 95 %: over candidate
        draws for retrieval (:func:`draw_interval`: not over test pictures), over pictures otherwise. Tied candidates
        count with their expected value, so that a collapsed decoder scores chance.

    Raises
    ------
    CounterpointError
        Shapes that do not fit, NaN (with its place), a cut-off below 1.

    Examples
    --------
    >>> import numpy as np
    >>> for row in decoding_scores(np.eye(8), np.eye(8), k=(1,)):
    ...     print(row["metric"], row["model"], row["value"])
    brain_to_image_top1 decoder 1.0
    brain_to_image_top1 chance 0.125
    image_to_brain_top1 decoder 1.0
    image_to_brain_top1 chance 0.125
    two_way decoder 1.0
    two_way chance 0.5
    """
    x, y = as_matched(pred, target, "pred", "target", axes=("sample", "feature"), smallest=2, flatten=True)
    if any(cut < 1 for cut in k):
        raise CounterpointError(f"k is {tuple(k)}.", "Cut-offs of 1 or more were expected.")
    classes = None if labels is None else as_labels(labels, "labels", length=len(x)).to(x.device)
    common = {"split": split, "n": len(x), "seed": seed}
    note = _repeated_note(y)
    found: list[dict[str, Any]] = []

    def add(metric: str, value: float, interval: Interval, chance: float, protocol: str, chance_protocol: str) -> None:
        found.append({"metric": metric, "model": model, "value": value, "low": interval.low, "high": interval.high,
                      "protocol": protocol, **common})  # fmt: skip
        found.append({"metric": metric, "model": "chance", "value": chance, "low": chance, "high": chance,
                      "protocol": chance_protocol, **common})  # fmt: skip

    sets = retrieval_draws(len(x), candidates=candidates, draws=draws, seed=seed)
    protocol = _retrieval_protocol(sets) + note
    for cut in (cut for cut in k if cut < sets.shape[1]):
        score = retrieval_accuracy(x, y, sets, k=cut, ties="expected")
        for name, per_set in (("brain_to_image", score.forward_per_set), ("image_to_brain", score.backward_per_set)):
            value = float(per_set.mean())
            spread = draw_interval(per_set) if len(sets) > 1 else binomial_interval(round(value * len(x)), len(x))
            add(f"{name}_top{cut}", value, spread, cut / sets.shape[1], protocol, f"{cut} of {sets.shape[1]}")
    pairs = two_way_identification(x, y)
    spread = bootstrap_interval(pairs.per_sample, seed=seed)
    add("two_way", pairs.mean, spread, 0.5, "Pearson over features, all pairs; bootstrap over items" + note, "a coin")
    if classes is not None:
        hits, chances = _same_class(x, y, classes)
        if len(hits):
            spread = bootstrap_interval(hits, seed=seed)
            words = f"cosine, most similar other picture, {len(hits)} items; bootstrap over items"
            add("same_class_top1", float(hits.mean()), spread, float(chances.mean()), words, "class frequencies")
    return found


def learning_curve_table(
    points: Mapping[int, Sequence[float]], *, metric: str = "score", level: float = 0.95
) -> list[dict[str, Any]]:
    """A score against the amount of training data, one row per size, over seeds.

    Parameters
    ----------
    points : mapping
        ``{size: scores, one per seed}``; a size is a number of trials, pictures or minutes, above 0.
    metric : str
        Name for the rows.
    level : float
        Coverage of the intervals (:func:`paired_interval`, Student's t over seeds).

    Returns
    -------
    list of dict
        By size: metric, size, value (mean), low, high, seeds, and ``per_doubling``, the gain since the row before
        divided by the doublings in between (None in the first row).

    Examples
    --------
    >>> rows = learning_curve_table({100: [0.20, 0.22], 400: [0.40, 0.42]})
    >>> [(row["size"], round(row["value"], 2)) for row in rows], round(rows[1]["per_doubling"], 2)
    ([(100, 0.21), (400, 0.41)], 0.1)
    """
    if not points or any(size <= 0 for size in points):
        raise CounterpointError(f"points has sizes {sorted(points)}.", "Sizes above 0, one at least, were expected.")
    rows: list[dict[str, Any]] = []
    for size, scores in sorted(points.items()):
        low, high = paired_interval(scores, level=level)
        value = float(np.mean(scores))
        last = rows[-1] if rows else None
        gain = (value - last["value"]) / math.log2(size / last["size"]) if last else None
        rows.append({"metric": metric, "size": size, "value": value, "low": low, "high": high,
                     "seeds": len(scores), "per_doubling": gain})  # fmt: skip
    return rows


def _retrieval_protocol(sets: NDArray[np.int64]) -> str:
    count, m = sets.shape
    if count > 1:
        return f"cosine, {m} candidates, {count} draws; interval over draws"
    return f"cosine, all {m} items are candidates; Wilson interval over items"


def _repeated_note(target: Tensor) -> str:
    """Words for targets that are exact copies of an earlier one."""
    repeated = len(target) - len({row.numpy().tobytes() for row in target.cpu()})
    return f"; {repeated} of {len(target)} targets repeat another" if repeated else ""


def _same_class(pred: Tensor, target: Tensor, labels: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per item with company in its class: is the most similar other target of that class, and by chance."""
    others = torch.bincount(labels)[labels] - 1
    hits = torch.zeros(len(pred), dtype=torch.float64, device=pred.device)
    for part in blocks(len(pred), _ROWS):
        similarity = all_products(pred[part], target, centre=False)
        similarity.diagonal(part.start).fill_(-torch.inf)
        best = similarity >= similarity.max(1, keepdim=True).values - TIE
        hits[part] = (best & (labels[part].unsqueeze(1) == labels)).sum(1).double() / best.sum(1)
    company = others > 0
    return hits[company].cpu().numpy(), (others[company].double() / (len(pred) - 1)).cpu().numpy()
