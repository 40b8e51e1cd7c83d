"""What a brain data set is made of: stimuli, places of voxels, responses that stay on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from counterpoint.core.errors import CounterpointError


class Responses(Protocol):
    """Responses that stay on disk: a shape, a dtype, and rows by an index array in any order, also repeated."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, rows: np.ndarray) -> np.ndarray: ...


@dataclass
class Stimuli:
    """The pictures (and texts) that a subject saw.

    Attributes
    ----------
    ids : numpy.ndarray
        ``(n,)`` int64, unique: the numbers that trials use.
    images : array, or object with ``shape`` and rows by index array, or None
        ``(n, 3, height, width)`` uint8; None where the data set came without pictures.
    captions : list of list of str or None
        One or more texts per picture.
    labels : numpy.ndarray or None
        ``(n,)`` int64 class of each picture, -1 unknown.
    class_names, names : list of str
        Names of the classes; file names of the pictures.
    """

    ids: np.ndarray
    images: Any = field(default=None, repr=False)
    captions: list[list[str]] | None = field(default=None, repr=False)
    labels: np.ndarray | None = field(default=None, repr=False)
    class_names: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.ids = np.asarray(self.ids, dtype=np.int64)
        if len(np.unique(self.ids)) != len(self.ids):
            raise CounterpointError(f"{len(self.ids) - len(np.unique(self.ids))} stimulus ids are given twice.",
                                    "One row per picture was expected.")
        for key, value in {"images": self.images, "captions": self.captions, "labels": self.labels}.items():
            count = len(self.ids) if value is None else value.shape[0] if hasattr(value, "shape") else len(value)
            if count != len(self.ids):
                raise CounterpointError(f"{len(self.ids)} stimulus ids but {count} {key}.",
                                        f"The stimulus file is {'shorter' if count < len(self.ids) else 'longer'} "
                                        "than the ids say.")
        self._order = np.argsort(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: Any) -> np.ndarray:
        """Positions of ``ids``; an id that is not here is an error that names it."""
        wanted = np.asarray(ids, dtype=np.int64)
        places = np.searchsorted(self.ids, wanted, sorter=self._order)
        places = self._order[np.minimum(places, len(self.ids) - 1)] if len(self.ids) else places
        missing = np.ones(wanted.shape, bool) if not len(self.ids) else self.ids[places] != wanted
        if missing.any():
            raise CounterpointError(
                f"{np.count_nonzero(missing)} trials show pictures that the stimulus file does not hold, "
                f"the first id {wanted[missing][0]}.",
                f"Ids {self.ids.min() if len(self.ids) else 'none'}..{self.ids.max() if len(self.ids) else ''} "
                "are there; check the index base (0 or 1) and that the file is whole.")
        return places


@dataclass(frozen=True)
class Space:
    """Where voxels or vertices lie.

    Attributes
    ----------
    kind : "volume", "fsaverage", "fsaverage5", "fsLR32k", "parcels" or "none".
    shape : grid of a volume, or (number of vertices of both hemispheres,) of a surface.
    index : ``(voxels,)`` int64 flat positions in ``shape`` (C order), left hemisphere before right.
    affine : ``(4, 4)`` voxel to millimetres of a volume.
    """

    kind: str = "none"
    shape: tuple[int, ...] = ()
    index: np.ndarray | None = field(default=None, repr=False)
    affine: np.ndarray | None = field(default=None, repr=False)

    def unmask(self, values: Any, *, fill: float = 0.0) -> np.ndarray:
        """``(..., voxels)`` values back in ``(..., *shape)``; what lies outside is ``fill``."""
        found = np.asarray(values)
        if self.index is None:
            raise CounterpointError("These responses carry no positions.", "A mask or vertex list was expected.")
        if found.shape[-1] != len(self.index):
            raise CounterpointError(f"{found.shape[-1]} values for {len(self.index)} voxels.")
        flat = np.full((*found.shape[:-1], int(np.prod(self.shape))), fill, dtype=np.result_type(found, np.float32))
        flat[..., self.index] = found
        return flat.reshape(*found.shape[:-1], *self.shape)


class Picked:
    """Some trials and voxels of responses that stay on disk."""

    def __init__(self, responses: Responses, rows: np.ndarray, voxels: np.ndarray | None) -> None:
        self.responses, self.rows, self.voxels = responses, rows, voxels

    @property
    def shape(self) -> tuple[int, ...]:
        last = self.responses.shape[-1] if self.voxels is None else len(self.voxels)
        return (len(self.rows), *self.responses.shape[1:-1], last)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.responses.dtype

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        found = self.responses[self.rows[rows]]
        return found if self.voxels is None else found[..., self.voxels]


def pickled(path: Any, hint: str = "") -> CounterpointError:
    """The error for a file of a data folder that only unpickling could open."""
    return CounterpointError(f"{path} holds pickled Python objects.",
                             "Unpickling runs code, so nothing in a data folder is unpickled.", hint)


def as_text(values: Any) -> list[str]:
    """Stored names as text: bytes are decoded.

    >>> as_text([b"dog", "cat"])
    ['dog', 'cat']
    """
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]
