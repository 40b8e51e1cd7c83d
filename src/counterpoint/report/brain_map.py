"""The map of a brain run, ready to be drawn: values and reliability on a surface, or in a volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.report.cortex import Scale, hemisphere, scale
from counterpoint.report.cortex_values import SURFACES, filled, spread_out
from counterpoint.report.run import Run
from counterpoint.report.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from counterpoint.report.cortex import Hemisphere

SIDES = ("left", "right")


@dataclass(frozen=True)
class SurfaceMap:
    """Values on both hemispheres, each a pair (left, right) of arrays per vertex; NaN where nothing is known.

    ``borders`` are labels whose outlines are drawn, and ``bounds`` says what they are. ``read`` vertices carry a value
    of their own; ``reach`` is how far (mm) values of scattered voxels were spread to the vertices between, else 0.
    """

    space: str
    values: tuple[np.ndarray, np.ndarray]
    ceiling: tuple[np.ndarray, np.ndarray] | None
    borders: tuple[np.ndarray, np.ndarray] | None
    bounds: str
    scale: Scale
    read: int
    reach: float

    def hemisphere(self, kind: str, side: int) -> Hemisphere:
        """The template's left (0) or right (1) half; fs_LR's inflated surface is its very inflated one."""
        return hemisphere(self.space, _kind(self.space, kind), SIDES[side])

    def of(self, pair: tuple[np.ndarray, np.ndarray] | None, side: int) -> np.ndarray | None:
        """One half of a pair that may be absent."""
        return None if pair is None else pair[side]


@dataclass(frozen=True)
class Volume:
    """Values in a grid turned to right, front, top; NaN outside the mask. ``size`` is a voxel's, in millimetres."""

    values: np.ndarray
    ceiling: np.ndarray | None
    background: np.ndarray | None
    size: np.ndarray
    scale: Scale


@dataclass(frozen=True)
class Placed:
    """Values with their places: flat positions in a space, and what was recorded beside them."""

    space: str
    values: np.ndarray
    index: np.ndarray
    ceiling: np.ndarray | None
    parcels: np.ndarray | None


def placed(run: Run) -> Placed | None:
    """The map as stored; parcels that bear names of the HCP-MMP atlas are spread over their vertices of fs_LR 32k."""
    values, space = run.brain.get("map_values"), str(run.brain.get("space", ""))
    if values is None or values.ndim != 1 or values.dtype.kind not in "fiu" or not np.isfinite(values).any():
        return None
    ceiling, parcels = _beside(run, "ceiling_values"), _beside(run, "parcels")
    if space == "parcels":
        return _painted_parcels(run, values, ceiling)
    index = run.brain.get("map_index")
    if index is None or index.shape != values.shape or index.dtype.kind not in "iu":
        return None
    return Placed(space, values, index, ceiling, parcels)


def _painted_parcels(run: Run, values: np.ndarray, ceiling: np.ndarray | None) -> Placed | None:
    names = run.brain.get("parcel_names")
    if names is None or names.shape != values.shape:
        return None
    try:
        from counterpoint.brain.surface import atlas

        known = atlas("fsLR32k")
    except CounterpointError:
        return None
    rows = {str(name): row for row, name in enumerate(names)}
    found = np.full(max(known.parcel_names) + 1, -1)
    for label, name in known.parcel_names.items():
        found[label] = rows.get(name, -1)
    row = found[known.parcels]
    index = np.flatnonzero(row >= 0)
    if len(index) == 0:
        return None
    row = row[index]
    return Placed("fsLR32k", values[row], index, None if ceiling is None else ceiling[row], known.parcels[index])


def map_name(run: Run) -> str:
    """What the map's values are."""
    return str(run.brain["map_name"]) if "map_name" in run.brain else "contribution to decoding"


def named(run: Run) -> str:
    """:func:`map_name` at the beginning of a sentence."""
    text = map_name(run)
    return text[:1].upper() + text[1:]


def surface_map(run: Run) -> SurfaceMap | None:
    """The map of a run whose responses lie on a surface."""
    found = placed(run)
    if found is None or found.space not in SURFACES:
        return None
    values = spread_out(found.values, found.index, found.space)
    ceiling = None if found.ceiling is None else spread_out(found.ceiling, found.index, found.space)
    read = int(np.isfinite(np.concatenate(values)).sum())
    parts = [
        filled(hemisphere(found.space, _kind(found.space, "inflated"), side), half, others=ceiling and ceiling[place])
        for place, (side, half) in enumerate(zip(SIDES, values, strict=True))
    ]
    reach = max(part[2] for part in parts)
    values = (parts[0][0], parts[1][0])
    if parts[0][1] is not None and parts[1][1] is not None:
        ceiling = (parts[0][1], parts[1][1])
    borders, bounds = _borders(found, own=not reach)
    how = scale(np.concatenate(values), None if ceiling is None else np.concatenate(ceiling))
    return SurfaceMap(found.space, values, ceiling, borders, bounds, how, read, reach)


def _kind(space: str, kind: str) -> str:
    return "very_inflated" if (space, kind) == ("fsLR32k", "inflated") else kind


