"""``Subject.from_<layout>``: the readers of :mod:`counterpoint.data`, followed by a preparation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import counterpoint.data as layouts
from counterpoint.brain.preparation import Preparation
from counterpoint.data.brain import BrainDataset

if TYPE_CHECKING:
    Root = str | Path
    Who = int | str


class Openers:
    """One constructor per layout. Keywords other than ``preparation`` go to the reader of that name."""

    if TYPE_CHECKING:

        def __init__(self, data: BrainDataset, preparation: Preparation | None = None) -> None: ...

    @classmethod
    def from_arrays(cls, responses: Any, stimulus_id: Any, *, name: str = "arrays", subject: str = "subj01",
                    preparation: Preparation | None = None, **fields: Any) -> Self:
        """From ``(trials, voxels)`` responses and stimulus ids; ``fields`` are those of ``BrainDataset``."""
        return cls(BrainDataset(name, subject, responses, stimulus_id, **fields), preparation)

    @classmethod
    def _read_with(cls, reader: str, root: Root, subject: Who, preparation: Preparation | None,
                   options: dict[str, Any]) -> Self:
        return cls(getattr(layouts, reader)(root, subject, **options), preparation)

    @classmethod
    def from_nsd(cls, root: Root, subject: Who, *, preparation: Preparation | None = None, **options: Any) -> Self:
        """From the Natural Scenes Dataset; see :func:`counterpoint.data.NSD`."""
        return cls._read_with("NSD", root, subject, preparation, options)

    @classmethod
    def from_bold5000(cls, root: Root, subject: Who, *, preparation: Preparation | None = None,
                      **options: Any) -> Self:
        """From BOLD5000; see :func:`counterpoint.data.BOLD5000`."""
        return cls._read_with("BOLD5000", root, subject, preparation, options)

    @classmethod
    def from_things(cls, root: Root, subject: Who, *, preparation: Preparation | None = None, **options: Any) -> Self:
        """From THINGS-fMRI; see :func:`counterpoint.data.ThingsFMRI`."""
        return cls._read_with("ThingsFMRI", root, subject, preparation, options)

    @classmethod
    def from_god(cls, root: Root, subject: Who, *, preparation: Preparation | None = None, **options: Any) -> Self:
        """From Generic Object Decoding; see :func:`counterpoint.data.GOD`."""
        return cls._read_with("GOD", root, subject, preparation, options)

    @classmethod
    def from_algonauts(cls, root: Root, subject: Who, *, preparation: Preparation | None = None,
                       **options: Any) -> Self:
        """From an Algonauts 2023 folder; see :func:`counterpoint.data.Algonauts2023`."""
        return cls._read_with("Algonauts2023", root, subject, preparation, options)

    @classmethod
    def from_bids(cls, root: Root, subject: Who, *, preparation: Preparation | None = None, **options: Any) -> Self:
        """From BIDS derivatives; see :func:`counterpoint.data.BIDSDerivatives`."""
        return cls._read_with("BIDSDerivatives", root, subject, preparation, options)

    @classmethod
    def from_cifti(cls, root: Root, subject: Who, *, preparation: Preparation | None = None, **options: Any) -> Self:
        """From CIFTI files; see :func:`counterpoint.data.Cifti`."""
        return cls._read_with("Cifti", root, subject, preparation, options)

    @classmethod
    def from_mindeye2(cls, root: Root, subject: Who, *, preparation: Preparation | None = None,
                      **options: Any) -> Self:
        """From the files of MindEye2; see :func:`counterpoint.data.MindEye2`."""
        return cls._read_with("MindEye2", root, subject, preparation, options)

    @classmethod
    def from_mindeye(cls, root: Root, subject: Who, *, preparation: Preparation | None = None,
                     **options: Any) -> Self:
        """From the shards of MindEye; see :func:`counterpoint.data.MindEyeTars`."""
        return cls._read_with("MindEyeTars", root, subject, preparation, options)

    @classmethod
    def from_brain_diffuser(cls, root: Root, subject: Who, *, preparation: Preparation | None = None,
                            **options: Any) -> Self:
        """From the arrays of Brain-Diffuser; see :func:`counterpoint.data.BrainDiffuser`."""
        return cls._read_with("BrainDiffuser", root, subject, preparation, options)

    @classmethod
    def from_wave(cls, root: Root, subject: Who, *, preparation: Preparation | None = None, **options: Any) -> Self:
        """From the shards of WAVE; see :func:`counterpoint.data.WaveTars`."""
        return cls._read_with("WaveTars", root, subject, preparation, options)

    @classmethod
    def from_haxby(cls, root: Root, subject: Who, *, preparation: Preparation | None = None, **options: Any) -> Self:
        """From Haxby 2001; see :func:`counterpoint.data.Haxby`. Ids are of category and run, so that splits differ."""
        return cls._read_with("Haxby", root, subject, preparation, {"ids": "run", **options})
