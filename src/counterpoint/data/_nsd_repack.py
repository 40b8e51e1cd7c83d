"""Masked betas of all sessions in one file, trial after trial: written once, then read by rows.

The session files lie voxel after voxel (HDF5) or whole brain after whole brain (NIfTI, mgh), so that a shuffled
epoch over them would read everything for every batch. One session at a time goes through the mask; of an HDF5
session only masked voxels are read, of the others a few volumes at a time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import cache_folder, read_json, write_json
from counterpoint.data._nsd_files import NSDFiles, Voxels
from counterpoint.data._rows import NumpyRows, open_hdf5
from counterpoint.data._volumes import check_grid, open_image

VOLUMES = 16
"""Volumes of a NIfTI or mgh session in memory at a time."""
_log = logging.getLogger(__name__)


class Packed(NamedTuple):
    """Responses of all sessions and ``(voxels,)`` whether a voxel is NaN in some trial."""

    responses: NumpyRows
    nan: np.ndarray


class Stored(NamedTuple):
    """Trials and type of numbers of one session file."""

    trials: int
    dtype: np.dtype[Any]


def session_shape(paths: tuple[Path, ...], voxels: Voxels) -> Stored:
    """What a session file holds; one on another grid than the mask is an error that names both."""
    if paths[0].suffix == ".hdf5":
        file, betas = open_hdf5(paths[0], "betas")
        shape, kind = tuple(betas.shape), np.dtype(betas.dtype)
        file.close()
        wanted = voxels.space.shape
        if len(shape) != 4 or shape[1:] != wanted[::-1]:
            swapped = " Its axes are not reversed; HDF5 files of the data set hold (trial, z, y, x)."
            raise CounterpointError(
                f"{paths[0]} has shape {shape}, the mask {voxels.grid.path if voxels.grid else ''} {wanted}.",
                f"(trials, {', '.join(str(size) for size in wanted[::-1])}) was expected."
                f"{swapped if len(shape) == 4 and shape[1:] == wanted else ''}")
        return Stored(shape[0], kind)
    found = [_volume_shape(path, voxels, number) for number, path in enumerate(paths)]
    if len({one.trials for one in found}) > 1:
        raise CounterpointError(f"{paths[0]} holds {found[0].trials} trials, {paths[1]} {found[1].trials}.",
                                "The same trials in both hemispheres were expected.")
    return found[0]


def _volume_shape(path: Path, voxels: Voxels, number: int) -> Stored:
    image = open_image(path)
    if len(image.shape) != 4:
        raise CounterpointError(f"{path} has shape {tuple(image.shape)}.",
                                "Four axes, the last for trials, were expected.")
    if voxels.grid is not None:
        check_grid(image, path, voxels.grid)
    elif image.shape[0] != voxels.space.shape[0] // 2:
        raise CounterpointError(f"{path} has {image.shape[0]} vertices.",
                                f"{voxels.space.shape[0] // 2} were expected.")
    return Stored(int(image.shape[3]), np.dtype(image.dataobj[0, 0, 0, :1].dtype))


def read_session(paths: tuple[Path, ...], voxels: Voxels) -> Iterator[np.ndarray]:
    """``(m, voxels)`` blocks of consecutive trials of one session."""
    if paths[0].suffix == ".hdf5":
        yield _masked_hdf5(paths[0], voxels)
        return
    import nibabel

    images: list[Any] = [nibabel.load(path, keep_file_open=True) for path in paths]  # then read through once
    for start in range(0, images[0].shape[3], VOLUMES):
        blocks = [np.asarray(image.dataobj[..., start : start + VOLUMES]) for image in images]
        flat = [block.reshape(-1, block.shape[3]) for block in blocks]
        picks = voxels.hemispheres or (voxels.space.index,)
        yield np.concatenate([block[pick] for block, pick in zip(flat, picks, strict=True)]).T


def _masked_hdf5(path: Path, voxels: Voxels) -> np.ndarray:
    """``(trials, voxels)``, line by line along x, the fastest axis, from the first to the last masked voxel of each."""
    index, shape = voxels.space.index, voxels.space.shape
    assert index is not None
    x, y, z = np.unravel_index(index, shape)
    order = np.lexsort((x, y, z))
    line = (z * shape[1] + y)[order]
    cuts = np.r_[0, np.flatnonzero(np.diff(line)) + 1, len(order)]
    file, betas = open_hdf5(path, "betas")
    with file:
        out = np.empty((betas.shape[0], len(order)), betas.dtype)
        for start, end in pairwise(cuts):
            place = order[start:end]
            first = x[place[0]]
            values = betas[:, z[place[0]], y[place[0]], first : x[place[-1]] + 1]
            out[:, place] = values[:, x[place] - first]
    return out


def packed_name(files: NSDFiles, voxels: Voxels, mask: str | None, sessions: list[int]) -> str:
    """File name that changes with person, version, mask and the session files (their sizes and times)."""
    digest = hashlib.sha256(np.ascontiguousarray(voxels.space.index).tobytes())
    digest.update(repr((voxels.space.shape, str(files.root.resolve()))).encode())
    for session in sessions:
        for path in files.sessions[session]:
            status = path.stat()
            digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}".encode())
    label = Path(mask or "all").name.split(".")[0]
    return (f"nsd-{files.who}-{files.version}-{files.space}-{label}-{len(sessions)}sessions-"
            f"{digest.hexdigest()[:12]}.npy")


def repack(files: NSDFiles, voxels: Voxels, *, mask: str | None, sessions: list[int], stored: Stored,
           cache: str | Path | None = None) -> Packed:
    """Masked betas of ``sessions`` in one trial-major ``.npy`` file, made if it is not in the cache.

    The file appears whole or not at all.

    Raises
    ------
    CounterpointError
        When the cache has too little room, cannot be written, or a session is damaged.
    """
    folder = Path(cache).expanduser() if cache is not None else cache_folder() / "nsd"
    path = folder / packed_name(files, voxels, mask, sessions)
    beside = path.with_suffix(".json")
    if not path.is_file():
        kind = np.dtype(np.int16) if np.issubdtype(stored.dtype, np.integer) else np.dtype(np.float32)
        shape = (stored.trials * len(sessions), len(voxels))
        _make_room(folder, shape[0] * shape[1] * kind.itemsize)
        nan = _write(path, files, voxels, sessions, shape, kind)
        write_json(beside, {"nan": np.flatnonzero(nan).tolist(), "sessions": sessions, "shape": shape})
        os.replace(path.with_suffix(".part"), path)
    nan = np.zeros(len(voxels), bool)
    nan[np.asarray(read_json(beside)["nan"], np.int64)] = True
    return Packed(NumpyRows(path), nan)


def _make_room(folder: Path, size: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise CounterpointError(f"{folder} cannot be used: {error}.", "A writable folder was expected.",
                                "cache=ANOTHER_FOLDER") from error
    if free < size * 1.05:
        raise CounterpointError(f"{folder} has {free / 1e9:.1f} GB free.",
                                f"The masked betas take {size / 1e9:.1f} GB.",
                                "cache=ANOTHER_FOLDER, or fewer sessions")


def _write(path: Path, files: NSDFiles, voxels: Voxels, sessions: list[int], shape: tuple[int, int],
           kind: np.dtype[Any]) -> np.ndarray:
    nan = np.zeros(shape[1], bool)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape})
            for session in sessions:
                _log.info("%s: session %d of %d through the mask", files.who, session, len(sessions))
                for block in _blocks(files.sessions[session], voxels):
                    if kind.kind == "f":
                        nan |= np.isnan(block).any(axis=0)
                    file.write(np.ascontiguousarray(block, dtype=kind).tobytes())
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        if size - shape[0] * shape[1] * kind.itemsize not in range(64, 1024):
            raise CounterpointError(f"The sessions of {files.who} do not hold {shape[0]} trials in all.")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path.with_suffix(".part"))
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return nan


def _blocks(paths: tuple[Path, ...], voxels: Voxels) -> Iterator[np.ndarray]:
    try:
        yield from read_session(paths, voxels)
    except (OSError, EOFError, ValueError) as error:
        raise CounterpointError(f"{paths[0]} is damaged: {error}.", "A whole session file was expected.") from error
