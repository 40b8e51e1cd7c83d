"""Rows of ``.npy`` files laid end to end, mapped into memory when asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import pickled


class NpyRows:
    """One or more ``.npy`` files as one array of rows; nothing is read before rows are asked for.

    Parameters
    ----------
    paths : sequence of Path
        Arrays that differ in their number of rows only.

    Raises
    ------
    CounterpointError
        When one is missing, damaged, pickled, or of another shape than the first.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)
        self._maps: list[np.ndarray] = []
        parts = self._arrays()
        for path, part in zip(self.paths, parts, strict=True):
            if part.ndim < 1 or part.shape[1:] != parts[0].shape[1:]:
                raise CounterpointError(
                    f"{path} has shape {part.shape}, {self.paths[0]} has {parts[0].shape}.",
                    "Arrays that differ in their number of rows only were expected.",
                )
        self.starts = np.cumsum([0, *[len(part) for part in parts]])
        self._row_shape = parts[0].shape[1:]
        self._dtype = np.result_type(*parts)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows of all files, then the shape of a row."""
        return (int(self.starts[-1]), *self._row_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type that holds the numbers of all files."""
        return self._dtype

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, rows: Any) -> np.ndarray:
        wanted = np.arange(len(self))[rows]
        single, wanted = wanted.ndim == 0, np.atleast_1d(wanted)
        made = np.empty((len(wanted), *self._row_shape), self._dtype)
        owner = np.searchsorted(self.starts, wanted, side="right") - 1
        for number, part in enumerate(self._arrays()):
            own = owner == number
            if own.any():
                made[own] = part[wanted[own] - self.starts[number]]
        return made[0] if single else made

    def _arrays(self) -> list[np.ndarray]:
        if not self._maps:
            self._maps = [_mapped(path) for path in self.paths]
        return self._maps

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": []}


def _mapped(path: Path) -> np.ndarray:
    if not path.is_file():
        raise CounterpointError(f"No file at {path}.", "A .npy file was expected.")
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            head = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = head(file)
            if dtype.hasobject:
                raise pickled(path, "save it again from numpy.array(values.tolist())")
            if file.tell() + math.prod(shape) * dtype.itemsize > path.stat().st_size:
                raise ValueError(f"it is cut off, shape {shape} was announced")
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CounterpointError(f"{path} could not be read: {error}.", "A .npy file was expected.") from error
