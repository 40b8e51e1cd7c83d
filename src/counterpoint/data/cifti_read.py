"""CIFTI files by their axes: dense time series and label maps on the fs_LR 32k surface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._volumes import open_image

VERTICES = 32_492
"""Vertices of one hemisphere of the fs_LR 32k surface."""
_CORTEX = {"CIFTI_STRUCTURE_CORTEX_LEFT": 0, "CIFTI_STRUCTURE_CORTEX_RIGHT": VERTICES}


def read_dtseries(path: str | Path, *, t_r: float | None = None) -> tuple[np.ndarray, float, np.ndarray]:
    """Cortex of a ``.dtseries.nii`` file.

    Returns
    -------
    values : numpy.ndarray
        ``(time, vertices)`` float32.
    t_r : float
        Seconds between frames.
    index : numpy.ndarray
        ``(vertices,)`` int64, ascending, in 0..64983: left vertices first.

    Raises
    ------
    CounterpointError
        For another kind of CIFTI, a series that does not run in time, or a surface other than 32k.
    """
    image = _load(path)
    from nibabel.cifti2 import SeriesAxis

    axis = image.header.get_axis(0)
    if not isinstance(axis, SeriesAxis):
        raise CounterpointError(
            f"The rows of {path} are a {type(axis).__name__}.", "A .dtseries.nii file was expected."
        )
    columns, index = _cortex(path, image.header.get_axis(1))
    seconds = _seconds(path, axis) if t_r is None else t_r
    return np.asarray(image.dataobj, dtype=np.float32)[:, columns], seconds, index


def read_dlabel(path: str | Path, *, number: int = 0) -> tuple[np.ndarray, dict[int, str]]:
    """A label map of a ``.dlabel.nii`` file: ``(64984,)`` int64 labels, 0 for none, and their names."""
    image = _load(path)
    from nibabel.cifti2 import LabelAxis

    axis = image.header.get_axis(0)
    if not isinstance(axis, LabelAxis) or not 0 <= number < len(axis):
        raise CounterpointError(
            f"The rows of {path} are {len(axis)} of a {type(axis).__name__}.",
            f"A .dlabel.nii file with a map {number} was expected.",
        )
    columns, index = _cortex(path, image.header.get_axis(1))
    labels = np.zeros(2 * VERTICES, np.int64)
    labels[index] = np.asarray(image.dataobj)[number, columns].astype(np.int64)
    return labels, {int(key): str(value[0]) for key, value in axis.label[number].items() if int(key)}


def _load(path: str | Path) -> Any:
    image = open_image(Path(path), "A CIFTI-2 file")
    from nibabel import Cifti2Image

    if not isinstance(image, Cifti2Image):
        raise CounterpointError(f"{path} is a {type(image).__name__}.", "A CIFTI-2 file was expected.")
    return image


def _seconds(path: str | Path, axis: Any) -> float:
    if axis.unit != "SECOND":
        raise CounterpointError(
            f"The series of {path} runs in {axis.unit}.",
            "Seconds were expected.",
            "t_r=SECONDS, to overrule it",
        )
    step = float(axis.step)
    if not 0 < step < 60:
        raise CounterpointError(
            f"{path} has {step:g} s between frames.",
            f"Seconds were expected{'; these look like milliseconds' if step >= 60 else ''}.",
            f"t_r={step / 1000:g}" if step >= 60 else "t_r=SECONDS",
        )
    return step


def _cortex(path: str | Path, axis: Any) -> tuple[np.ndarray, np.ndarray]:
    """Columns of cortical vertices and their flat positions, both by ascending position."""
    from nibabel.cifti2 import BrainModelAxis

    if not isinstance(axis, BrainModelAxis):
        raise CounterpointError(
            f"The columns of {path} are a {type(axis).__name__}.", "A dense file (vertices) was expected."
        )
    columns, index = [], []
    every = np.arange(len(axis))
    for name, piece, model in axis.iter_structures():
        if name not in _CORTEX:
            continue
        count = axis.nvertices[name]
        if count != VERTICES:
            raise CounterpointError(
                f"{name} of {path} has {count} vertices.",
                f"The fs_LR 32k surface ({VERTICES}) was expected.",
                "wb_command -cifti-resample",
            )
        columns.append(every[piece])
        index.append(np.asarray(model.vertex, np.int64) + _CORTEX[name])
    if not columns:
        raise CounterpointError(f"{path} holds no cortical vertices.", "Left or right cortex was expected.")
    flat, places = np.concatenate(columns), np.concatenate(index)
    order = np.argsort(places)
    return flat[order], places[order]
