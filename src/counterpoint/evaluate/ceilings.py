"""Noise ceilings: how much of a voxel any model could explain, from how well the voxel agrees with itself."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_labels, as_tensor
from counterpoint.evaluate._doubles import as_finite, as_repeats, unit_columns
from counterpoint.evaluate.voxelwise import voxelwise_correlation


class NoiseCeiling(NamedTuple):
    """See :func:`noise_ceiling`."""

    ceiling: NDArray[np.float64]
    ncsnr: NDArray[np.float64]


def noise_ceiling(responses: Array, *, n_average: int | None = None) -> NoiseCeiling:
    r"""Ceiling of explainable variance in percent, per voxel, from equally repeated stimuli.

    .. math::

        \sigma_n^2 = \operatorname{mean}_s \operatorname{var}_r z_{rs}, \quad
        \sigma_s^2 = \max(0, 1 - \sigma_n^2), \quad
        \text{ncsnr} = \sigma_s / \sigma_n, \quad
        \text{NC} = 100 \, \frac{\text{ncsnr}^2}{\text{ncsnr}^2 + 1/n}

    with z each repeat standardised over stimuli (population sd) and the variance over repeats with ddof 1. Natural
    Scenes Dataset, Allen et al. 2022, Methods. It bounds the *squared* correlation: ``sqrt(NC / 100)`` bounds r, and
    r is never divided by NC. Standardise responses within each session first; drifts between sessions count as noise
    otherwise. With few repeats the estimate is noisy, and it is clipped at 0, so that dead voxels come out above 0 on
    average: choose voxels by a ceiling measured on other data than the test set.

    Parameters
    ----------
    responses : array
        ``(repeats, stimuli, voxels)``, 2 repeats and 2 stimuli or more. For unequal repeats see
        :func:`ncsnr_from_trials` and :func:`noise_ceiling_from_ncsnr`.
    n_average : int, optional
        Trials averaged in the data that a model is tested on; 1 for single trials. All repeats by default.

    Returns
    -------
    NoiseCeiling
        ``ceiling`` (percent of variance, 0..100) and ``ncsnr`` (0 or above), each ``(voxels,)``. A voxel that is
        constant in any repeat has 0; one that repeats itself exactly has ncsnr inf and ceiling 100.

    Raises
    ------
    CounterpointError
        Other shapes, NaN (with its place), too few repeats.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> signal = rng.normal(size=(1, 500, 2)) * np.array([1.0, 3.0])
    >>> found = noise_ceiling(signal + rng.normal(size=(3, 500, 2))).ceiling
    >>> bool(np.allclose(found, [100 * 1 / (1 + 1 / 3), 100 * 9 / (9 + 1 / 3)], atol=3))
    True
    """
    x = as_repeats(responses)
    repeats = len(x)
    if n_average is not None and n_average < 1:
        raise CounterpointError(f"n_average is {n_average}.", "1 trial or more is averaged.")
    z = torch.stack([unit_columns(repeat) for repeat in x]) * x.shape[1] ** 0.5
    noise = z.var(0, correction=1).mean(0)
    ncsnr = _ratio(noise, alive=(z != 0).any(1).all(0))
    counts = np.bincount([n_average or repeats])[1:]
    return NoiseCeiling(noise_ceiling_from_ncsnr(ncsnr, counts), ncsnr)


def noise_ceiling_from_ncsnr(ncsnr: Array, repeat_counts: Array) -> NDArray[np.float64]:
    r"""Ceiling in percent of variance where test images were averaged over unequal numbers of trials.

    .. math:: 100 \, \frac{\text{ncsnr}^2}{\text{ncsnr}^2 + c}, \quad
        c = \frac{A_1/1 + A_2/2 + A_3/3 + \dots}{A_1 + A_2 + A_3 + \dots}

    Natural Scenes Dataset manual; with one count it is :func:`noise_ceiling`.

    Parameters
    ----------
    ncsnr : array
        ``(voxels,)``, 0 or above.
    repeat_counts : array
        ``repeat_counts[k - 1]`` is the number of test images that were shown k times.

    Returns
    -------
    array
        ``(voxels,)`` percent.

    Examples
    --------
    >>> import numpy as np
    >>> noise_ceiling_from_ncsnr(np.array([0.0, 1.0]), np.array([0, 0, 100])).round(3)
    array([ 0., 75.])
    """
    ratio = as_tensor(ncsnr, "ncsnr").detach().cpu().double()
    counts = as_finite(repeat_counts, "repeat_counts", axes=("times shown",)).cpu().double()
    if ratio.ndim != 1 or not bool((ratio >= 0).all()):
        raise CounterpointError(
            f"ncsnr has shape {tuple(ratio.shape)} and smallest value {float(ratio.min()) if ratio.numel() else None}.",
            "(voxels,) numbers of 0 or above were expected.",
        )
    if not bool((counts >= 0).all()) or not float(counts.sum()):
        raise CounterpointError(f"repeat_counts is {counts.tolist()}.", "Numbers of images, not all 0, were expected.")
    share = float((counts / torch.arange(1, len(counts) + 1)).sum() / counts.sum())
    return np.asarray((100 / (1 + share / ratio.square())).numpy())


def ncsnr_from_trials(responses: Array, stimulus_id: Array, *, session: Array | None = None) -> NDArray[np.float64]:
    r"""Ratio of signal to noise per voxel from single trials, where stimuli were repeated unequally often.

    .. math:: \sigma_n^2 = \frac{\sum_s \sum_{t \in s} (z_t - \bar z_s)^2}{\sum_s (n_s - 1)}, \quad
        \text{ncsnr} = \sqrt{\max(0, 1 - \sigma_n^2)} / \sigma_n

    over stimuli s that were shown twice or more, after standardising each session over its trials (population sd).
    With every stimulus once per session it equals the ``ncsnr`` of :func:`noise_ceiling`.

    Parameters
    ----------
    responses : array
        ``(trials, voxels)``.
    stimulus_id : array
        ``(trials,)`` integers, equal for equal pictures.
    session : array, optional
        ``(trials,)`` integers; None treats all trials as one session.

    Returns
    -------
    array
        ``(voxels,)`` for :func:`noise_ceiling_from_ncsnr`; 0 for a voxel that is constant in any session.

    Raises
    ------
    CounterpointError
        No stimulus was shown twice; other shapes; NaN, with its place.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> picture = np.concatenate([np.arange(400), np.arange(300), np.arange(100)])
    >>> trials = rng.normal(size=(400, 1))[picture] + rng.normal(size=(800, 1))
    >>> bool(abs(ncsnr_from_trials(trials, picture)[0] - 1) < 0.1)
    True
    """
    x = as_finite(responses, "responses", axes=("trial", "voxel"))
    z = x.double()
    alive = torch.ones(z.shape[1], dtype=torch.bool, device=z.device)
    one = torch.zeros(len(z), dtype=torch.int64)
    part = one if session is None else as_labels(session, "session", length=len(z))
    for number in part.unique():
        rows = (part == number).to(z.device)
        scaled = unit_columns(z[rows]) * int(rows.sum()) ** 0.5
        alive &= (scaled != 0).any(0)
        z[rows] = scaled
    groups = as_labels(stimulus_id, "stimulus_id", length=len(z)).to(z.device).unique(return_inverse=True)[1]
    shown = torch.bincount(groups)
    freedom = int((shown - 1).sum())
    if freedom == 0:
        raise CounterpointError(
            f"stimulus_id: each of {len(shown)} stimuli was shown once.",
            "Noise is measured on stimuli that were shown twice or more.",
        )
    mean = torch.zeros(len(shown), z.shape[1], dtype=z.dtype, device=z.device).index_add_(0, groups, z)
    residual = z - (mean / shown.unsqueeze(1))[groups]
    return _ratio(residual.square().sum(0) / freedom, alive=alive)


def noise_normalised_accuracy(
    y_true: Array, y_pred: Array, noise_ceiling: Array, *, reduction: Literal["none", "mean", "median"] = "none"
) -> NDArray[np.float64] | float:
    r"""Share of the explainable variance that a prediction reaches, in percent: the Algonauts 2023 score.

    .. math:: s_v = 100 \, \min(1, \max(0, r_v)^2 / \text{NC}_v)

    with NC = 0 replaced by 1e-14, so that any positive correlation there scores 100: leave such voxels out. The
    challenge page averages over vertices, hemispheres and subjects; the formula of the challenge paper (Gifford et
    al. 2023) and its participants' code take the median. Say which one a number is.

    Parameters
    ----------
    y_true, y_pred : array
        ``(stimuli, voxels)`` test responses and predictions.
    noise_ceiling : array
        ``(voxels,)`` as a fraction in 0..1 (percent divided by 100), of the same averaging as ``y_true``.
    reduction : str
        ``"none"`` (per voxel), ``"mean"`` or ``"median"``.

    Returns
    -------
    array or float
        ``(voxels,)`` or one number, in 0..100.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
    >>> noise_normalised_accuracy(y, y * [1, -1], np.array([0.5, 0.5]), reduction="mean")
    50.0
    """
    if reduction not in ("none", "mean", "median"):
        raise CounterpointError(f'reduction is "{reduction}".', '"none", "mean" or "median" was expected.')
    r = voxelwise_correlation(y_true, y_pred)
    ceiling = as_finite(noise_ceiling, "noise_ceiling", axes=("voxel",)).cpu().double().numpy()
    if ceiling.shape != r.shape:
        raise CounterpointError(f"noise_ceiling has {len(ceiling)} values for {len(r)} voxels.", "One per voxel.")
    if ceiling.min() < 0 or ceiling.max() > 1:
        raise CounterpointError(
            f"noise_ceiling runs from {ceiling.min():g} to {ceiling.max():g}.",
            "A fraction of variance in 0..1 was expected.",
            "noise_ceiling / 100",
        )
    score = 100 * np.minimum(1, np.maximum(r, 0) ** 2 / np.where(ceiling == 0, 1e-14, ceiling))
    if reduction == "none":
        return np.asarray(score)
    return float(np.mean(score) if reduction == "mean" else np.median(score))


def _ratio(noise: Tensor, *, alive: Tensor) -> NDArray[np.float64]:
    """Signal over noise from the noise's share of unit variance; what is left below rounding is nothing."""
    noise = torch.where(noise < 1e-15, 0.0, noise)
    ratio = (1 - noise).clamp_min(0).sqrt() / noise.sqrt()
    return np.asarray(torch.where(alive, ratio, 0.0).cpu().numpy())
