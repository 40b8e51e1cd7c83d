"""From a run's time series to one response per trial: cleaning, a window after onset, or a linear model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.data.trial_events import TrialEvents

_CLOSE = 1e-6


@dataclass(frozen=True)
class TrialEstimate:
    """How trials become responses.

    Attributes
    ----------
    kind : "window" or "glm"
        The mean of the cleaned series in a window after onset, or a weight of a linear model.
    window : tuple of float
        Seconds after onset, both ends included.
    glm : "lsa" or "lss"
        One model with a regressor per trial (least squares all), or one model per trial in which all other
        trials share a regressor (least squares separate; Mumford et al. 2012).
    time_series : bool
        Keep ``round((end - start) / t_r)`` frames from the first one in the window, in place of their mean.
    hrf_model : str
        Of the linear model, as nilearn names them.
    resample : float or None
        Seconds between frames that cleaned series are interpolated to (not for "glm").
    """

    kind: Literal["window", "glm"] = "window"
    window: tuple[float, float] = (4.0, 8.0)
    glm: Literal["lsa", "lss"] = "lsa"
    time_series: bool = False
    hrf_model: str = "spm"
    resample: float | None = None

    def __post_init__(self) -> None:
        start, end = self.window
        if not 0 <= start < end:
            raise CounterpointError(
                f"window is {self.window}.", "0 <= start < end, in seconds, was expected."
            )
        if self.kind not in ("window", "glm") or self.glm not in ("lsa", "lss"):
            raise CounterpointError(
                f'estimate is "{self.kind}", glm "{self.glm}".',
                "window or glm, and lsa or lss, were expected.",
            )
        if self.kind == "glm" and self.time_series:
            raise CounterpointError(
                "A linear model gives no time series.", "", 'estimate="window", time_series=True'
            )
        if self.resample is not None and not 0 < self.resample < 60:
            raise CounterpointError(f"resample is {self.resample}.", "Seconds between frames were expected.")


@dataclass
class RunSeries:
    """One run as stored.

    Attributes
    ----------
    values : numpy.ndarray
        ``(frames, voxels)``.
    t_r : float
        Seconds between frames.
    start : float
        Seconds of the first frame (half a frame where slice timing was moved to its middle).
    confounds : numpy.ndarray or None
        ``(frames, k)`` to be removed.
    kept : numpy.ndarray or None
        Frames that count; all by default.
    has_drift : bool
        Whether the confounds hold slow drifts already.
    place : str
        What messages call it.
    """

    values: np.ndarray
    t_r: float
    start: float = 0.0
    confounds: np.ndarray | None = None
    kept: np.ndarray | None = None
    has_drift: bool = False
    place: str = "the run"


def estimate_trials(run: RunSeries, events: TrialEvents, how: TrialEstimate) -> tuple[np.ndarray, np.ndarray]:
    """Responses to the trials of one run.

    Returns
    -------
    responses : numpy.ndarray
        ``(n, voxels)`` or ``(n, time, voxels)`` float32.
    rows : numpy.ndarray
        ``(n,)`` rows of ``events``; trials whose window holds no frame, or not all frames, are left out.

    Raises
    ------
    CounterpointError
        When a trial begins after the run has ended, or confounds and frames do not match.
    """
    frames = len(run.values)
    end = run.start + frames * run.t_r
    late = np.flatnonzero(events.onset >= end)
    if len(late):
        hint = " Onsets in milliseconds?" if events.onset.max() > 50 * end else ""
        raise CounterpointError(
            f"{events.place}: onset {events.onset[late[0]]:g} s, but {run.place} ends at {end:g} s.{hint}",
            "Onsets in seconds from the first frame of the same run were expected.",
        )
    if run.confounds is not None and len(run.confounds) != frames:
        raise CounterpointError(
            f"{run.place} has {frames} frames and {len(run.confounds)} rows of confounds."
        )
    if how.kind == "glm":
        return _weights(run, events, how).astype(np.float32), np.arange(len(events.onset))
    values, seconds, t_r = clean_series(run), _seconds(run), run.t_r
    if run.kept is not None:
        seconds = seconds[run.kept]
    if how.resample is not None:
        values, seconds, t_r = _resampled(values, seconds, how.resample)
    return _windows(values, seconds, t_r=t_r, onset=events.onset, how=how)


def clean_series(run: RunSeries) -> np.ndarray:
    """``(kept frames, voxels)``: linear trend and confounds removed, standardised per voxel (ddof 1)."""
    try:
        from nilearn.signal import clean
    except ImportError as error:
        raise missing_extra("Cleaning time series", "nilearn", "fmri") from error
    return np.asarray(
        clean(
            run.values.astype(np.float64),
            detrend=True,
            standardize="zscore_sample",
            sample_mask=run.kept,
            confounds=run.confounds,
            filter=False,
            t_r=run.t_r,
        )
    )


def _seconds(run: RunSeries) -> np.ndarray:
    return run.start + run.t_r * np.arange(len(run.values))


def _resampled(values: np.ndarray, seconds: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray, float]:
    from scipy.interpolate import interp1d

    wanted = np.arange(seconds[0], seconds[-1] + _CLOSE, step)
    wanted = np.minimum(wanted, seconds[-1])
    return interp1d(seconds, values, axis=0, assume_sorted=True)(wanted), wanted, step


def _windows(
    values: np.ndarray, seconds: np.ndarray, *, t_r: float, onset: np.ndarray, how: TrialEstimate
) -> tuple[np.ndarray, np.ndarray]:
    start, end = how.window
    low = np.searchsorted(seconds, onset + start - _CLOSE)
    if how.time_series:
        count = max(1, round((end - start) / t_r))
        head = np.minimum(low, len(seconds) - 1)
        last = np.minimum(low + count - 1, len(seconds) - 1)
        # where frames were censored, the last of `count` frames lies further off than count - 1 steps
        gap = np.abs(seconds[last] - seconds[head] - (count - 1) * t_r) > 0.01
        whole = (low + count <= len(seconds)) & ~gap & (seconds[head] < onset + start + t_r - _CLOSE)
        rows = np.flatnonzero(whole)
        return values[low[rows, None] + np.arange(count)].astype(np.float32), rows
    high = np.searchsorted(seconds, onset + end + _CLOSE)
    rows = np.flatnonzero((high > low) & (onset + end <= seconds[-1] + t_r))
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    means = (total[high[rows]] - total[low[rows]]) / (high - low)[rows, None]
    return means.astype(np.float32), rows


def _weights(run: RunSeries, events: TrialEvents, how: TrialEstimate) -> np.ndarray:
    try:
        from nilearn.glm.first_level import run_glm
    except ImportError as error:
        raise missing_extra("Linear models of trials", "nilearn", "fmri") from error
    kept = np.arange(len(run.values)) if run.kept is None else run.kept
    values = run.values[kept].astype(np.float64)
    spread = values.std(axis=0, ddof=1)
    values = np.divide(values - values.mean(axis=0), spread, out=np.zeros_like(values), where=spread > 0)
    count = len(events.onset)
    if how.glm == "lsa":
        design, columns = _design(run, events, how, np.arange(count))
        return _solved(run_glm, values, design[kept], columns, run.place)
    rows = []
    for trial in range(count):
        design, columns = _design(run, events, how, np.where(np.arange(count) == trial, 0, 1))
        rows.append(_solved(run_glm, values, design[kept], columns[:1], run.place)[0])
    return np.stack(rows)


def _design(
    run: RunSeries, events: TrialEvents, how: TrialEstimate, condition: np.ndarray
) -> tuple[np.ndarray, list[int]]:
    """Design over all frames, and the columns of the conditions in order."""
    import pandas
    from nilearn.glm.first_level import make_first_level_design_matrix

    names = [f"trial{number:06d}" for number in condition]
    table = pandas.DataFrame({"onset": events.onset, "duration": events.duration, "trial_type": names})
    design = make_first_level_design_matrix(
        _seconds(run),
        table,
        hrf_model=how.hrf_model,
        drift_model=None if run.has_drift else "cosine",
        add_regs=run.confounds,
    )
    wanted = [f"trial{number:06d}" for number in np.unique(condition)]
    return design.to_numpy(), [int(design.columns.get_loc(name)) for name in wanted]


def _solved(
    run_glm: Any, values: np.ndarray, design: np.ndarray, columns: list[int], place: str
) -> np.ndarray:
    if design.shape[1] >= len(design):
        raise CounterpointError(
            f"{place} has {len(design)} frames for {design.shape[1]} regressors.",
            "More frames than regressors were expected.",
            'glm="lss", or fewer confounds',
        )
    labels, results = run_glm(values, design, noise_model="ols")
    return np.asarray(results[labels[0]].theta[columns])
