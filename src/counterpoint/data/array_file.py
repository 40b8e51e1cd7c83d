"""Arrays of one subject in one ``.npz`` or ``.h5`` file: the form to convert other data to."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from counterpoint.core.errors import CounterpointError, did_you_mean
from counterpoint.data._array_parts import (
    label_names,
    roi_mask,
    stored_space,
    stored_split,
    stored_stimuli,
    whole_ids,
)
from counterpoint.data._array_store import open_arrays
from counterpoint.data.brain import SCALE, BrainDataset, as_text

TRIAL_KEYS = ("session", "run", "trial", "repeat", "split", "shared")
VOXEL_KEYS = ("coordinates", "parcels", "networks", "noise_ceiling", "ncsnr")
ARRAY_KEYS = (
    *("responses", "stimulus_id", *TRIAL_KEYS, *VOXEL_KEYS),
    *("images", "image_id", "image_names", "captions", "caption_counts", "labels", "class_names"),
    *("network_names", "network_labels", "parcel_names", "parcel_labels"),
    *("space_kind", "space_shape", "space_index", "space_affine"),
    *("t_r", "name", "subject", "unit", "licence", "home", "notes"),
)
"""Names of the arrays, besides ``rois/<name>`` and ``truth/<name>``."""


def ArrayFile(
    path: str | Path, subject: str = "", *, name: str = "", unit: str = "", t_r: float | None = None
) -> BrainDataset:
    """One subject from arrays in an ``.npz`` or HDF5 file.

    Required: ``responses`` ``(trials, voxels)`` or ``(trials, time, parcels)``, and ``stimulus_id``
    ``(trials,)`` integers or names. Optional, per trial: ``session``, ``run``, ``trial``, ``repeat``,
    ``split`` ("train", "test", "imagery"), ``shared``. Per picture: ``images`` ``(n, 3, height,
    width)`` or ``(n, height, width, 3)`` uint8, ``captions`` ``(n,)`` or ``(n, k)``, ``labels``
    ``(n,)`` integers or names, ``image_names``; ``image_id`` ``(n,)`` says whose row each is. Without
    it, rows belong to the sorted distinct ids, or, when more are there than were shown, row ``i`` to id
    ``i``. Per voxel: ``coordinates`` ``(voxels, 3)`` mm, ``parcels``, ``networks``, ``noise_ceiling``
    (per cent), ``ncsnr``, ``rois/<name>``. Besides: ``class_names``, ``network_names`` and
    ``parcel_names`` (from label 0 or 1), ``t_r`` (seconds), ``unit``.

    Parameters
    ----------
    path : str or Path
        An ``.npz`` file is read whole. Of an ``.h5`` file responses and pictures stay on disk.
    subject, name, unit : str
        Given here, they go before what the file says.
    t_r : float, optional
        Seconds between time points.

    Returns
    -------
    BrainDataset

    Raises
    ------
    CounterpointError
        For missing or misspelt keys, pickled objects, wrong types or lengths, ids without a picture, or a
        picture in train and in test.
    """
    path = Path(path).expanduser()
    read, keys = open_arrays(path, lazy=("responses", "images"))
    _check_keys(path, keys)
    taken = {key: read(key) for key in ARRAY_KEYS if key in keys}
    responses, images = taken.pop("responses"), taken.pop("images", None)
    ids = whole_ids(path, taken)
    _check_shape(path, responses, len(ids))
    if "split" in taken:
        taken["split"] = stored_split(path, ids, taken["split"])
    unit = unit or str(taken.get("unit", "arbitrary"))
    if unit not in SCALE:
        raise CounterpointError(f'{path} has the unit "{unit}".', f"One of {', '.join(SCALE)} was expected.")
    unknown = [key for key in keys if key not in ARRAY_KEYS and not key.startswith(("rois/", "truth/"))]
    notes = [f"left out of {path.name}: {', '.join(unknown)}."] if unknown else []
    parts: dict[str, Any] = {key: taken[key] for key in (*TRIAL_KEYS, *VOXEL_KEYS) if key in taken}
    return BrainDataset(
        name=name or str(taken.get("name", path.stem)),
        subject=subject or str(taken.get("subject", "")),
        responses=responses,
        stimulus_id=ids,
        stimuli=stored_stimuli(path, images, ids, taken=taken),
        unit=unit,  # type: ignore[arg-type]
        space=stored_space(taken),
        rois={unquote(key[5:]): roi_mask(path, key, read(key)) for key in keys if key.startswith("rois/")},
        parcel_names=label_names(path, taken, "parcel"),
        network_names=label_names(path, taken, "network"),
        t_r=t_r if t_r is not None else _seconds(path, taken.get("t_r")),
        truth={unquote(key[6:]): read(key) for key in keys if key.startswith("truth/")},
        licence=str(taken.get("licence", "")),
        home=str(taken.get("home", "")),
        notes=[*as_text(taken.get("notes", [])), *notes],
        **parts,
    )


def _check_keys(path: Path, keys: list[str]) -> None:
    for key in ("responses", "stimulus_id"):
        if key not in keys:
            raise CounterpointError(
                f"{path} holds {', '.join(sorted(keys)[:12]) or 'nothing'}.",
                f"responses and stimulus_id were expected; {key} is missing.",
            )
    absent = [known for known in ARRAY_KEYS if known not in keys]
    for key in keys:
        close = did_you_mean(key, absent, cutoff=0.8)
        if key not in ARRAY_KEYS and "/" not in key and close:
            raise CounterpointError(f"{path} holds {key}.", close, f"rename or remove {key}")


def _check_shape(path: Path, responses: Any, count: int) -> None:
    shape, dtype = tuple(responses.shape), np.dtype(responses.dtype)
    if dtype.kind not in "fiu" or len(shape) not in (2, 3):
        raise CounterpointError(
            f"responses of {path} are {dtype} of shape {shape}.",
            "Numbers of shape (trials, voxels) or (trials, time, parcels) were expected.",
        )
    if shape[0] != count:
        turned = " They look transposed: trials come first." if shape[-1] == count else ""
        raise CounterpointError(
            f"{path} holds {shape[0]} rows of responses and {count} stimulus ids.",
            f"One row per trial was expected.{turned}",
        )


def _seconds(path: Path, stored: Any) -> float | None:
    if stored is None:
        return None
    value = float(np.asarray(stored).ravel()[0]) if np.asarray(stored).size == 1 else 0.0
    if not 0 < value < 60:
        raise CounterpointError(f"t_r of {path} is {stored}.", "Seconds between time points were expected.")
    return value
