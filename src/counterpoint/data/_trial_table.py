"""Trials of several runs gathered into one subject."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import BrainDataset, Space, Stimuli
from counterpoint.data.decode import SUFFIXES, Files
from counterpoint.data.trial_estimates import RunSeries, TrialEstimate, estimate_trials
from counterpoint.data.trial_events import TrialEvents

_log = logging.getLogger(__name__)


class TrialTable:
    """Runs go in one after the other, a :class:`~counterpoint.data.BrainDataset` comes out.

    Parameters
    ----------
    how : TrialEstimate
    """

    def __init__(self, how: TrialEstimate) -> None:
        self.how = how
        self._responses: list[np.ndarray] = []
        self._alive: np.ndarray | None = None
        self._names: list[str] = []
        self._split: list[str] = []
        self._columns: dict[str, list[np.ndarray]] = {"session": [], "run": [], "trial": []}
        self._first: RunSeries | None = None
        self._left_out = 0

    def add(self, series: RunSeries, events: TrialEvents, *, session: int, run: int) -> None:
        """Estimate the trials of one run.

        Raises
        ------
        CounterpointError
            When its repetition time differs from that of the first run and no ``resample`` was asked for.
        """
        first = self._first = self._first or series
        if abs(series.t_r - first.t_r) > 1e-3 and self.how.resample is None:
            raise CounterpointError(
                f"{series.place} has a frame every {series.t_r:g} s, {first.place} every {first.t_r:g} s.",
                "Runs of one repetition time were expected.",
                f"resample={min(series.t_r, first.t_r):g}",
            )
        if series.values.shape[1] != first.values.shape[1]:
            raise CounterpointError(
                f"{series.place} has {series.values.shape[1]} voxels, {first.place} {first.values.shape[1]}."
            )
        kept = series.values if series.kept is None else series.values[series.kept]
        alive = np.isfinite(kept).all(axis=0) & (kept != kept[:1]).any(axis=0)
        self._alive = alive if self._alive is None else self._alive & alive
        series.values = np.where(alive, series.values, 0.0)
        made, rows = estimate_trials(series, events, self.how)
        if series is not first:
            series.values = series.values[:, :0]
        self._left_out += len(events.onset) - len(rows)
        self._responses.append(made)
        self._names += [events.name[row] for row in rows]
        self._split += [events.split[row] if events.split else "" for row in rows]
        for key, values in {"session": np.full(len(rows), session), "run": np.full(len(rows), run)}.items():
            self._columns[key].append(values)
        self._columns["trial"].append(rows)

    def finish(
        self,
        *,
        name: str,
        subject: str,
        space: Space,
        test: Sequence[str] = (),
        stimuli: Path | None = None,
        coordinates: np.ndarray | None = None,
        parcels: np.ndarray | None = None,
        parcel_names: dict[int, str] | None = None,
        notes: Sequence[str] = (),
    ) -> BrainDataset:
        """The subject; voxels without finite, changing numbers in every run are left out."""
        if self._alive is None or not len(self._names):
            raise CounterpointError(f"{name} {subject} has no trial whose window lies in its run.")
        kept = np.flatnonzero(self._alive)
        if not len(kept):
            raise CounterpointError(f"{name} {subject} has no voxel with changing numbers in every run.")
        distinct, ids = np.unique(self._names, return_inverse=True)
        notes = [*notes, *self._notes(distinct.tolist(), test)]
        index = space.index[kept] if space.index is not None else None
        how, seconds = self.how, self._first.t_r if self._first else 0.0
        columns: dict[str, Any] = {key: np.concatenate(values) for key, values in self._columns.items()}
        return BrainDataset(
            name=name,
            subject=subject,
            responses=np.concatenate(self._responses)[..., kept],
            stimulus_id=ids,
            split=self._splits(distinct, ids, test),
            stimuli=_stimuli(distinct.tolist(), stimuli, notes),
            unit="z" if how.kind == "window" else "arbitrary",
            space=Space(space.kind, space.shape, index, space.affine),
            coordinates=None if coordinates is None else coordinates[kept],
            parcels=None if parcels is None else parcels[kept],
            parcel_names=parcel_names or {},
            t_r=(how.resample or seconds) if how.time_series else None,
            notes=notes,
            **columns,
        )

    def _notes(self, distinct: list[str], test: Sequence[str]) -> list[str]:
        how = self.how
        text = f"mean of {how.window[0]:g}..{how.window[1]:g} s after onset"
        if how.time_series:
            text = f"time series of {how.window[0]:g}..{how.window[1]:g} s after onset"
        if how.kind == "glm":
            text = f"linear model, {how.glm.upper()}, {how.hrf_model}"
        made = [f"responses: {text}; runs standardised."]
        if how.resample:
            made.append(f"runs resampled to {how.resample:g} s.")
        if self._left_out:
            made.append(f"{self._left_out} trials without all frames of their window were left out.")
        dead = int(np.count_nonzero(~self._alive)) if self._alive is not None else 0
        if dead:
            made.append(f"{dead} voxels without finite, changing numbers in every run were left out.")
        if not any(self._split) and not test:
            made.append("no split column: all trials are train.")
        for line in made:
            _log.info("%s", line)
        return made

    def _splits(self, distinct: np.ndarray, ids: np.ndarray, test: Sequence[str]) -> np.ndarray:
        unknown = sorted(set(test) - set(distinct.tolist()))
        if unknown:
            raise CounterpointError(
                f"{len(unknown)} stimuli of test were not shown, the first {unknown[0]}.",
                f"Shown were {', '.join(distinct[:3])} and others.",
            )
        given = np.array([word or "train" for word in self._split])
        split = np.where(np.isin(distinct, list(test))[ids], "test", given) if test else given
        twice = np.intersect1d(ids[split == "train"], ids[split == "test"])
        if len(twice):
            raise CounterpointError(
                f"{len(twice)} stimuli are in train and in test, the first {distinct[twice[0]]}.",
                "Every showing of a stimulus has to be in one split.",
            )
        return split


def _stimuli(names: list[str], folder: Path | None, notes: list[str]) -> Stimuli:
    images = None
    paths = [folder / name for name in names] if folder is not None else []
    pictures = [path for path in paths if path.suffix.lower() in SUFFIXES]
    missing = [path for path in pictures if not _inside(path, folder) or not path.is_file()]
    if pictures and not missing and len(pictures) == len(names):
        from PIL import Image

        with Image.open(pictures[0]) as image:
            size = min(image.size)
        images = Files(pictures, [str(path) for path in pictures], size, 3)
    elif pictures:
        first = missing[0] if missing else next(path for path in paths if path not in pictures)
        notes.append(f"no pictures: {first} is not there or is no picture.")
    return Stimuli(np.arange(len(names)), images=images, names=names)


def _inside(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.resolve().is_relative_to(folder.resolve())
