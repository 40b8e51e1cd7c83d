"""Parcels and networks of every vertex: HCP-MMP 1.0 and Yeo-7 on fs_LR 32k, and taken over to fsaverage5."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpoint.brain._cortex_files import HEMISPHERES, check_space, on_vertices, stored_labels, stored_surface
from counterpoint.core.errors import CounterpointError, missing_extra, unknown

_TO_MNI152 = np.array([
    [0.9975, -0.0073, 0.0176, -0.0429],
    [0.0146, 1.0009, -0.0024, 1.5496],
    [-0.0130, -0.0093, 0.9971, 1.1840],
])  # fmt: skip
"""FreeSurfer's published affine from fsaverage (MNI305) to MNI152, where fs_LR lies."""
_NORMAL_MM = 5.0
"""What opposite banks of a sulcus are kept apart by: millimetres that one unit of surface normal counts."""


@dataclass(frozen=True)
class Atlas:
    """Parcels and networks of every vertex of a space, left hemisphere first.

    Attributes
    ----------
    space : str
        ``"fsLR32k"`` or ``"fsaverage5"``.
    parcels, networks : numpy.ndarray
        ``(vertices,)`` int64 labels; 0 is the medial wall (parcels), or no network.
    parcel_names, network_names : dict of int to str
        ``{1: "L_V1", ..., 360: "R_p24"}`` (HCP-MMP 1.0) and ``{1: "Visual", ..., 7: "Default"}`` (Yeo-7).
    hemisphere : numpy.ndarray
        ``(vertices,)`` int64: 0 left, 1 right.
    coordinates : numpy.ndarray
        ``(vertices, 3)`` float32 millimetres of the midthickness surface.
    """

    space: str
    parcels: NDArray[np.int64] = field(repr=False)
    networks: NDArray[np.int64] = field(repr=False)
    parcel_names: dict[int, str] = field(repr=False)
    network_names: dict[int, str] = field(repr=False)
    hemisphere: NDArray[np.int64] = field(repr=False)
    coordinates: NDArray[np.float32] = field(repr=False)

    def region(self, *areas: str) -> NDArray[np.bool_]:
        """``(vertices,)`` mask of areas by name, in both hemispheres (``"V1"``) or in one (``"L_V1"``).

        Raises
        ------
        CounterpointError
            An area that the atlas does not have.
        """
        known = {name for label in self.parcel_names.values() for name in (label, label[2:])}
        for area in areas:
            if area not in known:
                raise unknown("area", area, sorted(known), 'atlas("fsLR32k").parcel_names')
        wanted = [key for key, name in self.parcel_names.items() if name in areas or name[2:] in areas]
        return np.isin(self.parcels, wanted)

    def parcel_networks(self) -> NDArray[np.int64]:
        """``(parcels,)`` network that most vertices of each parcel have, in the order of ``parcel_names``."""
        counts = np.zeros((max(self.parcel_names) + 1, max(self.network_names) + 1), np.int64)
        np.add.at(counts, (self.parcels, self.networks), 1)
        counts[:, 0] = 0
        return counts[list(self.parcel_names)].argmax(1)

    def parcel_centres(self) -> NDArray[np.float32]:
        """``(parcels, 3)`` the vertex of each parcel that is nearest to the mean of its vertices."""
        means = parcel_means(self.coordinates.T, self.parcels, names=self.parcel_names).T
        centres = np.empty_like(means)
        for row, key in enumerate(self.parcel_names):
            own = self.coordinates[self.parcels == key]
            centres[row] = own[((own - means[row]) ** 2).sum(1).argmin()]
        return centres


