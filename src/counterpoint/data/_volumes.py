"""NIfTI series through a mask: shape, affine and units as stored, in C order of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.data._reading import place
from counterpoint.data.brain import Space

TOLERANCE = 1e-2
"""Millimetres (and millimetres per voxel) by which two affines may differ: headers store them rounded."""


@dataclass(frozen=True)
class Grid:
    """The voxels of a mask: flat positions in C order, and where the grid lies."""

    path: Path
    shape: tuple[int, ...]
    affine: np.ndarray = field(repr=False)
    index: np.ndarray = field(repr=False)

    def space(self) -> Space:
        """As a data set holds it."""
        return Space("volume", self.shape, self.index, self.affine)

    def coordinates(self) -> np.ndarray:
        """``(voxels, 3)`` millimetres."""
        return self.positions() @ self.affine[:3, :3].T + self.affine[:3, 3]

    def positions(self) -> np.ndarray:
        """``(voxels, 3)`` i, j, k."""
        return np.stack(np.unravel_index(self.index, self.shape), axis=1)

    def voxel(self, number: int) -> str:
        """Where one voxel of the mask is, in words."""
        return "voxel ({}, {}, {})".format(*self.positions()[number])

    def keep(self, good: np.ndarray) -> Grid:
        """The grid with some of its voxels."""
        return Grid(self.path, self.shape, self.affine, self.index[good])


def open_image(path: Path, expected: str = "A NIfTI file") -> Any:
    """A file that nibabel reads; its numbers are not read yet."""
    try:
        import nibabel
    except ImportError as error:
        raise missing_extra(f"Reading {path.name}", "nibabel", "fmri") from error
    try:
        return nibabel.load(place(path, expected))
    except (OSError, EOFError, nibabel.filebasedimages.ImageFileError) as error:
        raise CounterpointError(f"{path} could not be read: {error}.", f"{expected} was expected.") from error


def read_grid(path: Path) -> Grid:
    """The voxels above zero of a mask file."""
    image = open_image(path)
    values = _numbers(image, path)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise CounterpointError(f"{path} has shape {values.shape}.", "A mask of three dimensions was expected.")
    index = np.flatnonzero(np.ascontiguousarray(values) > 0)
    if not len(index):
        raise CounterpointError(f"{path} holds no voxel above zero.", "A mask was expected.")
    return Grid(path, tuple(map(int, values.shape)), np.asarray(image.affine, float), index)


def volumes_in(path: Path) -> int:
    """How many volumes a series holds."""
    shape = open_image(path).shape
    if len(shape) != 4:
        raise CounterpointError(f"{path} has shape {tuple(shape)}.", "A series (x, y, z, trial) was expected.")
    return int(shape[3])


def check_grid(image: Any, path: Path, grid: Grid, *, ignore_affine: bool = False) -> None:
    """An error unless an image lies on the grid of the mask."""
    if tuple(image.shape[:3]) != grid.shape:
        raise CounterpointError(f"{path} has a grid of {tuple(image.shape[:3])}, the mask {grid.path} of {grid.shape}.",
                                "The same grid was expected: they come from different people or spaces.")
    apart = np.abs(np.asarray(image.affine, float) - grid.affine).max()
    if not apart <= TOLERANCE and not ignore_affine:
        raise CounterpointError(f"The affine of {path} differs from that of {grid.path} by up to {apart:.4g}.",
                                "The same position in space was expected: one of them may be flipped or shifted.",
                                "ignore_affine=True when you know that the grids are the same")


def masked_series(path: Path, grid: Grid, *, ignore_affine: bool = False) -> np.ndarray:
    """``(volumes, voxels)`` of the mask, float32 unless integers are stored."""
    image = open_image(path)
    if len(image.shape) != 4:
        raise CounterpointError(f"{path} has shape {tuple(image.shape)}.", "A series (x, y, z, trial) was expected.")
    check_grid(image, path, grid, ignore_affine=ignore_affine)
    values = _numbers(image, path)
    found = values[np.unravel_index(grid.index, grid.shape)].T
    return np.ascontiguousarray(found, dtype=np.float32 if found.dtype.kind == "f" else found.dtype)


def stacked_series(paths: Sequence[Path], counts: Sequence[int], grid: Grid, *, ignore_affine: bool) -> np.ndarray:
    """``(trials, voxels)`` float32 of several series, one file in memory at a time."""
    made = np.empty((sum(counts), len(grid.index)), np.float32)
    start = 0
    for path, count in zip(paths, counts, strict=True):
        made[start : start + count] = masked_series(path, grid, ignore_affine=ignore_affine)
        start += count
    return made


def region(path: Path, grid: Grid, *, ignore_affine: bool = False) -> np.ndarray:
    """``(voxels,)`` bool: which voxels of the grid a mask file holds."""
    image = open_image(path)
    check_grid(image, path, grid, ignore_affine=ignore_affine)
    return _numbers(image, path).reshape(grid.shape)[np.unravel_index(grid.index, grid.shape)] > 0


def _numbers(image: Any, path: Path) -> np.ndarray:
    try:
        return np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError) as error:
        raise CounterpointError(f"{path} is damaged: {error}.", "A whole NIfTI file was expected.") from error
