"""Rows of an HDF5 data set, and pictures of any usual layout, read when asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra

_GAP = 4
"""Rows that lie closer than this are read in one piece."""


class StoredRows:
    """An HDF5 data set by rows: any order, also repeated; the file is opened at the first read.

    Parameters
    ----------
    path : Path
        The HDF5 file.
    key : str
        Its data set, rows first.
    """

    def __init__(self, path: str | Path, key: str) -> None:
        self.path, self.key = Path(path), key
        self._handle: tuple[int, Any] | None = None
        self._shape = tuple(int(side) for side in self._data().shape)
        self._dtype = np.dtype(self._data().dtype)
        self._handle = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data set."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored numbers."""
        return self._dtype

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        wanted = np.arange(len(self))[rows]
        if wanted.ndim == 0:
            return np.asarray(self._data()[int(wanted)])
        unique, back = np.unique(wanted, return_inverse=True)
        made = np.empty((len(unique), *self._shape[1:]), self._dtype)
        cuts = np.flatnonzero(np.diff(unique) > _GAP) + 1
        data, start = self._data(), 0
        for piece in np.split(unique, cuts) if len(unique) else []:
            block = data[int(piece[0]) : int(piece[-1]) + 1]
            made[start : start + len(piece)] = block[piece - piece[0]]
            start += len(piece)
        return made[back]

    def _data(self) -> Any:
        # a handle inherited through fork would share its file position with the parent
        if self._handle is None or self._handle[0] != os.getpid():
            try:
                import h5py
            except ImportError as error:
                raise missing_extra("Reading HDF5", "h5py", "fmri") from error
            try:
                self._handle = (os.getpid(), h5py.File(self.path, "r"))
            except OSError as error:
                raise CounterpointError(f"{self.path} could not be read: {error}.") from error
        return self._handle[1][self.key]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handle": None}


@dataclass(frozen=True)
class StoredImages:
    """Pictures stored as ``(n, 3, h, w)``, ``(n, h, w, 3)``, ``(n, 1, h, w)`` or ``(n, h, w)``, read as RGB.

    Attributes
    ----------
    stored : array or object with ``shape``, ``dtype`` and rows by index array
        uint8, or whole floats in 0..255 where ``whole_floats`` allows it.
    place : str
        What messages call it.
    whole_floats : bool
    """

    stored: Any = field(repr=False)
    place: str = ""
    whole_floats: bool = False

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.stored.shape), np.dtype(self.stored.dtype)
        known = len(shape) == 3 or (len(shape) == 4 and (shape[1] in (1, 3) or shape[3] in (1, 3)))
        if not known or not (dtype == np.uint8 or (self.whole_floats and dtype.kind == "f")):
            raise CounterpointError(
                f"images of {self.place} are {dtype} of shape {shape}.",
                "uint8 of shape (n, 3, height, width) was expected.",
                "numpy.round(255 * images).astype(numpy.uint8), for floats in 0..1",
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, 3, height, width)``."""
        shape = tuple(self.stored.shape)
        if len(shape) == 3:
            return (shape[0], 3, *shape[1:])
        return (shape[0], 3, *shape[2:]) if shape[1] in (1, 3) else (shape[0], 3, *shape[1:3])

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return int(self.stored.shape[0])

    def __getitem__(self, indices: Any) -> np.ndarray:
        found = np.asarray(self.stored[np.arange(len(self))[indices]])
        if found.dtype != np.uint8:
            whole = np.round(found)
            if (whole != found).any() or whole.min(initial=0) < 0 or whole.max(initial=0) > 255:
                raise CounterpointError(f"images of {self.place} are not whole numbers in 0..255.")
            found = whole.astype(np.uint8)
        if len(self.stored.shape) == 3:
            found = found[..., None, :, :]
        elif self.stored.shape[1] not in (1, 3):
            found = np.moveaxis(found, -1, -3)
        return np.ascontiguousarray(found if found.shape[-3] == 3 else np.repeat(found, 3, axis=-3))
