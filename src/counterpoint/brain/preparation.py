"""How stored responses become training arrays: units, z-scores with statistics from fit trials, means of repeats.

Statistics of responses that stay on disk are gathered in one pass over blocks of rows, in float64, with the
pairwise update of mean and squared deviations (Chan, Golub and LeVeque 1979), so that neither a large offset nor
the number of trials costs accuracy. Memory is one block and two numbers per voxel and session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from counterpoint.core.errors import CounterpointError

ZScore = Literal["session", "run", "subject", "none"]
BLOCK_BYTES = 2**24


@dataclass(frozen=True)
class Preparation:
    """What is done to responses between file and network, in this order: unit, voxels, z-score, clip.

    Attributes
    ----------
    zscore : "session", "run", "subject" or "none"
        Trials that share one mean and standard deviation per voxel: ``(x - mean) / std``, ddof 0, and 0 where the
        standard deviation is 0. Responses stored z-scored are left as they are.
    fit_on : "train" or "all"
        Trials that the statistics come from. "all" lets test trials into the mean and standard deviation.
    clip : float
        Prepared values are limited to plus or minus this many; 0 for no limit.
    rois, drop_networks : tuple of str
        Keep voxels of these regions (their union; empty for all), leave out those of these networks.
    min_ceiling : float
        Keep voxels whose noise ceiling (per cent; from training repeats, else as shipped) reaches this; 0 for all.
    """

    zscore: ZScore = "session"
    fit_on: Literal["train", "all"] = "train"
    clip: float = 0.0
    rois: tuple[str, ...] = ()
    drop_networks: tuple[str, ...] = ()
    min_ceiling: float = 0.0

    def __post_init__(self) -> None:
        for key, known in {"zscore": ("session", "run", "subject", "none"), "fit_on": ("train", "all")}.items():
            if getattr(self, key) not in known:
                raise CounterpointError(f"{key} = {getattr(self, key)!r}.", f"One of {', '.join(known)} was expected.")
        for key in ("rois", "drop_networks"):
            value = getattr(self, key)
            object.__setattr__(self, key, (value,) if isinstance(value, str) else tuple(value))
        if not self.clip >= 0:
            raise CounterpointError(f"clip = {self.clip}.", "A number of standard deviations, or 0, was expected.")
        if not 0 <= self.min_ceiling < 100:
            raise CounterpointError(f"min_ceiling = {self.min_ceiling}.", "Per cent from 0 to below 100 was expected.")


class Averaged(NamedTuple):
    """Mean responses ``(stimuli, voxels)``, their ids in ascending order, and how many trials went into each."""

    mean: np.ndarray
    stimulus_id: np.ndarray
    count: np.ndarray  # type: ignore[assignment]


@dataclass(frozen=True)
class GroupStatistics:
    """Mean and standard deviation (ddof 0) per group of trials, of the numbers as stored.

    Attributes
    ----------
    groups : ``(groups,)`` int64 labels in ascending order.
    mean, std : ``(groups, voxels)`` float64; ``std`` is 0 for what is constant up to rounding.
    count : ``(groups,)`` int64 trials that the statistics come from.
    low, high : ``(voxels,)`` smallest and largest finite value over all trials, fit or not.
    unusable : ``(voxels,)`` int64 trials in which the voxel is NaN or infinite.
    first_unusable : (row, voxel) of the first such value, or None.
    """

    groups: np.ndarray
    mean: np.ndarray = field(repr=False)
    std: np.ndarray = field(repr=False)
    count: np.ndarray
    low: np.ndarray = field(repr=False)
    high: np.ndarray = field(repr=False)
    unusable: np.ndarray = field(repr=False)
    first_unusable: tuple[int, int] | None = None

    def place(self, group: int) -> int:
        """Row of a group."""
        return int(np.searchsorted(self.groups, group))


def zscore_sessions(responses: Any, sessions: Any, fit_mask: Any = None) -> np.ndarray:
    r"""Each voxel z-scored within each session, with statistics of the session's fit trials.

    .. math:: z_{tv} = (x_{tv} - \mu_{s(t) v}) / \sigma_{s(t) v}

    with mean and standard deviation (ddof 0) over the fit trials of session ``s(t)``; 0 where the latter is 0.

    Parameters
    ----------
    responses : (trials, voxels) or (trials, time, parcels) array
        For time series, statistics are taken over trials and time.
    sessions : (trials,) int array
    fit_mask : (trials,) bool array, optional
        Trials that the statistics come from, such as the training trials; all by default.

    Returns
    -------
    numpy.ndarray
        The shape of ``responses``; their dtype where it is floating, else float32.

    Raises
    ------
    CounterpointError
        When lengths differ or a session has no fit trial.

    Examples
    --------
    >>> zscore_sessions(np.array([[1.0], [3.0], [7.0], [9.0]]), [1, 1, 2, 2]).ravel().tolist()
    [-1.0, 1.0, -1.0, 1.0]
    """
    values, groups = np.asarray(responses), np.asarray(sessions)
    fit = np.ones(len(values), bool) if fit_mask is None else np.asarray(fit_mask, bool)
    statistics = group_statistics(values, groups, fit)
    if len(lonely := np.setdiff1d(groups, statistics.groups)):
        raise CounterpointError(f"Session {lonely[0]} has no fit trial.",
                                "Every session needs trials that its mean and standard deviation come from.")
    out = np.empty(values.shape, values.dtype if np.issubdtype(values.dtype, np.floating) else np.float32)
    for place, group in enumerate(statistics.groups):
        rows = groups == group
        std = statistics.std[place]
        out[rows] = (values[rows] - statistics.mean[place]) * np.where(std > 0, 1 / np.where(std > 0, std, 1), 0)
    return out


def average_repeats(responses: Any, stimulus_id: Any) -> Averaged:
    """Mean over all trials of the same stimulus; z-score before, because averages mix session offsets.

    Parameters
    ----------
    responses : (trials, ...) array
    stimulus_id : (trials,) int array

    Returns
    -------
    Averaged
        ``(mean, stimulus_id, count)``; sums in float64, the mean in the dtype of ``responses`` (float32 for
        integers).

    Examples
    --------
    >>> average_repeats(np.array([[1.0], [5.0], [3.0]]), [7, 2, 7]).mean.ravel().tolist()
    [5.0, 2.0]
    """
    values, ids = np.asarray(responses), np.asarray(stimulus_id)
    if len(values) != len(ids):
        raise CounterpointError(f"{len(values)} rows of responses for {len(ids)} stimulus ids.")
    order = np.argsort(ids, kind="stable")
    unique, start, count = np.unique(ids[order], return_index=True, return_counts=True)
    kind = values.dtype if np.issubdtype(values.dtype, np.floating) else np.dtype(np.float32)
    flat = values.reshape(len(values), -1)
    mean = np.empty((len(unique), flat.shape[1]), kind)
    step = max(1, BLOCK_BYTES // (8 * max(1, len(values))))
    for column in range(0, flat.shape[1] if len(unique) else 0, step):
        block = flat[:, column : column + step][order].astype(np.float64)
        mean[:, column : column + step] = np.add.reduceat(block, start, axis=0) / count[:, None]
    return Averaged(mean.reshape(-1, *values.shape[1:]), unique, count)


def group_statistics(responses: Any, groups: Any, fit: Any = None, *,
                     block_bytes: int = BLOCK_BYTES) -> GroupStatistics:
    """Statistics per group of trials in one pass over blocks of consecutive rows.

    Parameters
    ----------
    responses : array or Responses
        ``(trials, voxels)`` or ``(trials, time, parcels)``, possibly on disk, read by index arrays of rows.
    groups : (trials,) int array
    fit : (trials,) bool array, optional
        Trials that count; groups without any are left out of the result.
    block_bytes : int
        Size of a block in float64.
    """
    labels = np.asarray(groups, dtype=np.int64)
    use = np.ones(len(labels), bool) if fit is None else np.asarray(fit, bool)
    if not len(labels) == len(use) == responses.shape[0]:
        raise CounterpointError(f"{responses.shape[0]} rows of responses, {len(labels)} group labels and "
                                f"{len(use)} fit flags.", "One of each per trial was expected.")
    gathered = _Gathered(np.unique(labels[use]), responses)
    step = max(1, block_bytes // (8 * int(np.prod(responses.shape[1:])) or 1))
    for start in range(0, len(labels), step):
        rows = np.arange(start, min(start + step, len(labels)))
        gathered.add(np.asarray(responses[rows]), labels[rows], use[rows], start)
    return gathered.result()


class _Gathered:
    """Running counts, means and squared deviations."""

    def __init__(self, groups: np.ndarray, responses: Any) -> None:
        voxels, kind = responses.shape[-1], np.dtype(str(responses.dtype).removeprefix("torch."))
        self.groups, self.count, self.samples = groups, np.zeros(len(groups), int), np.zeros(len(groups), int)
        self.mean, self.squares = np.zeros((len(groups), voxels)), np.zeros((len(groups), voxels))
        self.low, self.high = np.full(voxels, np.inf), np.full(voxels, -np.inf)
        self.unusable = np.zeros(voxels, np.int64)
        self.first: tuple[int, int] | None = None
        self.floating = np.issubdtype(kind, np.floating)
        self.rounding = 8 * np.finfo(kind if self.floating else np.float64).eps

    def add(self, stored: np.ndarray, labels: np.ndarray, use: np.ndarray, start: int) -> None:
        block = stored.reshape(len(stored), -1, stored.shape[-1])
        if self.floating:
            self._count_unusable(block, start)
        self.low = np.fmin(self.low, np.fmin.reduce(block, axis=(0, 1)))
        self.high = np.fmax(self.high, np.fmax.reduce(block, axis=(0, 1)))
        for label in np.unique(labels[use]):
            rows = use & (labels == label)
            values = block[rows].reshape(-1, block.shape[-1]).astype(np.float64)
            with np.errstate(invalid="ignore"):
                self._merge(int(np.searchsorted(self.groups, label)), values, int(rows.sum()))

    def _merge(self, place: int, values: np.ndarray, trials: int) -> None:
        mean = values.mean(axis=0)
        values -= mean
        before, new = self.samples[place], len(values)
        shift = mean - self.mean[place]
        self.mean[place] += shift * (new / (before + new))
        self.squares[place] += np.einsum("tv,tv->v", values, values) + shift**2 * (before * new / (before + new))
        self.samples[place] += new
        self.count[place] += trials

    def _count_unusable(self, block: np.ndarray, start: int) -> None:
        if np.isfinite(block).all():
            return
        bad = ~np.isfinite(block).all(axis=1)
        self.unusable += bad.sum(axis=0)
        if self.first is None:
            row, voxel = np.argwhere(bad)[0]
            self.first = (start + int(row), int(voxel))

    def result(self) -> GroupStatistics:
        with np.errstate(invalid="ignore"):
            std = np.sqrt(self.squares / np.maximum(self.samples, 1)[:, None])
            std[std <= self.rounding * np.abs(self.mean)] = 0
        return GroupStatistics(self.groups, self.mean, std, self.count, self.low, self.high, self.unusable, self.first)
