"""Representational similarity: do two systems find the same stimuli alike, and does a brain answer as measured."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.evaluate._arrays import Array
from counterpoint.evaluate._doubles import as_finite, as_matched, row_products
from counterpoint.evaluate.identification import MeanScore
from counterpoint.evaluate.permutation import permutation_p_value

_METRICS = ("correlation", "cosine", "euclidean", "sqeuclidean", "cityblock")
_COMPARISONS = ("spearman", "pearson")


class Rsa(NamedTuple):
    """See :func:`rsa`."""

    score: float
    rdm_a: NDArray[np.float64]
    rdm_b: NDArray[np.float64]


def rsa(x_a: Array, x_b: Array, *, metric: str = "correlation", comparison: str = "spearman") -> Rsa:
    """Correlation of two matrices of dissimilarity (RDMs), as Kriegeskorte et al. 2008.

    Parameters
    ----------
    x_a, x_b : array
        ``(stimuli, features)`` patterns, 3 stimuli or more in the same order; features may differ in number.
    metric : str
        Of ``scipy.spatial.distance.pdist``: ``correlation`` (1 - Pearson between rows), ``cosine``, ``euclidean``,
        ``sqeuclidean`` or ``cityblock``.
    comparison : str
        ``spearman`` or ``pearson``, over the pairs of stimuli.

    Returns
    -------
    Rsa
        ``score`` and the two condensed RDMs, ``(stimuli * (stimuli - 1) / 2,)`` in the order of ``pdist``. The score
        is 0 where an RDM has no variance.

    Raises
    ------
    CounterpointError
        Unequal numbers of stimuli, NaN, or a pattern without the variance that ``correlation`` and ``cosine`` need.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(6, 9))
    >>> round(rsa(x, 3 * x + 1).score, 9)
    1.0
    """
    from scipy.spatial.distance import pdist

    if metric not in _METRICS:
        raise unknown("metric", metric, _METRICS, "metric='correlation'")
    _check_comparison(comparison)
    a, b = (as_finite(x, name, axes=("stimulus", "feature")) for x, name in ((x_a, "x_a"), (x_b, "x_b")))
    if len(a) != len(b) or len(a) < 3:
        raise CounterpointError(f"x_a has {len(a)} stimuli and x_b {len(b)}.", "Equally many, 3 or more, are needed.")
    rdms = []
    for name, rows in (("x_a", a), ("x_b", b)):
        rdm = pdist(rows.cpu().double().numpy(), metric)
        if not np.isfinite(rdm).all():
            raise CounterpointError(f"{name} holds a constant pattern.", f"{metric} distance is undefined for it.")
        rdms.append(rdm)
    return Rsa(float(_unit(rdms[0], comparison) @ _unit(rdms[1], comparison)), rdms[0], rdms[1])


def rsa_p_value(
    rdm_a: ArrayLike,
    rdm_b: ArrayLike,
    *,
    comparison: str = "spearman",
    num_permutations: int = 9999,
    alternative: str = "greater",
    seed: int = 0,
) -> float:
    """p-value of an RSA score under random relabelling of the stimuli of one RDM (rows and columns together).

    Pairs of stimuli are not independent, so a test of the correlation over pairs would find far too much; stimuli are
    what may be exchanged (Nili et al. 2014).

    Parameters
    ----------
    rdm_a, rdm_b : array
        Condensed RDMs, as :func:`rsa` returns them, of 4 stimuli or more.
    comparison : str
        ``spearman`` or ``pearson``.
    num_permutations, seed : int
        How many relabellings, and their seed.
    alternative : str
        ``greater``, ``less`` or ``two-sided``.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(12, 20))
    >>> _, rdm_a, rdm_b = rsa(x, x + 0.5 * np.random.default_rng(1).normal(size=x.shape))
    >>> rsa_p_value(rdm_a, rdm_b, num_permutations=999)
    0.001
    """
    from scipy.spatial.distance import squareform

    _check_comparison(comparison)
    a, b = np.asarray(rdm_a, dtype=np.float64), np.asarray(rdm_b, dtype=np.float64)
    stimuli = round((1 + (1 + 8 * a.size) ** 0.5) / 2)
    if a.ndim != 1 or a.shape != b.shape or stimuli < 4 or stimuli * (stimuli - 1) // 2 != a.size:
        raise CounterpointError(
            f"The RDMs have shapes {a.shape} and {b.shape}.", "Condensed RDMs of the same 4 stimuli or more."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise CounterpointError("An RDM holds NaN or infinite values.", "Finite distances are needed.")
    if num_permutations < 1:
        raise CounterpointError(f"num_permutations is {num_permutations}.", "At least 1 is needed.")
    fixed, moved = _unit(a, comparison), _unit(b, comparison)
    square, (rows, columns) = squareform(moved), np.triu_indices(stimuli, 1)
    rng = np.random.default_rng(seed)
    null = np.empty(num_permutations)
    for i in range(num_permutations):
        order = rng.permutation(stimuli)
        null[i] = fixed @ square[order[rows], order[columns]]
    return permutation_p_value(float(fixed @ moved), null, alternative=alternative)


def brain_correlation(measured: Array, predicted: Array) -> MeanScore:
    """Pearson correlation over voxels, per picture: the brain correlation of MindEye2 (Scotti et al. 2024).

    Parameters
    ----------
    measured : array
        ``(pictures, voxels)`` responses to the true pictures.
    predicted : array
        ``(pictures, voxels)`` responses that an encoding model gives to the reconstructions.

    Returns
    -------
    MeanScore
        ``mean`` and ``(pictures,)`` ``per_sample``, each in -1..1; a row without variance scores 0. Standardise
        voxels beforehand: differences between voxels' means alone correlate highly.

    Examples
    --------
    >>> import numpy as np
    >>> brain_correlation(np.array([[1.0, 2, 3]]), np.array([[3.0, 5, 7]])).mean.__round__(9)
    1.0
    """
    x, y = as_matched(measured, predicted, "measured", "predicted", axes=("picture", "voxel"))
    values = row_products(x, y, centre=True).clamp(-1, 1)
    return MeanScore(float(values.mean()), values.cpu().numpy())


def _check_comparison(comparison: str) -> None:
    if comparison not in _COMPARISONS:
        raise unknown("comparison", comparison, _COMPARISONS, "comparison='spearman'")


def _unit(rdm: NDArray[np.float64], comparison: str) -> NDArray[np.float64]:
    """The RDM, as ranks for Spearman, centred and scaled to length one; zeros where it has no variance."""
    from scipy.stats import rankdata

    values = rankdata(rdm) if comparison == "spearman" else rdm
    values = values - values.mean()
    norm = float(np.linalg.norm(values))
    return np.asarray(values / norm if norm > 1e-12 * max(1.0, float(np.abs(rdm).max())) else np.zeros_like(values))
