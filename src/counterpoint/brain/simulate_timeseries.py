"""Simulated parcel time series: trials in runs, through a haemodynamic response, sampled at the repetition time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from counterpoint.brain.simulate_noise import run_slices
from counterpoint.core.errors import CounterpointError

_FINE = 0.05
_RESPONSE_SECONDS = 32.0


def haemodynamic_response(t_r: float, *, duration: float = 1.0, delay: float = 0.0) -> NDArray[np.float64]:
    """Response to a stimulus at time points 0, t_r, 2 t_r ... after its onset, its highest value between them being 1.

    Parameters
    ----------
    t_r : float
        Seconds between time points.
    duration : float
        Seconds that the stimulus lasts.
    delay : float
        Seconds by which the response is later than usual.

    Returns
    -------
    ndarray
        ``(points,)`` over 32 s.

    Notes
    -----
    A stimulus of ``duration`` convolved with the difference of two gamma densities,
    ``h(t) = g(t; 6) - g(t; 16) / 6`` with ``g(t; a) = t^(a-1) e^-t / (a-1)!``: SPM's canonical response (Friston et
    al., NeuroImage 1998), as ``nilearn.glm.first_level.spm_hrf`` has it.

    Examples
    --------
    >>> haemodynamic_response(2.0).round(2)[:8].tolist()
    [0.0, 0.1, 0.76, 0.98, 0.62, 0.25, 0.04, -0.06]
    """
    if not 0 < t_r <= 10 or duration <= 0:
        raise CounterpointError(f"t_r={t_r}, duration={duration}.", "t_r of 0 to 10 s and a duration above 0 were "
                                "expected.", "t_r=2.0")
    fine = np.arange(0, _RESPONSE_SECONDS, _FINE)
    shape = _double_gamma(fine - delay)
    response = np.convolve(shape, np.ones(max(1, round(duration / _FINE))))[: len(fine)]
    return np.interp(np.arange(0, _RESPONSE_SECONDS, t_r), fine, response / response.max())


def _double_gamma(t: NDArray[np.float64]) -> NDArray[np.float64]:
    late = np.maximum(t, 0)
    return late**5 * np.exp(-late) / 120 - late**15 * np.exp(-late) / 1307674368000 / 6


def trial_series(amplitudes: NDArray[np.floating], runs: NDArray[np.int64], response: NDArray[np.float64], *,
                 points: int) -> NDArray[np.float32]:
    """What trials of ``points`` time points, one after the other, evoke within each run.

    Parameters
    ----------
    amplitudes : ndarray
        ``(trials, parcels)``.
    runs : ndarray
        ``(trials,)`` run numbers; trials of a run lie together.
    response : ndarray
        ``(length,)`` or ``(length, parcels)`` response to one trial; it reaches into the following trials.
    points : int
        Time points from one onset to the next.

    Returns
    -------
    ndarray
        ``(trials * points, parcels)`` float32.
    """
    kernel = response if response.ndim == 2 else response[:, None]
    out = np.zeros((len(amplitudes) * points, amplitudes.shape[1]), np.float32)
    for rows in run_slices(runs):
        first, last = rows.start * points, rows.stop * points
        for lag in range(min(len(kernel), last - first)):
            moments = np.arange(first + lag, last, points)
            out[moments] += (amplitudes[rows][: len(moments)] * kernel[lag]).astype(np.float32)
    return out


def overlap_variance(response: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """``(points, parcels)`` sum of squares of what earlier trials still add at each time point of a trial."""
    kernel = response if response.ndim == 2 else response[:, None]
    padded = np.zeros((-(-len(kernel) // points) * points, kernel.shape[1]))
    padded[: len(kernel)] = kernel
    return (padded.reshape(-1, points, kernel.shape[1])[1:] ** 2).sum(0)
