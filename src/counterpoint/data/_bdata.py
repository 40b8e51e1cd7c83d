"""BData files of bdpy, read with h5py: one matrix, and metadata that say which of its columns are what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra, unknown
from counterpoint.data._reading import place
from counterpoint.data.brain import as_text

ROWS = 256


class BData:
    """``dataset`` (samples, columns) and ``metadata/{key,description,value}``; older files write dataSet and metaData.

    A column belongs to a key where the value of that key is 1 (other numbers, such as coordinates, are read by
    :meth:`numbers`); values are NaN in columns that a key says nothing about.
    """

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError as error:
            raise missing_extra(f"Reading {path.name}", "h5py", "fmri") from error
        self.path = place(path, "A BData file")
        try:
            with h5py.File(self.path) as file:
                data, meta = self._parts(file)
                self.name, self.shape = data.name, data.shape
                self.keys = as_text(np.asarray(meta["key"]).reshape(-1))
                self.values = np.asarray(meta["value"], dtype=float)
        except OSError as error:
            raise CounterpointError(f"{path} could not be read: {error}.", "An HDF5 file was expected.") from error
        if self.values.shape != (len(self.keys), self.shape[1]):
            raise CounterpointError(f"{path}: metadata of {self.values.shape} for {len(self.keys)} keys and "
                                    f"{self.shape[1]} columns.", "One value per key and column was expected.")

    def _parts(self, file: Any) -> tuple[Any, Any]:
        data = next((file[name] for name in ("dataset", "dataSet") if name in file), None)
        meta = next((file[name] for name in ("metadata", "metaData") if name in file), None)
        if data is None or meta is None or "key" not in meta or "value" not in meta or data.ndim != 2:
            raise CounterpointError(f"{self.path} holds {', '.join(file) or 'nothing'}.",
                                    "dataset and metadata/{key, description, value} of bdpy were expected.")
        return data, meta

    def columns(self, key: str) -> np.ndarray:
        """``(columns,)`` bool of one key."""
        if key not in self.keys:
            raise unknown(f"key of {self.path.name}", key, [name for name in self.keys if name.startswith(key[:4])]
                          or self.keys, f'roi="{next((name for name in self.keys if name.startswith("ROI_")), key)}"')
        return self.values[self.keys.index(key)] == 1

    def numbers(self, key: str) -> np.ndarray | None:
        """``(columns,)`` values of one key, None where the file does not have it."""
        return self.values[self.keys.index(key)] if key in self.keys else None

    def read(self, columns: np.ndarray) -> np.ndarray:
        """``(samples, chosen columns)`` as stored."""
        import h5py

        with h5py.File(self.path) as file:
            data = file[self.name]
            made = np.empty((self.shape[0], int(columns.sum())), data.dtype)
            for start in range(0, self.shape[0], ROWS):
                made[start : start + ROWS] = data[start : start + ROWS][:, columns]
        return made

    def label(self, *keys: str) -> np.ndarray | None:
        """``(samples,)`` of the first of the keys that is one column of the matrix; None where there is none."""
        for key in keys:
            if key in self.keys and np.count_nonzero(self.columns(key)) == 1:
                return self.read(self.columns(key))[:, 0]
        return None
