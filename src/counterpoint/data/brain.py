"""Brain responses as a data set stores them: one object for every layout, nothing scaled, averaged or left out.

Readers (:class:`~counterpoint.data.NSD` and the others) return a :class:`BrainDataset`; how responses become training
arrays (units, masks, z-scores, averaging, splits) is decided by :class:`counterpoint.brain.Subject`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain_parts import Picked as Picked
from counterpoint.data.brain_parts import Responses as Responses
from counterpoint.data.brain_parts import Space as Space
from counterpoint.data.brain_parts import Stimuli as Stimuli
from counterpoint.data.brain_parts import as_text as as_text
from counterpoint.data.brain_parts import pickled as pickled

Unit = Literal["percent", "int16/300", "z", "arbitrary"]
SCALE: Mapping[str, float] = {"percent": 1.0, "int16/300": 1.0 / 300.0, "z": 1.0, "arbitrary": 1.0}
"""Factor from stored numbers to the unit that :attr:`BrainDataset.unit` names."""


@dataclass
class BrainDataset:
    """One subject as stored.

    Attributes
    ----------
    name, subject : str
        Data set and person.
    responses : array or Responses
        ``(trials, voxels)``, or ``(trials, time, parcels)`` where ``t_r`` is given; numbers as stored.
    stimulus_id : numpy.ndarray
        ``(trials,)`` int64 ids of :attr:`stimuli`.
    session, run, trial : numpy.ndarray
        ``(trials,)`` int64; ``trial`` counts within the run. Missing ones are zeros (one session, one run).
    repeat : numpy.ndarray
        ``(trials,)`` int64: earlier showings of the same picture to this person. Counted when not given.
    split : numpy.ndarray
        ``(trials,)`` str: "train", "test", or "imagery". Every showing of a picture has the same one.
    shared : numpy.ndarray
        ``(trials,)`` bool: pictures that every person of the data set saw.
    stimuli : Stimuli or None
    unit : "percent", "int16/300", "z" or "arbitrary"
        What one unit of the stored numbers is.
    space : Space
    coordinates : numpy.ndarray or None
        ``(voxels, 3)`` millimetres.
    rois : dict of str to numpy.ndarray
        ``(voxels,)`` bool masks.
    parcels, networks : numpy.ndarray or None
        ``(voxels,)`` int64 labels, 0 for none; names in ``parcel_names`` and ``network_names``, by label.
    noise_ceiling : numpy.ndarray or None
        ``(voxels,)`` per cent of variance, as shipped with the data (single numbers per voxel).
    ncsnr : numpy.ndarray or None
        ``(voxels,)`` noise-ceiling signal-to-noise ratio, as shipped.
    t_r : float or None
        Seconds between time points of a time series.
    truth : dict
        What a simulation knows; empty for real data.
    licence, home, notes
        Terms of use, where from, and what the reader assumed or left out.
    """

    name: str
    subject: str
    responses: Any = field(repr=False)
    stimulus_id: np.ndarray = field(repr=False)
    session: np.ndarray = None  # type: ignore[assignment]
    run: np.ndarray = None  # type: ignore[assignment]
    trial: np.ndarray = None  # type: ignore[assignment]
    repeat: np.ndarray = None  # type: ignore[assignment]
    split: np.ndarray = None  # type: ignore[assignment]
    shared: np.ndarray = None  # type: ignore[assignment]
    stimuli: Stimuli | None = None
    unit: Unit = "arbitrary"
    space: Space = field(default_factory=Space)
    coordinates: np.ndarray | None = field(default=None, repr=False)
    rois: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    parcels: np.ndarray | None = field(default=None, repr=False)
    parcel_names: dict[int, str] = field(default_factory=dict, repr=False)
    networks: np.ndarray | None = field(default=None, repr=False)
    network_names: dict[int, str] = field(default_factory=dict)
    noise_ceiling: np.ndarray | None = field(default=None, repr=False)
    ncsnr: np.ndarray | None = field(default=None, repr=False)
    t_r: float | None = None
    truth: dict[str, Any] = field(default_factory=dict, repr=False)
    licence: str = ""
    home: str = ""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stimulus_id = np.asarray(self.stimulus_id, dtype=np.int64)
        count, who = len(self.stimulus_id), f"{self.name} {self.subject}"
        wanted = (2, 3) if self.t_r is None else (3,)
        if len(self.responses.shape) not in wanted:
            raise CounterpointError(f"{who}: responses have shape {tuple(self.responses.shape)}.",
                                    "(trials, voxels), or (trials, time, parcels) with t_r, was expected.")
        if self.responses.shape[0] != count:
            raise CounterpointError(
                f"{who}: {self.responses.shape[0]} rows of responses but {count} rows in the trial table.",
                "One row per trial was expected: a session is missing, or trials were left out of one of them.")
        for key in ("session", "run", "trial"):
            value = getattr(self, key)
            setattr(self, key, np.zeros(count, np.int64) if value is None else np.asarray(value, dtype=np.int64))
        self.repeat = count_repeats(self.stimulus_id) if self.repeat is None else np.asarray(self.repeat, np.int64)
        self.shared = np.zeros(count, bool) if self.shared is None else np.asarray(self.shared, bool)
        self.split = np.full(count, "train") if self.split is None else np.asarray(self.split, dtype=np.str_)
        self._check_lengths(who, count)

    def _check_lengths(self, who: str, count: int) -> None:
        for key in ("session", "run", "trial", "repeat", "shared", "split"):
            if len(getattr(self, key)) != count:
                raise CounterpointError(f"{who}: {len(getattr(self, key))} entries of {key} for {count} trials.",
                                        "One entry per trial was expected: the trial table is misaligned.")
        voxel_parts = {"coordinates": self.coordinates, "parcels": self.parcels, "networks": self.networks,
                       "noise_ceiling": self.noise_ceiling, "ncsnr": self.ncsnr, "the mask": self.space.index,
                       **{f"ROI {name}": mask for name, mask in self.rois.items()}}
        for key, value in voxel_parts.items():
            if value is not None and len(value) != self.voxels:
                raise CounterpointError(f"{who}: {key} has {len(value)} voxels, the responses have {self.voxels}.",
                                        "One entry per voxel was expected: mask and responses come from different "
                                        "releases or spaces.")

    def __len__(self) -> int:
        return len(self.stimulus_id)

    @property
    def voxels(self) -> int:
        """Voxels, vertices or parcels."""
        return int(self.responses.shape[-1])

    def unmask(self, values: Any, *, fill: float = 0.0) -> np.ndarray:
        """Values per voxel back in the volume or on the surface."""
        return self.space.unmask(values, fill=fill)

    def images(self, ids: Any) -> np.ndarray:
        """``(n, 3, height, width)`` uint8 pictures of stimulus ids."""
        stimuli = self._stimuli("pictures")
        if stimuli.images is None:
            raise CounterpointError(f"{self.name} {self.subject} came without pictures.",
                                    "Pictures are needed for retrieval by picture and for reconstruction.")
        rows = stimuli.rows(ids)
        unique, back = np.unique(rows, return_inverse=True)  # HDF5 wants sorted, unique rows
        return np.ascontiguousarray(np.asarray(stimuli.images[unique])[back])

    def captions(self, ids: Any) -> list[list[str]]:
        """Texts of stimulus ids."""
        stimuli = self._stimuli("captions")
        if stimuli.captions is None:
            raise CounterpointError(f"{self.name} {self.subject} came without captions.")
        return [stimuli.captions[row] for row in stimuli.rows(ids)]

    def _stimuli(self, what: str) -> Stimuli:
        if self.stimuli is None:
            raise CounterpointError(f"{self.name} {self.subject} came without {what}.")
        return self.stimuli

    def select(self, *, trials: Any = None, voxels: Any = None, **changes: Any) -> BrainDataset:
        """The data set with these trials (index array) and these voxels (bool mask), lazily."""
        rows = np.arange(len(self)) if trials is None else np.asarray(trials, dtype=np.int64)
        keep = None if voxels is None else np.flatnonzero(np.asarray(voxels))
        whole = isinstance(self.responses, np.ndarray)
        if whole:
            taken: Any = self.responses if trials is None else self.responses[rows]
            taken = taken if keep is None else np.ascontiguousarray(taken[..., keep])
        else:
            taken = Picked(self.responses, rows, keep)
        by_trial = {key: getattr(self, key)[rows]
                    for key in ("stimulus_id", "session", "run", "trial", "repeat", "split", "shared")}
        by_voxel: dict[str, Any] = {}
        if keep is not None:
            by_voxel = {key: None if (value := getattr(self, key)) is None else value[keep]
                        for key in ("coordinates", "parcels", "networks", "noise_ceiling", "ncsnr")}
            by_voxel["rois"] = {name: mask[keep] for name, mask in self.rois.items()}
            index = self.space.index
            by_voxel["space"] = replace(self.space, index=None if index is None else index[keep])
        return replace(self, responses=taken, **{**by_trial, **by_voxel, **changes})


def count_repeats(stimulus_id: Any) -> np.ndarray:
    """``(trials,)`` int64: how often each trial's picture was shown before.

    Examples
    --------
    >>> count_repeats([7, 5, 7, 7, 5]).tolist()
    [0, 0, 1, 2, 1]
    """
    ids = np.asarray(stimulus_id)
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ids) else np.zeros(0, np.int64)
    counts = np.diff(np.r_[first, len(ids)])
    repeat = np.empty(len(ids), np.int64)
    repeat[order] = np.arange(len(ids)) - np.repeat(first, counts)
    return repeat
