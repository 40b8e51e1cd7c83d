"""Time series of BIDS derivatives: volumes through a mask or an atlas, surfaces, and dense CIFTI files."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.data._bids_files import BidsRun
from counterpoint.data._bids_images import check_grid, open_volume, surface_labels, surface_series
from counterpoint.data._parcel_average import parcel_means
from counterpoint.data.brain import Space
from counterpoint.data.cifti_read import VERTICES, read_dlabel, read_dtseries
from counterpoint.data.trial_estimates import RunSeries

SURFACES = {"fsaverage5": 10_242, "fsaverage6": 40_962, "fsaverage": 163_842}
"""Vertices of one hemisphere."""


class BidsReader:
    """Reads runs as series over the same voxels, vertices or parcels.

    Parameters
    ----------
    runs : list of BidsRun
    space : str
    mask : Path, optional
        In place of the intersection of the runs' brain masks.
    parcellation : path, or pair of paths
        A label volume, two ``.label.gii`` files (left, right), or a ``.dlabel.nii`` file.
    t_r : float, optional
        Seconds between frames, where the files say it wrongly or not at all.
    """

    def __init__(
        self,
        runs: list[BidsRun],
        *,
        space: str,
        mask: str | Path | None = None,
        parcellation: Any = None,
        t_r: float | None = None,
    ) -> None:
        self.runs, self.t_r = runs, t_r
        self.space, self.coordinates = Space(), None
        self.parcels: np.ndarray | None = None
        self.parcel_names: dict[int, str] = {}
        self._labels: np.ndarray | None = None
        self._masker: Any = None
        self._name = space
        first = runs[0].bold[0].name
        self._kind = "surface" if first.endswith(".gii") else "cifti" if "dtseries" in first else "volume"
        if self._kind == "volume":
            self._open_volume(mask, parcellation)
        elif parcellation is not None:
            self._open_labels(parcellation)

    def places(self) -> dict[str, Any]:
        """Space, coordinates and parcels of what was read."""
        return {
            "space": self.space if self.parcels is None else Space("parcels"),
            "coordinates": self.coordinates,
            "parcels": self.parcels,
            "parcel_names": self.parcel_names,
        }

    def read(self, run: BidsRun) -> RunSeries:
        """One run as stored, with its repetition time and the time of its first frame."""
        sidecar = _sidecar(run)
        if self._kind == "cifti":
            values, seconds, index = read_dtseries(run.bold[0], t_r=self.t_r)
            self._place(run, Space("fsLR32k", (2 * VERTICES,), index))
        elif self._kind == "surface":
            values, seconds = self._read_surface(run)
        else:
            values, seconds = self._read_volume(run)
        stated = sidecar.get("RepetitionTime")
        if self.t_r is None and stated and seconds and abs(float(stated) - seconds) > 1e-3:
            raise CounterpointError(
                f"{run.bold[0]} has a frame every {seconds:g} s, its .json says {float(stated):g} s.",
                "One repetition time was expected.",
                "t_r=SECONDS",
            )
        seconds = self.t_r or seconds or float(stated or 0.0)
        if not 0 < seconds < 60:
            raise CounterpointError(
                f"{run.bold[0]} says nothing of its repetition time.",
                "RepetitionTime in .json?",
                "t_r=SECONDS",
            )
        if self._labels is not None:
            values, parcels = parcel_means(values, self._labels[self._index(values)])
            self._set_parcels(parcels)
        return RunSeries(values, seconds, start=float(sidecar.get("StartTime", 0.0)), place=str(run.bold[0]))

    def _index(self, values: np.ndarray) -> np.ndarray:
        return self.space.index if self.space.index is not None else np.arange(values.shape[1])

    def _set_parcels(self, parcels: np.ndarray) -> None:
        if self.parcels is not None and not np.array_equal(self.parcels, parcels):
            raise CounterpointError("Runs differ in the parcels that they cover.", "The same were expected.")
        self.parcels = parcels
        self.parcel_names = {
            key: self.parcel_names[key] for key in parcels.tolist() if key in self.parcel_names
        }

    def _place(self, run: BidsRun, space: Space) -> None:
        known = self.space.index
        if known is not None and space.index is not None and not np.array_equal(known, space.index):
            raise CounterpointError(f"{run.bold[0]} has other vertices than {self.runs[0].bold[0]}.")
        self.space = space

    def _open_volume(self, mask: str | Path | None, parcellation: Any) -> None:
        try:
            from nilearn.maskers import NiftiLabelsMasker, NiftiMasker
            from nilearn.masking import intersect_masks
        except ImportError as error:
            raise missing_extra("Reading volumes", "nilearn", "fmri") from error
        paths = [mask] if mask is not None else [run.mask for run in self.runs if run.mask is not None]
        if mask is None and len(paths) < len(self.runs):
            lacking = next(run for run in self.runs if run.mask is None)
            raise CounterpointError(
                f"{lacking.bold[0]} has no brain mask.",
                "..._desc-brain_mask.nii.gz was expected.",
                "mask=FILE",
            )
        images = [open_volume(path) for path in paths]
        for path, image in zip(paths, images, strict=True):
            check_grid(path, image, paths[0], images[0])
        inside = images[0] if len(images) == 1 else intersect_masks(images, threshold=1, connected=False)
        if parcellation is not None:
            self._masker = NiftiLabelsMasker(
                open_volume(parcellation), mask_img=inside, standardize=None, resampling_target="data"
            ).fit()
            self.space = Space("parcels")
            return
        self._masker = NiftiMasker(inside, standardize=None, dtype="float32").fit()
        grid = np.asanyarray(inside.dataobj) != 0
        index, affine = np.flatnonzero(grid), np.asarray(inside.affine, float)
        self.space = Space("volume", grid.shape, index, affine)
        places = np.stack(np.unravel_index(index, grid.shape), axis=1)
        self.coordinates = places @ affine[:3, :3].T + affine[:3, 3]

    def _read_volume(self, run: BidsRun) -> tuple[np.ndarray, float]:
        image = open_volume(run.bold[0])
        if len(image.shape) != 4:
            raise CounterpointError(
                f"{run.bold[0]} has shape {image.shape}.", "A series of volumes was expected."
            )
        reference = self._masker.mask_img_
        if self.space.kind != "parcels":
            check_grid(run.bold[0], image, run.mask or Path("the mask"), reference)
        try:
            values = np.asarray(self._masker.transform(image), dtype=np.float32)
        except (OSError, EOFError, zlib.error) as error:
            raise CounterpointError(
                f"{run.bold[0]} could not be read: {error}.", "A whole file was expected."
            ) from error
        if self.space.kind == "parcels":
            ids = self._masker.region_ids_
            self._set_parcels(np.array([ids[column] for column in range(values.shape[1])], np.int64))
        scale = {"msec": 1e-3, "usec": 1e-6}.get(image.header.get_xyzt_units()[1], 1.0)
        return values, float(image.header.get_zooms()[3]) * scale

    def _read_surface(self, run: BidsRun) -> tuple[np.ndarray, float]:
        sides = [surface_series(path) for path in run.bold]
        for path, side in zip(run.bold, sides, strict=True):
            wanted = SURFACES.get(self._name, side.shape[1])
            if side.shape[1] != wanted or len(side) != len(sides[0]):
                raise CounterpointError(
                    f"{path} has {len(side)} frames of {side.shape[1]} vertices.",
                    f"{len(sides[0])} frames of {wanted} vertices ({self._name}) were expected.",
                )
        values = np.concatenate(sides, axis=1)
        kind = self._name if self._name in ("fsaverage5", "fsaverage") else "none"
        self._place(run, Space(kind, (values.shape[1],), np.arange(values.shape[1])))
        return values, 0.0

    def _open_labels(self, parcellation: Any) -> None:
        if self._kind == "cifti":
            self._labels, self.parcel_names = read_dlabel(parcellation)
            return
        if isinstance(parcellation, str | Path) or len(parcellation) != 2:
            raise CounterpointError(
                f"parcellation is {parcellation}.", "Left and right .label.gii were expected."
            )
        left, right = (surface_labels(Path(path)) for path in parcellation)
        shift = int(left[0].max()) if set(left[1]) & set(right[1]) else 0
        moved = np.where(right[0] > 0, right[0] + shift, 0)
        self._labels = np.concatenate([left[0], moved])
        names = {key + shift: name for key, name in right[1].items()}
        self.parcel_names = (
            {**left[1], **names}
            if not shift
            else {
                **{key: f"L {name}" for key, name in left[1].items()},
                **{key: f"R {name}" for key, name in names.items()},
            }
        )


def _sidecar(run: BidsRun) -> dict[str, Any]:
    path = run.bold[0].with_name(run.bold[0].name.partition(".")[0] + ".json")
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CounterpointError(f"{path} could not be read: {error}.", "JSON was expected.") from error
    return found if isinstance(found, dict) else {}
