"""Reliability: how far one half of the repeats of a voxel predicts the other."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array
from counterpoint.evaluate._doubles import as_repeats, unit_columns


class SplitHalf(NamedTuple):
    """See :func:`split_half_reliability`."""

    reliability: NDArray[np.float64]
    correlation: NDArray[np.float64]


def split_half_reliability(
    responses: Array, *, n_average: int | None = None, splits: int = 20, seed: int = 0
) -> SplitHalf:
    r"""Agreement of two halves of the repeats over stimuli, per voxel, corrected to ``n_average`` trials.

    .. math:: \text{reliability} = \frac{k r}{1 + (k - 1) r}, \quad k = \frac{\texttt{n\_average}}{\text{half}}

    Spearman 1910 and Brown 1910; :math:`2r / (1 + r)` for an even number of repeats. r is the mean Pearson
    correlation over splits into halves of ``repeats // 2`` (an odd repeat is left out of each split); a negative r is
    corrected as its absolute value and keeps its sign. It estimates the same share as :func:`noise_ceiling` / 100 by
    another road, without clipping: the two differ on any sample. Algonauts 2021 divides r by the square root of this.

    Parameters
    ----------
    responses : array
        ``(repeats, stimuli, voxels)``, 2 repeats and 2 stimuli or more.
    n_average : int, optional
        Trials averaged in the data it is to speak of; all repeats by default.
    splits, seed : int
        All splits are taken where there are no more than ``splits``; else that many random ones.

    Returns
    -------
    SplitHalf
        ``reliability`` and the uncorrected ``correlation``, each ``(voxels,)``; 0 for a constant voxel.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(1, 50, 1))
    >>> split_half_reliability(np.concatenate([x, x])).reliability.round(6)
    array([1.])
    """
    x = as_repeats(responses)
    if splits < 1 or (n_average is not None and n_average < 1):
        raise CounterpointError(f"splits is {splits} and n_average {n_average}.", "Each is 1 or more.")
    half = len(x) // 2
    total = torch.zeros(x.shape[2], dtype=torch.float64, device=x.device)
    pairs = _halves(len(x), splits=splits, seed=seed)
    for first, second in pairs:
        halves = (x[list(rows)].double().mean(0) for rows in (first, second))
        total += torch.stack([unit_columns(rows) for rows in halves]).prod(0).sum(0)
    r = total / len(pairs)
    k = (n_average or len(x)) / half
    corrected = r.sign() * k * r.abs() / (1 + (k - 1) * r.abs())
    return SplitHalf(corrected.cpu().numpy(), r.cpu().numpy())


def _halves(repeats: int, *, splits: int, seed: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Disjoint halves of equal size: all of them, or ``splits`` random ones."""
    half = repeats // 2
    if comb(repeats, half) * comb(repeats - half, half) // 2 <= splits:
        return [
            (first, second)
            for first in combinations(range(repeats), half)
            for second in combinations([r for r in range(first[0] + 1, repeats) if r not in first], half)
        ]
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(repeats).tolist() for _ in range(splits)]
    return [(tuple(order[:half]), tuple(order[half : 2 * half])) for order in orders]
