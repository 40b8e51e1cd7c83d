"""The map of the decoding in the volume of the scan: projections and slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoint.report.brain_map import Volume, key, map_name, named, volume_map
from counterpoint.report.figures.flatmap import TEXT
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run
from counterpoint.report.style import MUTED, WIDTH, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION, ORDER = "Cortex", 15
COLUMNS, ROWS = 5, 2
GREY = 0.78
_VIEWS = (("from the right", 0), ("from behind", 1), ("from above", 2))


@themed
def draw(run: Run) -> Panel | None:
    """Highest value along each axis above, slices from below to above under them."""
    found = volume_map(run)
    if found is None:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 4.9))
    grid = figure.add_gridspec(4, 3, height_ratios=(1.1, 0.66, 0.66, 0.17), width_ratios=(0.7, 1.7, 0.9))
    box = _box(found)
    _projections(figure.add_subplot(grid[0, :]), found, box)
    heights = np.flatnonzero(np.isfinite(found.values).any(axis=(0, 1)))
    levels = np.unique(np.linspace(heights[0], heights[-1], COLUMNS * ROWS + 2).round().astype(int)[1:-1])
    for row in range(ROWS):
        _slices(figure.add_subplot(grid[1 + row, :]), found, box, levels[row * COLUMNS : (row + 1) * COLUMNS])
    key(figure.add_subplot(grid[3, 1]), found.scale, map_name(run), faded=found.ceiling is not None)
    known = np.isfinite(found.values)
    peak = np.unravel_index(np.nanargmax(found.values), found.values.shape)
    full = "opacity is the noise ceiling" if found.ceiling is not None else "no noise ceiling was recorded"
    here = (
        f"{known.sum():,} voxels carry a value; the highest, {np.nanmax(found.values):.3g}, lies "
        f"{100 * peak[1] / max(known.shape[1] - 1, 1):.0f} % of the way from the back of the scan to its front."
    )
    return Panel(
        title="Where in the scan does the decoding come from?",
        figure=figure,
        alt=f"Projections and slices through the volume. {here}",
        here=here,
        shown=f"{named(run)}, in the grid of the scan (no template): above, the highest value along "
        f"each line of sight; below, {len(levels)} slices from bottom to top, front up, left on the left; {full}. "
        f"Grey is {'the mean image' if found.background is not None else 'the mask'}. "
        f"Seed {run.seed or 'unrecorded'}.",
        **TEXT,
    )


def _box(found: Volume) -> tuple[slice, slice, slice]:
    """The part of the grid that holds the mask and the mean image, with a margin of two voxels."""
    where = np.isfinite(found.values)
    if found.background is not None:
        where = where | np.isfinite(_stretched(found.background))
    ends = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        rows = np.flatnonzero(where.any(axis=others))
        ends.append(slice(max(rows[0] - 2, 0), min(rows[-1] + 3, where.shape[axis])))
    return ends[0], ends[1], ends[2]


def _projections(axes: Axes, found: Volume, box: tuple[slice, ...]) -> None:
    """Three maximum projections; where values have both signs, of their size."""
    values = found.values[box]
    size = np.abs(np.nan_to_num(values)) if found.scale.signed else np.nan_to_num(values, nan=-np.inf)
    start = 0.0
    tallest = max(values.shape[2] * found.size[2], values.shape[1] * found.size[1])
    for name, axis in _VIEWS:
        place = size.argmax(axis=axis, keepdims=True)
        shown = np.take_along_axis(values, place, axis=axis).squeeze(axis)
        ceiling = None
        if found.ceiling is not None:
            ceiling = np.take_along_axis(found.ceiling[box], place, axis=axis).squeeze(axis)
        mask = np.isfinite(values).any(axis=axis)
        grey = np.where(mask, GREY, np.nan)
        if found.background is not None:
            whole = np.isfinite(_stretched(found.background)[box]).any(axis=axis)
            grey = np.where(whole & ~mask, 0.5 + GREY / 2, grey)
        image = _coloured(found, np.where(mask, shown, np.nan), ceiling, grey)
        across, up = (found.size[other] for other in range(3) if other != axis)
        start = _place(axes, image, start, (across, up), label=name)
    axes.set(xlim=(0, start - 8), ylim=(-1.12 * tallest / 2, 1.05 * tallest / 2))


def _slices(axes: Axes, found: Volume, box: tuple[slice, ...], levels: Any) -> None:
    start, tallest = 0.0, 1.0
    axes.set_axis_off()
    for level in levels:
        part = (box[0], box[1], int(level))
        values = found.values[part]
        ceiling = None if found.ceiling is None else found.ceiling[part]
        grey = np.where(np.isfinite(values), GREY, np.nan)
        if found.background is not None:
            grey = _stretched(found.background)[part]
        image = _coloured(found, values, ceiling, grey)
        start = _place(axes, image, start, (found.size[0], found.size[1]), gap=3)
        tallest = values.shape[1] * found.size[1]
    axes.set(xlim=(0, max(start - 3, 1)), ylim=(-tallest / 2, tallest / 2))


def _stretched(background: np.ndarray) -> np.ndarray:
    known = background[np.isfinite(background) & (background > 0)]
    top = float(np.quantile(known, 0.99)) if known.size else 1.0
    return np.where(background > 0.05 * top, 0.25 + 0.65 * np.clip(background / top, 0, 1), np.nan)


def _coloured(found: Volume, values: np.ndarray, ceiling: np.ndarray | None, grey: np.ndarray) -> np.ndarray:
    """RGBA of a picture ``(right, up)``, transparent where there is neither a value nor a background."""
    cover = found.scale.opacity(values, ceiling)[..., None]
    base = np.nan_to_num(grey, nan=GREY)[..., None].repeat(3, axis=-1)
    rgb = base * (1 - cover) + found.scale.colours(found.scale.share(values))[..., :3] * cover
    there = (np.isfinite(values) | np.isfinite(grey)).astype(float)[..., None]
    return np.concatenate([rgb, there], axis=-1).transpose(1, 0, 2)


def _place(
    axes: Axes, image: np.ndarray, start: float, step: tuple[float, float], *, gap: float = 8, label: str = ""
) -> float:
    """Put a picture (rows upwards) to the right of ``start`` millimetres; returns where the next one begins."""
    height, width = image.shape[0] * step[1], image.shape[1] * step[0]
    extent = (start, start + width, -height / 2, height / 2)
    axes.imshow(image, origin="lower", extent=extent, interpolation="none")
    if label:
        axes.text(start + width / 2, -height / 2, label, color=MUTED, ha="center", va="top", fontsize=9)
    axes.set(aspect="equal")
    axes.set_axis_off()
    return start + width + gap