@cache
def atlas(space: str = "fsLR32k") -> Atlas:
    """The 360 HCP-MMP parcels and 7 Yeo networks on a surface.

    Parameters
    ----------
    space : str
        ``"fsLR32k"``: as published. ``"fsaverage5"``: approximate, taken over from the nearest fs_LR vertex.

    Raises
    ------
    CounterpointError
        Another space, or a package that is not installed.

    Notes
    -----
    Nearest is meant in space and direction, not by a surface registration: the distance of two vertices of the
    group-average midthickness surfaces, fsaverage5 brought to MNI152, with 5 mm added for each unit by which their
    unit normals differ, so that the two banks of a sulcus stay apart. Sulcal depth taken over in this way
    correlates 0.96 with fsaverage5's own; half of the vertices are moved by less than 1.8 mm, 95 % by less than
    4.2 mm. That is fine for pictures and simulation; take a registered parcellation for research on fsaverage.
    """
    check_space(space)
    (parcels, parcel_names), (networks, network_names) = stored_labels("mmp_1.0"), stored_labels("yeo7")
    both = [[on_vertices(values, side) for side in HEMISPHERES] for values in (parcels, networks)]
    if space == "fsaverage5":
        nearest = [_nearest(side) for side in HEMISPHERES]
        both = [[half[rows] for half, rows in zip(values, nearest, strict=True)] for values in both]
    points = [stored_surface(space, "midthickness", side)[0] for side in HEMISPHERES]
    side_of = np.repeat(np.arange(2), [len(half) for half in points])
    arrays = [np.concatenate(parts) for parts in (*both, points)] + [side_of]
    for array in arrays:
        array.flags.writeable = False  # the atlas is kept and handed out again
    labels, members, coordinates, hemispheres = arrays
    return Atlas(space, labels, members, parcel_names, network_names, hemispheres, coordinates)


def parcel_means(values: ArrayLike, parcels: ArrayLike, *, names: dict[int, str] | None = None) -> NDArray[np.float32]:
    """Mean over the vertices (or voxels) of each parcel.

    Parameters
    ----------
    values : array_like
        ``(..., vertices)``; NaN counts as missing.
    parcels : array_like
        ``(vertices,)`` labels; 0 belongs to none.
    names : dict, optional
        Labels in the order wanted, as an atlas has them; by default those that occur, in order.

    Returns
    -------
    numpy.ndarray
        ``(..., parcels)`` float32; NaN for a parcel without values.

    Examples
    --------
    >>> parcel_means([1.0, 3.0, 9.0, 5.0], [1, 1, 0, 2]).tolist()
    [2.0, 5.0]
    """
    found, labels = np.asarray(values, np.float64), np.asarray(parcels, np.int64)
    if found.shape[-1:] != labels.shape:
        raise CounterpointError(f"{found.shape[-1] if found.ndim else 1} values for {len(labels)} parcel labels.",
                                "One label per vertex was expected.")
    wanted = np.array(sorted(set(labels.tolist()) - {0}) if names is None else list(names), np.int64)
    order = np.argsort(labels, kind="stable")
    first = np.searchsorted(labels[order], wanted)
    count = np.searchsorted(labels[order], wanted, side="right") - first
    means = np.full((*found.shape[:-1], len(wanted)), np.nan, np.float32)
    for place in np.flatnonzero(count):
        own = found[..., order[first[place] : first[place] + count[place]]]
        there = np.isfinite(own)
        with np.errstate(invalid="ignore"):
            means[..., place] = np.where(there, own, 0).sum(-1) / there.sum(-1)
    return means


@cache
def _nearest(hemisphere: str) -> NDArray[np.int64]:
    """The fs_LR vertex that each fsaverage5 vertex takes its labels from."""
    try:
        from scipy.spatial import cKDTree
    except ImportError:
        raise missing_extra("Parcels on fsaverage5", "scipy", "fmri") from None
    source, faces = stored_surface("fsLR32k", "midthickness", hemisphere)
    target, target_faces = stored_surface("fsaverage5", "midthickness", hemisphere)
    moved = target @ _TO_MNI152[:, :3].T + _TO_MNI152[:, 3]
    tree = cKDTree(np.hstack([source, _NORMAL_MM * _normals(source, faces)]))
    return np.asarray(tree.query(np.hstack([moved, _NORMAL_MM * _normals(moved, target_faces)]))[1], np.int64)


def _normals(points: NDArray[np.floating], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    corners = points.astype(np.float64)[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.zeros((len(points), 3))
    for corner in range(3):
        np.add.at(summed, faces[:, corner], normal)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)
