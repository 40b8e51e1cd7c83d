"""Members of tar files read in place: nothing is extracted, and rows stay on disk until asked for."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import pickled

_HEADER = 1 << 16


@dataclass(frozen=True)
class Member:
    """Where one file lies inside an uncompressed tar.

    Attributes
    ----------
    path : Path
        The tar.
    name : str
        The member.
    offset, size : int
        First byte and number of bytes of its content.
    """

    path: Path
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.path}:{self.name}"

    def __call__(self) -> io.BytesIO:
        """The content as a stream."""
        return io.BytesIO(self.read())

    def read(self, most: int | None = None) -> bytes:
        """The content, or its first ``most`` bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size if most is None else min(most, self.size))


def tar_samples(path: Path, *, endings: Mapping[str, int]) -> dict[str, dict[str, Member]]:
    """The samples of one tar: members that share a name up to the first dot.

    Parameters
    ----------
    path : Path
        An uncompressed tar file.
    endings : mapping of str to int
        What comes after the first dot of the wanted members (lower case), and how many bytes each may have.

    Returns
    -------
    dict
        Sample name to (ending to member), in the order of the file. Links and other members are passed over.

    Raises
    ------
    CounterpointError
        For a damaged or compressed tar, a member with an absolute path or "..", one larger than allowed, or
        one that is there twice.
    """
    found: dict[str, dict[str, Member]] = {}
    try:
        length = path.stat().st_size
        with tarfile.open(path, "r:") as archive:
            for entry in archive:
                _check_path(path, entry.name)
                name = PurePosixPath(entry.name)
                stem, _, ending = name.name.partition(".")
                if not entry.isreg() or entry.issparse() or ending.lower() not in endings:
                    continue
                _add(found.setdefault(str(name.parent / stem), {}), path, entry, endings, length)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise CounterpointError(
            f"{path} could not be read: {error}.", "A whole, uncompressed tar file was expected."
        ) from error
    return found


def _check_path(path: Path, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts:
        raise CounterpointError(
            f"{path} holds a member called {name!r}.",
            "Paths inside the tar were expected; one that leads out of it is no part of this data set.",
        )


def _add(
    sample: dict[str, Member], path: Path, entry: tarfile.TarInfo, endings: Mapping[str, int], length: int
) -> None:
    ending = PurePosixPath(entry.name).name.partition(".")[2].lower()
    if entry.size > endings[ending]:
        raise CounterpointError(
            f"{path}:{entry.name} has {entry.size:,} bytes.", f"At most {endings[ending]:,} were expected."
        )
    if entry.offset_data + entry.size > length:
        raise CounterpointError(f"{path}:{entry.name} is cut off.", "A whole tar file was expected.")
    if ending in sample:
        raise CounterpointError(f"{path} holds {entry.name} twice.", "Each member once was expected.")
    sample[ending] = Member(path, entry.name, entry.offset_data, entry.size)


def npy_layout(member: Member) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, dtype and first data byte (in the tar) of a ``.npy`` member in C order."""
    stream = io.BytesIO(member.read(_HEADER))
    try:
        version = np.lib.format.read_magic(stream)
        reader = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            reader = np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(stream)
    except (ValueError, EOFError) as error:
        raise CounterpointError(
            f"{member} is no .npy array: {error}.", "A .npy file was expected."
        ) from error
    if dtype.hasobject:
        raise pickled(member)
    if fortran and len([side for side in shape if side > 1]) > 1:
        raise CounterpointError(f"{member} is in Fortran order.", "Rows one after the other were expected.")
    if stream.tell() + int(np.prod(shape)) * dtype.itemsize != member.size:
        raise CounterpointError(f"{member} is cut off.", f"An array of shape {shape} was announced.")
    return shape, dtype, member.offset + stream.tell()


def read_npy(member: Member) -> np.ndarray:
    """A whole ``.npy`` member."""
    shape, dtype, start = npy_layout(member)
    content = member.read()[start - member.offset :]
    return np.frombuffer(content, dtype).reshape(shape)


class TarRows:
    """Rows of arrays inside tar files, mapped into memory when asked for.

    Parameters
    ----------
    paths : sequence of Path
        The tars.
    file, offset : numpy.ndarray
        ``(rows,)`` which tar each row is in, and its first byte.
    dtype : numpy.dtype
    row_shape : tuple of int
    """

    def __init__(
        self,
        paths: Sequence[Path],
        file: np.ndarray,
        *,
        offset: np.ndarray,
        dtype: np.dtype[Any],
        row_shape: tuple[int, ...],
    ) -> None:
        self.paths, self.file, self.offset = list(paths), np.asarray(file), np.asarray(offset, np.int64)
        self._dtype, self.row_shape = dtype, tuple(row_shape)
        self._maps: dict[int, np.ndarray] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """``(rows, *row_shape)``."""
        return (len(self.offset), *self.row_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored numbers."""
        return self._dtype

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, rows: Any) -> np.ndarray:
        wanted = np.arange(len(self))[rows]
        single, wanted = wanted.ndim == 0, np.atleast_1d(wanted)
        made = np.empty((len(wanted), *self.row_shape), self._dtype)
        count = int(np.prod(self.row_shape))
        for place, row in enumerate(wanted.tolist()):
            mapped = self._map(int(self.file[row]))
            values = np.frombuffer(mapped, self._dtype, count, int(self.offset[row]))
            made[place] = values.reshape(self.row_shape)
        return made[0] if single else made

    def _map(self, number: int) -> np.ndarray:
        if number not in self._maps:
            self._maps[number] = np.memmap(self.paths[number], np.uint8, "r")
        return self._maps[number]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}
