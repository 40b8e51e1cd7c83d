"""One person's responses as training code reads them: prepared, lazily, in any order."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from counterpoint.brain._ceiling import FEWEST, LEAST, repeat_ceiling, shipped_ceiling
from counterpoint.brain._openers import Openers
from counterpoint.brain._scaling import Scaling
from counterpoint.brain._showings import Showings
from counterpoint.brain.preparation import GroupStatistics, Preparation, group_statistics
from counterpoint.brain.subject_checks import check_subject, usable_voxels
from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.brain import BrainDataset

BLOCK_BYTES = 2**25


class Subject(Openers):
    """A :class:`~counterpoint.data.BrainDataset` with a :class:`Preparation`.

    Nothing is read when it is made. The first call that needs statistics goes once over the responses.

    Parameters
    ----------
    data : BrainDataset
    preparation : Preparation, optional
        Z-scored within session with statistics from training trials by default.

    Raises
    ------
    CounterpointError
        When a region or network that the preparation names is unknown.

    Examples
    --------
    >>> responses = np.random.default_rng(0).normal(size=(6, 4))
    >>> subject = Subject.from_arrays(responses, [3, 5, 3, 5, 9, 9], split=["train"] * 4 + ["test"] * 2)
    >>> subject.stimuli("train").tolist(), subject.trials_of([9, 3]).tolist()
    ([3, 5], [[4, 5], [0, 2]])
    >>> subject.read(np.array([5, 0])).shape, subject.mean([3, 9]).shape
    ((2, 4), (2, 4))
    """

    def __init__(self, data: BrainDataset, preparation: Preparation | None = None) -> None:
        self.data, self.preparation = data, preparation or Preparation()
        self.name = f"{data.name} {data.subject}"
        for kind, wanted, known in (("region", self.preparation.rois, data.rois),
                                    ("network", self.preparation.drop_networks, data.network_names.values())):
            for name in wanted:
                if name not in known:
                    raise unknown(f"{kind} of {self.name}", name, list(known), "counterpoint decode --help")

    def __repr__(self) -> str:
        return f"Subject({self.name!r}, {len(self.data)} trials, {self.data.voxels} voxels stored)"

    def __len__(self) -> int:
        return len(self.data)

    @cached_property
    def scaling(self) -> Scaling:
        """Which trials share statistics, and where those come from."""
        return Scaling(self.data, self.preparation)

    @cached_property
    def statistics(self) -> GroupStatistics:
        """Statistics of the stored numbers per group of trials (one pass over the responses)."""
        scaling = self.scaling
        return group_statistics(self.data.responses, scaling.groups, scaling.fit)

    @cached_property
    def notes(self) -> list[str]:
        """What the choice of voxels left out and why."""
        return self._chosen[1]

    @cached_property
    def kept(self) -> np.ndarray:
        """``(stored voxels,)`` bool: the voxels that :meth:`read` returns."""
        return self._chosen[0]

    @property
    def voxels(self) -> int:
        """Voxels, vertices or parcels that :meth:`read` returns."""
        return int(np.count_nonzero(self.kept))

    @property
    def rois(self) -> dict[str, np.ndarray]:
        """Masks over the voxels that :meth:`read` returns."""
        return {name: np.asarray(mask, bool)[self.kept] for name, mask in self.data.rois.items()}

    def unmask(self, values: Any, *, fill: float = 0.0) -> np.ndarray:
        """``(..., voxels)`` values of the kept voxels back in the volume or on the surface."""
        found = np.asarray(values)
        if found.shape[-1] != self.voxels:
            raise CounterpointError(f"{found.shape[-1]} values for the {self.voxels} voxels of {self.name}.")
        full = np.full((*found.shape[:-1], self.data.voxels), fill, np.result_type(found, np.float32))
        full[..., self.kept] = found
        return self.data.unmask(full, fill=fill)

    def rows(self, split: str) -> np.ndarray:
        """``(trials,)`` int64 trials of a split."""
        found = np.flatnonzero(self.data.split == split)
        if not len(found):
            raise unknown(f"split of {self.name}", split, sorted(set(self.data.split.tolist())), "")
        return found

    def stimuli(self, split: str) -> np.ndarray:
        """Sorted unique stimulus ids of a split."""
        return np.unique(self.data.stimulus_id[self.rows(split)])

    @cached_property
    def _showings(self) -> Showings:
        return Showings(self.data.stimulus_id)

    def trials_of(self, ids: Any) -> np.ndarray:
        """``(n, repeats)`` int64 trials that show each stimulus, in order, padded with -1.

        ``repeats`` is the largest number of showings among ``ids``; an id never shown is an error.
        """
        return self._showings.trials(ids, self.name)

    def read(self, rows: Any) -> np.ndarray:
        """Prepared float32 ``(m, voxels)``, or ``(m, time, parcels)``, of trials in any order.

        Parameters
        ----------
        rows : (m,) int array
            Trials, possibly repeated. They are read in the order of storage, in blocks of about 32 MiB.
        """
        wanted = np.asarray(rows, dtype=np.int64).reshape(-1)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self.data):
            raise CounterpointError(f"Trials {wanted.min()}..{wanted.max()} asked of {len(self.data)} of {self.name}.")
        return self._read(wanted, self.kept)

    def _read(self, wanted: np.ndarray, kept: np.ndarray) -> np.ndarray:
        responses, columns = self.data.responses, None if kept.all() else np.flatnonzero(kept)
        shape = (*responses.shape[1:-1], int(np.count_nonzero(kept)))
        out = np.empty((len(wanted), *shape), np.float32)
        order = np.argsort(wanted, kind="stable")
        step = max(1, BLOCK_BYTES // (4 * int(np.prod(responses.shape[1:])) or 1))
        rescale = self.scaling.factors(self.statistics if self.scaling.needed else None, columns)
        for start in range(0, len(wanted), step):
            place = order[start : start + step]
            stored = np.asarray(responses[wanted[place]])
            values = (stored if columns is None else stored[..., columns]).astype(np.float32)
            rescale(values, wanted[place])
            if self.preparation.clip:
                np.clip(values, -self.preparation.clip, self.preparation.clip, out=values)
            out[place] = values
        return out

    def mean(self, ids: Any, *, repeats: int | None = None) -> np.ndarray:
        """Prepared responses averaged over showings, float32 ``(n, voxels)`` or ``(n, time, parcels)``.

        Parameters
        ----------
        ids : (n,) int array
            Stimuli.
        repeats : int, optional
            Average only the first so many showings (fewer where there are fewer).
        """
        if repeats is not None and repeats < 1:
            raise CounterpointError(f"repeats = {repeats}.", "One showing or more can be averaged.")
        trials = self.trials_of(ids)[:, :repeats]
        shape = (*self.data.responses.shape[1:-1], self.voxels)
        out = np.empty((len(trials), *shape), np.float32)
        step = max(1, BLOCK_BYTES // (4 * int(np.prod(shape)) * max(1, trials.shape[1]) or 1))
        for start in range(0, len(trials), step):
            block = trials[start : start + step]
            count = (block >= 0).sum(axis=1)
            sums = np.add.reduceat(self.read(block[block >= 0]), np.cumsum(count) - count, axis=0)
            out[start : start + step] = sums / count.reshape(-1, *[1] * len(shape))
        return out

    def noise_ceiling(self, *, split: str = "test", n_average: float | None = None) -> np.ndarray:
        """Share of variance, in per cent, that repeats say can be explained, per kept voxel.

        From the split's repeated pictures (signal variance = mean correlation between repeats; see
        :func:`counterpoint.evaluate.noise_ceiling`); with fewer than 20 of them, from what came with the data if
        anything did.

        Parameters
        ----------
        split : str
        n_average : float, optional
            Trials averaged in the data to be explained; by default as many as each picture has (with unequal
            repeats, the mean of 1/n over pictures).

        Raises
        ------
        CounterpointError
            Without repeats and without shipped ceilings.
        """
        return self._ceiling(split, self.kept, n_average)[0]

    def _ceiling(self, split: str, kept: np.ndarray, n_average: float | None = None) -> tuple[np.ndarray, str]:
        """The ceiling and where it comes from."""
        there = split in self.data.split
        trials = self.trials_of(self.stimuli(split)) if there else np.zeros((0, 1), np.int64)
        shipped = shipped_ceiling(self.data, kept, trials, n_average=n_average)
        found = repeat_ceiling(lambda rows: self._read(rows, kept), trials, n_average=n_average,
                               fewest=LEAST if shipped is None else FEWEST)
        if found is not None:
            return found, f"from repeats of {np.count_nonzero((trials >= 0).sum(axis=1) > 1)} {split} pictures"
        if shipped is None:
            raise CounterpointError(f"{self.name}: no noise ceiling of the {split} split.",
                                    f"Fewer than {LEAST} pictures of it were shown twice, and none came with the data.")
        return shipped, "as it came with the data"

    @cached_property
    def _chosen(self) -> tuple[np.ndarray, list[str]]:
        kept, notes = usable_voxels(self)
        if self.preparation.min_ceiling:
            strong = self._ceiling("train", kept)[0] >= self.preparation.min_ceiling
            notes = [*notes, f"{np.count_nonzero(~strong)} voxels below a ceiling of "
                             f"{self.preparation.min_ceiling:g} per cent left out."]
            kept = kept.copy()
            kept[np.flatnonzero(kept)[~strong]] = False
        if not kept.any():
            raise CounterpointError(f"{self.name}: no voxel is left.", "; ".join(notes))
        return kept, notes

    def check(self) -> list[str]:
        """Complaints about what is doubtful; what cannot be used is an error. Both name the place."""
        return check_subject(self)

    def describe(self) -> str:
        """What was understood of the data and what the preparation will do, as text."""
        from counterpoint.brain.subject_description import describe_subject

        return describe_subject(self)
