"""Which trials share a mean and standard deviation, which of them these come from, and applying them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from counterpoint.brain.preparation import GroupStatistics, Preparation
from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import SCALE, BrainDataset

FEW_TRIALS = 5
"""A group with fewer fit trials than this has no statistics of its own."""


class Scaling:
    """Groups of trials for the z-score.

    Attributes
    ----------
    needed : whether anything is z-scored.
    groups : ``(trials,)`` group of each trial.
    fit : ``(trials,)`` bool, the trials that statistics come from.
    borrowed : groups with fewer than five such trials, which take the statistics of all fit trials together.
    """

    def __init__(self, data: BrainDataset, preparation: Preparation) -> None:
        self.scale = SCALE[data.unit]
        self.needed = preparation.zscore != "none" and data.unit != "z"
        self.groups, self.pairs = data.session, None
        if preparation.zscore == "subject":
            self.groups = np.zeros(len(data), np.int64)
        elif preparation.zscore == "run":
            pairs = np.stack([data.session, data.run], axis=1)
            self.pairs, self.groups = np.unique(pairs, axis=0, return_inverse=True)
        self.fit = np.ones(len(data), bool)
        if preparation.fit_on == "train":
            self.fit = data.split == "train"
        if self.needed and not self.fit.any():
            raise CounterpointError(f"{data.name} {data.subject} has no training trial.",
                                    "Z-score statistics come from training trials.", 'Preparation(fit_on="all")')
        groups, back = np.unique(self.groups, return_inverse=True)
        self.borrowed = groups[np.bincount(back, weights=self.fit, minlength=len(groups)) < FEW_TRIALS]
        if len(groups) == 1:
            self.borrowed = groups[:0]

    def label(self, group: int) -> str:
        """A group in words."""
        if self.pairs is None:
            return f"session {group}"
        return f"session {self.pairs[group][0]}, run {self.pairs[group][1]}"

    def factors(self, statistics: GroupStatistics | None,
                columns: np.ndarray | None) -> Callable[[np.ndarray, np.ndarray], None]:
        """A function that rescales ``(m, ..., voxels)`` float32 values of trials ``(m,)`` in place."""
        if statistics is None:
            return self._to_unit
        known, own, inverse = self._tables(statistics, columns)

        def rescale(values: np.ndarray, trials: np.ndarray) -> None:
            place = np.searchsorted(known, self.groups[trials])
            place[np.isin(self.groups[trials], self.borrowed)] = len(known)
            cuts = np.flatnonzero(np.diff(place)) + 1  # trials of one group lie together when stored in order
            for piece, group in zip(np.split(values, cuts), place[np.r_[0, cuts]], strict=True):
                piece -= own[group]
                piece *= inverse[group]

        return rescale

    def _to_unit(self, values: np.ndarray, trials: np.ndarray) -> None:
        if self.scale != 1:
            values *= np.float32(self.scale)

    def _tables(self, statistics: GroupStatistics,
                columns: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pick = slice(None) if columns is None else columns
        mean, std = statistics.mean[:, pick], statistics.std[:, pick]
        weight = (statistics.count / max(1, statistics.count.sum()))[:, None]
        overall = (weight * mean).sum(axis=0)
        spread = np.sqrt((weight * (std**2 + (mean - overall) ** 2)).sum(axis=0))
        means, stds = np.vstack([mean, overall]), np.vstack([std, spread])
        inverse = np.where(stds > 0, 1 / np.where(stds > 0, stds, 1), 0)
        return statistics.groups, means.astype(np.float32), inverse.astype(np.float32)
