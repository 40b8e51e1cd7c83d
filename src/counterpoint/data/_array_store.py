"""The arrays of an ``.npz`` or HDF5 file by name, opened without pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.data.brain import pickled
from counterpoint.data.stored_rows import StoredRows

_HINT = "counterpoint.data.save_array_file writes this form"


def open_arrays(path: Path, *, lazy: tuple[str, ...] = ()) -> tuple[Callable[[str], Any], list[str]]:
    """A function that reads an array by name, and the names.

    Parameters
    ----------
    path : Path
        ``.npz``, ``.h5`` or ``.hdf5``.
    lazy : tuple of str
        Arrays of an HDF5 file that come as :class:`StoredRows`.

    Raises
    ------
    CounterpointError
        When there is no such file, it is damaged, or an array could only be unpickled.
    """
    if not path.is_file():
        raise CounterpointError(f"No file at {path}.", "An .npz or .h5 file was expected.", _HINT)
    if path.suffix == ".npz":
        return _open_npz(path)
    if path.suffix in (".h5", ".hdf5"):
        return _open_h5(path, lazy)
    raise CounterpointError(f"{path} ends in {path.suffix!r}.", "An .npz or .h5 file was expected.", _HINT)


def _open_npz(path: Path) -> tuple[Callable[[str], Any], list[str]]:
    def read(key: str) -> np.ndarray:
        try:
            with np.load(path, allow_pickle=False) as file:
                return file[key]
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            if "allow_pickle" in str(error):
                raise pickled(f"{key} of {path}", "store text as numpy.array(list_of_str)") from error
            raise CounterpointError(f"{key} of {path} could not be read: {error}.") from error

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise CounterpointError(
            f"{path} could not be read: {error}.", "An .npz file was expected."
        ) from error
    return read, [name.removesuffix(".npy") for name in names]


def _open_h5(path: Path, lazy: tuple[str, ...]) -> tuple[Callable[[str], Any], list[str]]:
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("Reading HDF5", "h5py", "fmri") from error
    keys: list[str] = []

    def note(key: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            keys.append(key)

    def read(key: str) -> Any:
        if key in lazy:
            return StoredRows(path, key)
        with h5py.File(path, "r") as file:
            item = file[key]
            text = h5py.check_string_dtype(item.dtype) is not None
            return np.array(item.asstr()[()], np.str_) if text else np.asarray(item[()])

    try:
        with h5py.File(path, "r") as file:
            file.visititems(note)
    except OSError as error:
        raise CounterpointError(
            f"{path} could not be read: {error}.", "An HDF5 file was expected."
        ) from error
    return read, keys
