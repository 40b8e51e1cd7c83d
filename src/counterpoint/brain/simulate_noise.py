"""How noisy simulated voxels are: noise ceilings, noise that neighbours and successive trials share, sessions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from counterpoint.brain.simulate_tuning import smooth_fields

CEILING_BETA = (1.5, 2.4)
"""Three-trial ceilings of the Visual network as shares: median 0.37, a tenth above 0.68. Approximate: after the
median of about 36 % and the long tail that are reported for nsdgeneral with the third version of NSD's betas (Allen
et al., Nature Neuroscience 2022); take the published files for numbers to quote."""
_NOISE_PERCENT, _NOISE_SPREAD, _PERSON_SPREAD = 1.5, 0.25, 0.05
_PATCH_MM = 12.0
_MODES = 160
_DRIFTS = 3


def draw_ncsnr(points: NDArray[np.float64], gain: NDArray[np.float64], networks: NDArray[np.int64],
               rng: np.random.Generator) -> NDArray[np.float64]:
    """``(voxels,)`` single-trial signal-to-noise ratio (standard deviations), 0 where the gain is.

    Ratios follow :data:`CEILING_BETA` within each network, times its gain and a factor of the person; good voxels lie
    together.
    """
    latent = smooth_fields(points, 1, rng, length=_PATCH_MM)[:, 0] + rng.standard_normal(len(points))
    shares = np.sort(rng.beta(*CEILING_BETA, 20_000))
    person = np.exp(_PERSON_SPREAD * rng.standard_normal())
    found = np.zeros(len(points))
    for network in np.unique(networks[gain > 0]):
        own = np.flatnonzero((networks == network) & (gain > 0))
        rank = latent[own].argsort().argsort()
        share = np.quantile(shares, (rank + 0.5) / len(own))
        found[own] = np.sqrt(share / (1 - share) / 3)
    return found * gain * person


def shipped_ncsnr(ncsnr: NDArray[np.float64], rng: np.random.Generator, *, pictures: int = 1000) -> NDArray[np.float64]:
    """What a data set would ship: the ratio as estimated from three showings of other pictures, with that error."""
    noise = 1 / (1 + ncsnr**2) * (1 + rng.standard_normal(len(ncsnr)) / np.sqrt(pictures))
    return np.sqrt(np.maximum(0, 1 - noise) / noise)


def draw_noise_level(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """``(voxels,)`` standard deviation of single-trial noise in per cent signal change."""
    return _NOISE_PERCENT * np.exp(_NOISE_SPREAD * rng.standard_normal(count))


def correlated_noise(runs: NDArray[np.int64], points: NDArray[np.float64], rng: np.random.Generator, *,
                     spatial: float, length: float, temporal: float, drift: float) -> NDArray[np.float32]:
    """Noise of unit variance over rows (trials or time points) that lie in runs.

    Parameters
    ----------
    runs : ndarray
        ``(rows,)`` int64, runs numbered over all sessions, rows of a run together and in time.
    points : ndarray
        ``(voxels, 3)`` millimetres.
    spatial : float
        Share of the variance (drift apart) that is smooth over the cortex, with covariance
        ``exp(-d^2 / 2 length^2)``.
    temporal : float
        Correlation of successive rows of a run (first-order autoregression).
    drift : float
        Share of the variance that is a slow wave of each run: half to one and a half periods.

    Returns
    -------
    ndarray
        ``(rows, voxels)`` float32.
    """
    basis = smooth_fields(points, _MODES, rng, length=length) / np.sqrt(_MODES)
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    slow = smooth_fields(points, _MODES, rng, length=2 * length) / np.sqrt(_MODES)
    slow /= np.linalg.norm(slow, axis=1, keepdims=True)
    out = np.empty((len(runs), len(points)), np.float32)
    for rows in run_slices(runs):
        size = rows.stop - rows.start
        shared = _autoregression(rng.standard_normal((size, _MODES), np.float32), temporal)
        alone = _autoregression(rng.standard_normal((size, len(points)), np.float32), temporal)
        out[rows] = np.sqrt(spatial) * (shared @ basis.T.astype(np.float32)) + np.sqrt(1 - spatial) * alone
        if drift:
            moment = (np.arange(size) + 0.5) / max(size, 2)
            waves = np.cos(np.pi * np.arange(1, _DRIFTS + 1) * moment[:, None]) * np.sqrt(2 / _DRIFTS)
            wave = waves @ (rng.standard_normal((_DRIFTS, _MODES)) @ slow.T)
            out[rows] = np.sqrt(1 - drift) * out[rows] + np.sqrt(drift) * wave
    return out


def session_effects(points: NDArray[np.float64], sessions: int, rng: np.random.Generator, *, offset: float,
                    gain: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(sessions, voxels)`` offsets (in standard deviations of noise) and gains that go with a day, both smooth."""
    offsets = offset * (smooth_fields(points, sessions, rng, length=20.0).T + rng.standard_normal((sessions, 1)) / 2)
    gains = np.exp(gain * smooth_fields(points, sessions, rng, length=20.0).T)
    return offsets, gains


def run_slices(runs: NDArray[np.int64]) -> Iterator[slice]:
    """The stretches of rows with one run number."""
    cuts = np.flatnonzero(np.diff(runs)) + 1
    for start, stop in zip(np.r_[0, cuts], np.r_[cuts, len(runs)], strict=True):
        yield slice(int(start), int(stop))


def _autoregression(white: NDArray[np.float32], coefficient: float) -> NDArray[np.float32]:
    if coefficient:
        fresh = np.float32(np.sqrt(1 - coefficient**2))
        for row in range(1, len(white)):
            white[row] = np.float32(coefficient) * white[row - 1] + fresh * white[row]
    return white
