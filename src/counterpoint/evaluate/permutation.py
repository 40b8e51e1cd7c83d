"""Permutation tests: what the score would be if the pairing, or the sign, meant nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.evaluate._arrays import Array, as_labels, as_tensor
from counterpoint.evaluate._doubles import as_finite

_ALTERNATIVES = ("greater", "less", "two-sided")
_CELLS = 4_000_000  # random numbers held at a time


class PermutationTest(NamedTuple):
    """See :func:`matched_permutation_test`."""

    statistic: float
    p_value: float


class Discoveries(NamedTuple):
    """See :func:`false_discovery`."""

    rejected: NDArray[np.bool_]
    adjusted: NDArray[np.float64]


def permutation_p_value(observed: Array | float, null: Array, *, alternative: str = "greater") -> float:
    r"""p-value of a statistic among its values under random permutations: never 0.

    .. math:: p = \frac{1 + \#\{\text{null at least as extreme}\}}{1 + N}

    Phipson and Smyth 2010. ``two-sided`` compares absolute values. Permute what is exchangeable under the null:
    stimuli within a subject, signs for group means (:func:`sign_flip_p_value`). Overlapping retrieval draws are not.

    Parameters
    ----------
    observed : float
        The statistic of the data.
    null : array
        ``(N,)`` values under permutation. Within rounding (1e-12 of the largest) of ``observed`` is as extreme.
    alternative : str
        ``greater``, ``less`` or ``two-sided``.

    Examples
    --------
    >>> permutation_p_value(2.0, np.array([0.0, 1.0, 2.0]))
    0.5
    """
    values = as_finite(null, "null", axes=("permutation",)).cpu().double().numpy()
    value = float(observed)
    if not np.isfinite(value):
        raise CounterpointError(f"observed is {value}.", "A finite number is needed.")
    extreme = int(_as_extreme(np.array([value]), values[:, None], alternative)[0])
    return (1 + extreme) / (1 + len(values))


def matched_permutation_test(
    similarity: Array,
    permutations: Array | None = None,
    *,
    num_permutations: int = 9999,
    alternative: str = "greater",
    groups: Array | None = None,
    seed: int = 0,
) -> PermutationTest:
    """Is the mean similarity of matched pairs above that of random re-pairings?

    The statistic is the mean of the diagonal; the null is the same mean with the columns re-ordered. For imagery
    decoding (WAVE) rows are generated pictures, columns the texts that were imagined.

    Parameters
    ----------
    similarity : array
        ``(n, n)``, row i with column i; 2 or more.
    permutations : array of int, optional
        ``(k, n)`` re-orderings to use. By default ``num_permutations`` random ones.
    num_permutations, seed : int
        How many random re-orderings, and their seed.
    alternative : str
        ``greater``, ``less`` or ``two-sided`` (distance from the mean over all pairs that may be matched).
    groups : array of int, optional
        ``(n,)``: re-pairing happens within equal numbers only. Give participants here where they imagined different
        items: pairs across participants differ by more than the item, so that a free re-pairing finds too much.

    Returns
    -------
    PermutationTest
        ``statistic`` and ``p_value``.

    Raises
    ------
    CounterpointError
        Not square, NaN, rows of ``permutations`` that are none, no group with two rows.

    Examples
    --------
    >>> import numpy as np
    >>> matched_permutation_test(np.eye(8), num_permutations=999)
    PermutationTest(statistic=1.0, p_value=0.001)
    """
    table = as_finite(similarity, "similarity", axes=("row", "column")).cpu().double().numpy()
    n = len(table)
    if table.shape != (n, n) or n < 2:
        raise CounterpointError(f"similarity has shape {table.shape}.", "(n, n) with n of 2 or more was expected.")
    part = np.zeros(n, dtype=np.int64)
    if groups is not None:
        part = as_labels(groups, "groups", length=n).cpu().numpy()
    if np.unique(part, return_counts=True)[1].max() < 2:
        raise CounterpointError("groups: no group has two rows.", "Nothing could be re-paired.")
    if num_permutations < 1:
        raise CounterpointError(f"num_permutations is {num_permutations}.", "At least 1 is needed.")
    statistic, centre = float(np.trace(table) / n), 0.0
    rng = np.random.default_rng(seed)
    null = _drawn(table, part, num_permutations, rng) if permutations is None else _given(table, permutations, part)
    if alternative == "two-sided":
        same = part[:, None] == part
        centre = float((np.where(same, table, 0.0).sum(1) / same.sum(1)).mean())
    return PermutationTest(statistic, permutation_p_value(statistic - centre, null - centre, alternative=alternative))


def sign_flip_p_value(
    values: Array, *, num_permutations: int = 9999, alternative: str = "two-sided", seed: int = 0
) -> NDArray[np.float64] | float:
    """p-value of a group mean against 0, by flipping the sign of whole participants.

    For values symmetric around 0 under the null, such as score minus chance. With
    ``2 ** participants`` no larger than ``num_permutations + 1`` all sign patterns are taken and the p-value is exact;
    the smallest possible one is then ``2 ** -participants`` (twice that, two-sided): 5 participants cannot reach 0.05
    two-sided.

    Parameters
    ----------
    values : array
        ``(participants,)`` or ``(participants, tests)``, differences from chance. All tests share the flips.
    num_permutations, seed : int
        How many random patterns where all are too many, and their seed.
    alternative : str
        ``greater``, ``less`` or ``two-sided``.

    Returns
    -------
    float or array
        One p-value, or ``(tests,)`` uncorrected ones; see :func:`false_discovery`.

    Examples
    --------
    >>> sign_flip_p_value(np.array([0.1, 0.2, 0.1, 0.3]), alternative="greater")  # 1 / 2**4
    0.0625
    """
    given = as_tensor(values, "values")
    table = as_finite(given[:, None] if given.ndim == 1 else given, "values", axes=("participant", "test"))
    x = table.cpu().double().numpy()
    people = len(x)
    if people < 2 or num_permutations < 1:
        raise CounterpointError(f"{people} participants, {num_permutations} permutations.", "2 and 1 are the least.")
    exact = people < 60 and 2**people <= num_permutations + 1
    total = 2**people - 1 if exact else num_permutations
    rng, observed = np.random.default_rng(seed), x.mean(0)
    extreme = np.zeros(x.shape[1], dtype=np.int64)
    step = max(1, _CELLS // (people + x.shape[1]))
    for start in range(1, total + 1, step):
        stop = min(start + step, total + 1)
        if exact:
            bits = (np.arange(start, stop)[:, None] >> np.arange(people)) & 1
        else:
            bits = rng.integers(2, size=(stop - start, people))
        extreme += _as_extreme(observed, (1 - 2 * bits) @ x / people, alternative)
    p_values = (1 + extreme) / (1 + total)
    return float(p_values[0]) if given.ndim == 1 else np.asarray(p_values)


def false_discovery(p_values: ArrayLike, *, level: float = 0.05, method: str = "bh") -> Discoveries:
    """Which of many tests stand when a share ``level`` of false discoveries is accepted.

    Benjamini and Hochberg 1995 (``bh``; independent or positively dependent tests, such as neighbouring voxels) or
    Benjamini and Yekutieli 2001 (``by``; any dependence), by ``scipy.stats.false_discovery_control``.

    Parameters
    ----------
    p_values : array
        ``(tests,)`` in 0..1, NaN-free: leave out voxels that were not tested.
    level : float
        Between 0 and 1.
    method : str
        ``bh`` or ``by``.

    Returns
    -------
    Discoveries
        ``rejected`` (bool) and ``adjusted`` p-values, each ``(tests,)``.

    Examples
    --------
    >>> false_discovery([0.01, 0.02, 0.03, 0.5]).rejected.tolist()
    [True, True, True, False]
    """
    from scipy.stats import false_discovery_control

    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not ((values >= 0) & (values <= 1)).all():
        raise CounterpointError(f"p_values has shape {values.shape}.", "(tests,) numbers in 0..1 were expected.")
    if method not in ("bh", "by"):
        raise unknown("method", method, ("bh", "by"), "method='bh'")
    if not 0 < level < 1:
        raise CounterpointError(f"level is {level}.", "A share between 0 and 1 was expected.")
    adjusted = np.asarray(false_discovery_control(values, method=method))
    return Discoveries(adjusted <= level, adjusted)


def _as_extreme(observed: NDArray[np.float64], null: NDArray[np.float64], alternative: str) -> NDArray[np.int64]:
    """How many rows of ``null`` are at least as extreme as ``observed``, per column, up to rounding."""
    if alternative not in _ALTERNATIVES:
        raise unknown("alternative", alternative, _ALTERNATIVES, "alternative='greater'")
    if alternative == "two-sided":
        observed, null = np.abs(observed), np.abs(null)
    slack = 1e-12 * np.maximum(np.abs(observed), np.abs(null).max(0, initial=0))
    found = null <= observed + slack if alternative == "less" else null >= observed - slack
    return np.asarray(found.sum(0))


def _given(table: NDArray[np.float64], permutations: Array, part: NDArray[np.int64]) -> NDArray[np.float64]:
    orders, n = as_tensor(permutations, "permutations").cpu().numpy(), len(table)
    fits = orders.ndim == 2 and orders.shape[1:] == (n,) and len(orders) and orders.dtype.kind in "iu"
    if not fits or not (np.sort(orders, 1) == np.arange(n)).all():
        raise CounterpointError(f"permutations has shape {orders.shape}.", f"Rows that re-order 0 to {n - 1}.")
    if not (part[orders] == part).all():
        raise CounterpointError("permutations re-pairs rows of different groups.", "Leave one of the two out.")
    return np.asarray(table[np.arange(n), orders].mean(1))


def _drawn(
    table: NDArray[np.float64], part: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    n, null = len(table), np.empty(count)
    members = [np.flatnonzero(part == number) for number in np.unique(part)]
    step = max(1, _CELLS // n)
    for start in range(0, count, step):
        stop = min(start + step, count)
        orders = np.empty((stop - start, n), dtype=np.int64)
        for rows in members:
            orders[:, rows] = rng.permuted(np.tile(rows, (stop - start, 1)), axis=1)
        null[start:stop] = table[np.arange(n), orders].mean(1)
    return null