def volume_map(run: Run) -> Volume | None:
    """The map of a run whose responses lie in a volume, turned so that the axes run right, front and up."""
    found = placed(run)
    shape, affine = run.brain.get("map_shape"), run.brain.get("map_affine")
    if found is None or found.space != "volume" or shape is None or shape.shape != (3,):
        return None
    size = tuple(int(side) for side in shape)
    background = run.brain.get("map_background")
    matrix = np.asarray(affine, float) if affine is not None and affine.shape == (4, 4) else np.eye(4)
    values = _upright(_filled(found.values, found.index, size), matrix)
    ceiling = None if found.ceiling is None else _upright(_filled(found.ceiling, found.index, size), matrix)
    behind = None
    if background is not None and background.shape == size:
        behind = _upright(background.astype(float), matrix)
    steps = np.abs(matrix[:3, :3]).max(axis=1)
    return Volume(values, ceiling, behind, np.where(steps > 0, steps, 1.0), scale(values, ceiling))


def strongest(found: SurfaceMap, count: int = 4) -> str:
    """Names of the areas, a quarter covered or more, whose mean value is highest; empty without the atlas."""
    try:
        from counterpoint.brain.surface import atlas

        known = atlas("fsaverage5" if found.space == "fsaverage" else found.space)
    except CounterpointError:
        return ""
    values = np.concatenate(found.values)
    there = np.isfinite(values)
    size = np.bincount(known.parcels)
    counts = np.bincount(known.parcels[there], minlength=len(size))
    sums = np.bincount(known.parcels[there], weights=values[there], minlength=len(size))
    means = np.where(counts >= np.maximum(0.25 * size, 3), sums / np.maximum(counts, 1), -np.inf)
    means[0] = -np.inf  # the medial wall
    order = [label for label in np.argsort(-means)[:count] if np.isfinite(means[label])]
    return ", ".join(known.parcel_names[int(label)].replace("_", " ", 1) for label in order)


def key(axes: Axes, how: Scale, name: str, *, faded: bool) -> None:
    """The key of a map: value across and, where opacity means reliability, the noise ceiling upwards."""
    across, up = np.linspace(0, 1, 160), np.linspace(0, 1, 60 if faded else 2)
    colour = how.colours(across)[None, :, :3]
    cover = up[:, None, None] if faded else np.ones((2, 1, 1))
    image = (0.75 * (1 - cover) + colour * cover).clip(0, 1)
    full = how.full if faded else 1.0
    axes.imshow(image, origin="lower", aspect="auto", extent=(how.low, how.high, 0, full), interpolation="bilinear")
    axes.set_xlabel(name, fontsize=8.5)
    ticks = [how.low, 0, how.high] if how.signed else [how.low, (how.low + how.high) / 2, how.high]
    axes.set_xticks(ticks, [f"{value:.2g}".replace("-", "−") for value in ticks])
    if faded:
        axes.set_yticks([0, full], ["0", f"≥ {full:.0f}"])
        axes.annotate(
            "noise ceiling\n(% of variance)", (1, 0.5), xycoords="axes fraction", xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=8.5, color=INK,
        )
    else:
        axes.set_yticks([])
    axes.tick_params(labelsize=8, length=2, color=MUTED, labelcolor=INK)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _beside(run: Run, name: str) -> np.ndarray | None:
    found = run.brain.get(name)
    if found is None or found.shape != run.brain["map_values"].shape or found.dtype.kind not in "fiu":
        return None
    return found if np.isfinite(found).any() else None


def _borders(found: Placed, *, own: bool) -> tuple[tuple[np.ndarray, np.ndarray] | None, str]:
    """The run's own parcels, else Yeo's networks, else nothing."""
    if own and found.parcels is not None and len(np.unique(found.parcels)) > 1:
        left, right = spread_out(found.parcels, found.index, found.space)
        whole = (np.nan_to_num(left).round().astype(int), np.nan_to_num(right).round().astype(int))
        return whole, "the parcels of the data"
    try:
        from counterpoint.brain.surface import atlas

        networks = atlas("fsaverage5" if found.space == "fsaverage" else found.space).networks
    except CounterpointError:
        return None, ""
    half = len(networks) // 2
    return (networks[:half], networks[half:]), "Yeo's seven networks"


def _filled(values: np.ndarray, index: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    grid = np.full(int(np.prod(size)), np.nan)
    grid[index.astype(np.int64)] = values.astype(float)
    return grid.reshape(size)


def _upright(grid: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Axes permuted and flipped to right, front, top, as near as the affine allows."""
    directions: Any = affine[:3, :3].copy()
    order, signs = [0, 0, 0], [1, 1, 1]
    free = np.abs(directions)
    for _ in range(3):
        world, axis = np.unravel_index(np.argmax(free), free.shape)
        order[world], signs[world] = int(axis), int(np.sign(directions[world, axis]) or 1)
        free[world, :], free[:, axis] = -1, -1
    turned = np.transpose(grid, order)
    return turned[tuple(slice(None, None, sign) for sign in signs)]
