"""Arrays that stay in a file, read by rows in any order: opened where they are used, so that they travel to workers."""

from __future__ import annotations

import os
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra


def open_hdf5(path: Path, key: str) -> tuple[Any, Any]:
    """An HDF5 file and one data set of it; the caller closes the file."""
    try:
        import h5py
    except ImportError as error:
        raise missing_extra(f"Reading {path.name}", "h5py", "fmri") from error
    if not path.is_file():
        raise CounterpointError(f"{path} does not exist.", f'An HDF5 file with "{key}" was expected there.')
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise CounterpointError(f"{path} could not be read: {error}.", "A whole HDF5 file was expected.") from error
    if not isinstance(found := file.get(key), h5py.Dataset):
        there = ", ".join(list(file)[:8]) or "nothing"
        file.close()
        raise CounterpointError(f'{path} has no data set "{key}"; it holds {there}.', f'"{key}" was expected.')
    return file, found


class NumpyRows:
    """Rows of a ``.npy`` file.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.shape, self.dtype = self._mapped.shape, self._mapped.dtype

    @cached_property
    def _mapped(self) -> np.ndarray:
        try:
            found: np.ndarray = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise CounterpointError(f"{self.path} could not be read: {error}.", "A .npy file was expected.") from error
        return found

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.array(self._mapped[rows])

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_mapped"}


class HDF5Rows:
    """Rows of a data set in an HDF5 file; rows that lie together are read together, each only once.

    Contiguous, uncompressed data sets are mapped into memory.

    Parameters
    ----------
    path : Path
    key : str
        Name of the data set.
    """

    def __init__(self, path: str | Path, key: str) -> None:
        self.path, self.key = Path(path), key
        file, found = open_hdf5(self.path, key)
        self.shape, self.dtype = tuple(found.shape), np.dtype(found.dtype)
        plain = found.chunks is None and found.compression is None and not found.external
        self.offset = found.id.get_offset() if plain else None
        file.close()
        self._opened: tuple[int, Any, Any] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        wanted = np.arange(self.shape[0])[rows]
        single, wanted = wanted.ndim == 0, np.atleast_1d(wanted)
        source = self._source()
        if isinstance(source, np.memmap):
            out = np.array(source[wanted])
        else:
            unique, back = np.unique(wanted, return_inverse=True)
            out = np.empty((len(unique), *self.shape[1:]), self.dtype)
            cuts = np.r_[0, np.flatnonzero(np.diff(unique) > 1) + 1, len(unique)]
            for start, end in pairwise(cuts):
                if end > start:
                    source.read_direct(out, np.s_[unique[start] : unique[end - 1] + 1], np.s_[start:end])
            out = out if np.array_equal(unique, wanted) else out[back]
        return out[0] if single else out

    def _source(self) -> Any:
        if self._opened is None or self._opened[0] != os.getpid():  # a forked worker needs a handle of its own
            if self.offset is not None:
                mapped = np.memmap(self.path, self.dtype, "r", offset=self.offset, shape=self.shape)
                self._opened = (os.getpid(), None, mapped)
            else:
                self._opened = (os.getpid(), *open_hdf5(self.path, self.key))
        return self._opened[2]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}


class HDF5Pictures:
    """Some pictures of an HDF5 file of all pictures, as uint8 ``(n, 3, height, width)``.

    Parameters
    ----------
    path, key
        As of :class:`HDF5Rows`.
    rows : numpy.ndarray
        Positions in the file of the pictures, in the order in which they are to be numbered.
    """

    def __init__(self, path: str | Path, key: str, rows: np.ndarray) -> None:
        self.stored, self.rows = HDF5Rows(path, key), np.asarray(rows, np.int64)
        shape = self.stored.shape
        self.channels_last = len(shape) == 4 and shape[3] == 3
        if len(shape) != 4 or 3 not in (shape[1], shape[3]):
            raise CounterpointError(f"{path}: {key} has shape {shape}.",
                                    "(pictures, height, width, 3) or (pictures, 3, height, width) was expected.")
        if len(self.rows) and not 0 <= self.rows.min() <= self.rows.max() < shape[0]:
            raise CounterpointError(f"{path} holds {shape[0]} pictures; picture {self.rows.max()} (from 0) is wanted.",
                                    "Check the index base (0 or 1) and that the file is whole.")
        sides = shape[1:3] if self.channels_last else shape[2:]
        self.shape, self.dtype = (len(self.rows), 3, *sides), np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: Any) -> np.ndarray:
        found = self.stored[self.rows[indices]]
        if self.stored.dtype != np.uint8:  # stored in 0..1
            found = np.rint(np.clip(found.astype(np.float32), 0, 1) * 255).astype(np.uint8)
        return np.moveaxis(found, -1, -3) if self.channels_last else found
