"""Writing a subject in the form that :func:`~counterpoint.data.ArrayFile` reads."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.data.array_file import TRIAL_KEYS, VOXEL_KEYS
from counterpoint.data.brain import BrainDataset, Stimuli

_log = logging.getLogger(__name__)


def save_array_file(dataset: BrainDataset, path: str | Path, *, block: int = 256) -> Path:
    """Write any subject as one ``.npz`` or ``.h5`` file; reading it gives the same subject again.

    Of ``truth``, arrays and numbers are kept, and what is left out is logged. The file appears only
    when it is whole; an older one of that name is replaced then.

    Parameters
    ----------
    dataset : BrainDataset
        Responses and pictures may lie on disk.
    path : str or Path
        ``.npz`` is written at once; ``.h5`` in blocks of rows, so the subject may be larger than memory.
    block : int
        Rows that are read and written together (``.h5``).

    Raises
    ------
    CounterpointError
        For another ending, or a folder that cannot be written to.
    """
    path = Path(path).expanduser()
    if path.suffix not in (".npz", ".h5", ".hdf5") or block < 1:
        raise CounterpointError(f"{path} with blocks of {block} rows.", "An .npz or .h5 file was expected.")
    small = _small(dataset)
    images = dataset.stimuli.images if dataset.stimuli is not None else None
    large = {"responses": dataset.responses, **({} if images is None else {"images": images})}
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
        os.close(handle)
        if path.suffix == ".npz":
            whole = {key: np.asarray(value[np.arange(value.shape[0])]) for key, value in large.items()}
            np.savez(temporary, allow_pickle=False, **small, **whole)
        else:
            _write_h5(temporary, small, large, block)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise CounterpointError(
            f"{path} could not be written: {error.strerror or error}.",
            "A writable folder with free space is needed.",
        ) from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
    return path


def _write_h5(temporary: str, small: dict[str, np.ndarray], large: dict[str, Any], block: int) -> None:
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("Writing HDF5", "h5py", "fmri") from error
    with h5py.File(temporary, "w") as file:
        for key, value in small.items():
            if value.dtype.kind == "U":
                file.create_dataset(key, data=value.astype(object), dtype=h5py.string_dtype())
            else:
                file.create_dataset(key, data=value)
        for key, value in large.items():
            shape = tuple(value.shape)
            dtype = np.asarray(value[np.arange(min(1, shape[0]))]).dtype
            made = file.create_dataset(key, shape=shape, dtype=dtype)
            for start in range(0, shape[0], block):
                rows = np.arange(start, min(start + block, shape[0]))
                made[start : start + len(rows)] = value[rows]


def _small(dataset: BrainDataset) -> dict[str, np.ndarray]:
    found: dict[str, Any] = {key: getattr(dataset, key) for key in ("stimulus_id", *TRIAL_KEYS, *VOXEL_KEYS)}
    found |= {key: getattr(dataset, key) for key in ("t_r", "name", "subject", "unit", "licence", "home")}
    found |= {"space_kind": dataset.space.kind, "space_index": dataset.space.index}
    found |= {"space_shape": np.array(dataset.space.shape, np.int64), "space_affine": dataset.space.affine}
    found["notes"] = dataset.notes or None
    for kind in ("parcel", "network"):
        names = getattr(dataset, f"{kind}_names")
        if names:
            found[f"{kind}_names"] = list(names.values())
            found[f"{kind}_labels"] = np.array(list(names), np.int64)
    found |= {f"rois/{_quoted(name)}": mask for name, mask in dataset.rois.items()}
    for name, value in dataset.truth.items():
        if not isinstance(value, dict) and np.asarray(value).dtype.kind in "biufU":
            found[f"truth/{_quoted(name)}"] = value
        else:
            _log.warning("%s of truth is no array and was left out.", name)
    found |= _stimulus_arrays(dataset.stimuli) if dataset.stimuli is not None else {}
    return {key: np.asarray(value) for key, value in found.items() if value is not None}


def _stimulus_arrays(stimuli: Stimuli) -> dict[str, Any]:
    found: dict[str, Any] = {"image_id": stimuli.ids, "labels": stimuli.labels}
    found["class_names"] = stimuli.class_names or None
    found["image_names"] = stimuli.names or None
    if stimuli.captions is not None:
        counts = [len(texts) for texts in stimuli.captions]
        width = max(counts, default=0)
        found["captions"] = np.array(
            [[*texts, *[""] * (width - len(texts))] for texts in stimuli.captions], np.str_
        ).reshape(len(counts), width)
        found["caption_counts"] = np.array(counts, np.int64)
    return found


def _quoted(name: str) -> str:
    """A name as one step of a path, also where it holds a slash."""
    quoted = str(name).replace("%", "%25").replace("/", "%2F")
    return "%2E" * len(quoted) if set(quoted) == {"."} else quoted
