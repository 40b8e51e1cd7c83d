"""Where the Natural Scenes Dataset keeps what, and the voxels or vertices that a mask names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._volumes import Grid, check_grid, open_image, read_grid
from counterpoint.data.brain import Space

Place = Literal["func1pt8mm", "func1mm", "fsaverage"]
REGIONS = ("prf-visualrois", "floc-bodies", "floc-faces", "floc-places", "floc-words", "streams", "Kastner2015")
NAMES: dict[str, tuple[str, ...]] = {
    "prf-visualrois": ("V1v", "V1d", "V2v", "V2d", "V3v", "V3d", "hV4"),
    "floc-bodies": ("EBA", "FBA-1", "FBA-2", "mTL-bodies"),
    "floc-faces": ("OFA", "FFA-1", "FFA-2", "mTL-faces", "aTL-faces"),
    "floc-places": ("OPA", "PPA", "RSC"),
    "floc-words": ("OWFA", "VWFA-1", "VWFA-2", "mfs-words", "mTL-words"),
    "streams": ("early", "midventral", "midlateral", "midparietal", "ventral", "lateral", "parietal"),
}
"""Names of labels 1, 2, ... where no colour table (``*.mgz.ctab``) is there."""
ENDINGS = (".hdf5", ".nii.gz", ".nii")


@dataclass(frozen=True)
class Voxels:
    """The voxels of a mask in a volume, or vertices of both hemispheres, left before right.

    Attributes
    ----------
    space : Space
    grid : Grid or None
        Of a volume.
    hemispheres : (left, right) vertex numbers of a surface.
    """

    space: Space
    grid: Grid | None = None
    hemispheres: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return 0 if self.space.index is None else len(self.space.index)


@dataclass(frozen=True)
class NSDFiles:
    """Files of one person in one version and space."""

    root: Path
    subject: int
    version: str
    space: Place

    @property
    def who(self) -> str:
        """``subj01``."""
        return f"subj{self.subject:02d}"

    @property
    def betas(self) -> Path:
        """Folder of the session files."""
        return self.root / "nsddata_betas" / "ppdata" / self.who / self.space / self.version

    @property
    def masks(self) -> Path:
        """Folder of masks: of the person's volume, or of the surface."""
        if self.space == "fsaverage":
            return self.root / "nsddata" / "freesurfer" / "fsaverage" / "label"
        return self.root / "nsddata" / "ppdata" / self.who / self.space / "roi"

    @cached_property
    def sessions(self) -> dict[int, tuple[Path, ...]]:
        """Session number -> its file, or its left and right file; HDF5 before NIfTI where both are there.

        Raises
        ------
        CounterpointError
            When none is there, or only one hemisphere of a session.
        """
        found: dict[int, tuple[Path, ...]] = {}
        if self.space == "fsaverage":
            for left in sorted(self.betas.glob("lh.betas_session*.mgh")):
                right = left.with_name("rh" + left.name[2:])
                if not right.is_file():
                    raise CounterpointError(f"{right} is missing.", "Both hemispheres of a session were expected.")
                found[_session(left)] = (left, right)
        else:
            for ending in reversed(ENDINGS):
                found |= {_session(path): (path,) for path in sorted(self.betas.glob(f"betas_session[0-9]*{ending}"))}
        if not found:
            raise CounterpointError(f"{self.betas} holds no betas_session files.", self._instead(),
                                    f"space={self.space!r}, version={self.version!r} or another root")
        return dict(sorted(found.items()))

    def _instead(self) -> str:
        person = self.root / "nsddata_betas" / "ppdata" / self.who
        there = [str(path.relative_to(person)) for path in sorted(person.glob("*/*")) if path.is_dir()]
        return f"There are: {', '.join(there)}." if there else "root/nsddata_betas/ppdata/subj01 ... was expected."

    def voxels(self, mask: str | None) -> Voxels:
        """The voxels above zero of a mask by name or path, or all vertices for None."""
        if self.space == "fsaverage":
            left, right = (self._vertices(side, mask) for side in ("lh", "rh"))
            count = self._vertex_count
            index = np.concatenate([left, count + right])
            return Voxels(Space("fsaverage", (2 * count,), index), hemispheres=(left, right))
        grid = read_grid(self._volume_mask(mask or "brainmask"))
        return Voxels(grid.space(), grid=grid)

    @cached_property
    def _vertex_count(self) -> int:
        return int(open_image(next(iter(self.sessions.values()))[0]).shape[0])

    def _vertices(self, side: str, mask: str | None) -> np.ndarray:
        if mask is None:
            return np.arange(self._vertex_count)
        values = self._surface_values(side, mask)
        if values is None:
            raise CounterpointError(f"{self.masks}/{side}.{mask}.mgz does not exist.",
                                    f"Masks there: {self._listed()}.", "mask=None for all vertices")
        return np.flatnonzero(values > 0)

    def _surface_values(self, side: str, name: str) -> np.ndarray | None:
        path = next((found for ending in (".mgz", ".mgh") for folder in (self.masks, self.betas)
                     if (found := folder / f"{side}.{name}{ending}").is_file()), None)
        if path is None:
            return None
        values = np.asarray(open_image(path).dataobj).reshape(-1)
        if len(values) != self._vertex_count:
            raise CounterpointError(f"{path} has {len(values)} vertices, the betas have {self._vertex_count}.",
                                    "A mask on the same surface was expected.")
        return values

    def _volume_mask(self, mask: str) -> Path:
        given = Path(mask).expanduser()
        if given.name.endswith((".nii", ".nii.gz")):
            return given
        path = next((found for folder in (self.masks, self.masks.parent)
                     if (found := folder / f"{mask}.nii.gz").is_file()), None)
        if path is None:
            raise CounterpointError(f"{self.masks / mask}.nii.gz does not exist.", f"Masks there: {self._listed()}.",
                                    "mask=NAME or a path to a NIfTI mask")
        return path

    def _listed(self) -> str:
        names = {re.sub(r"^[lr]h\.|\.(mgz|mgh|nii\.gz)$", "", path.name) for path in self.masks.glob("*")}
        return ", ".join(sorted(names)[:12]) or "none"

    def regions(self, voxels: Voxels) -> dict[str, np.ndarray]:
        """Masks over ``voxels`` of the usual regions, of those files that are there; names from colour tables."""
        found: dict[str, np.ndarray] = {}
        for name in REGIONS:
            values = self.values(name, voxels)
            if values is None:
                continue
            labels = self._labels(name)
            for label in np.unique(np.rint(values[values > 0]).astype(int)):
                found[labels.get(int(label), f"{name}-{label}")] = np.rint(values) == label
        return found

    def values(self, name: str, voxels: Voxels) -> np.ndarray | None:
        """``(voxels,)`` numbers of a map (a region file, or ``ncsnr``); None where it is not there."""
        if voxels.hemispheres is not None:
            sides = [self._surface_values(side, name) for side in ("lh", "rh")]
            if sides[0] is None or sides[1] is None:
                return None
            return np.concatenate([side[pick] for side, pick in zip(sides, voxels.hemispheres, strict=True)
                                   if side is not None])
        path = next((found for folder in (self.masks, self.betas)
                     if (found := folder / f"{name}.nii.gz").is_file()), None)
        if path is None or voxels.grid is None:
            return None
        image: Any = open_image(path)
        check_grid(image, path, voxels.grid)
        return np.asarray(image.dataobj).reshape(-1)[voxels.grid.index]

    def _labels(self, name: str) -> dict[int, str]:
        table = next(iter(sorted((self.root / "nsddata" / "freesurfer").glob(f"*/label/{name}.mgz.ctab"))), None)
        if table is None:
            return dict(enumerate(NAMES.get(name, ()), start=1))
        rows = [line.split() for line in table.read_text(encoding="utf-8").splitlines()]
        return {int(row[0]): row[1] for row in rows if len(row) > 1 and row[0].isdigit()}


def _session(path: Path) -> int:
    match = re.search(r"session(\d+)", path.name)
    if match is None:
        raise CounterpointError(f"{path} has no session number.", "betas_session01 was expected in its name.")
    return int(match[1])
