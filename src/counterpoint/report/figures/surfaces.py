"""The map of the decoding on the inflated cortex, from the side, from between the hemispheres and from below."""

from __future__ import annotations

import numpy as np

from counterpoint.report.brain_map import SIDES, SurfaceMap, key, map_name, named, surface_map
from counterpoint.report.cortex import colours, picture
from counterpoint.report.figures.flatmap import fading
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run
from counterpoint.report.style import MUTED, WIDTH, themed

SECTION, ORDER = "Cortex", 14
GAP = 14.0


@themed
def draw(run: Run) -> Panel | None:
    """Three views (rows) of two hemispheres (columns), all at one scale."""
    found = surface_map(run)
    if found is None:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 4.7))
    grid = figure.add_gridspec(2, 3, height_ratios=(1, 0.09), width_ratios=(0.7, 1.7, 0.9))
    axes = figure.add_subplot(grid[0, :])
    axes.set(aspect="equal")
    axes.set_axis_off()
    width = height = 0.0
    for name in ("lateral", "medial", "below"):
        tallest, start = 0.0, 0.0
        for side in (0, 1):
            part = found.hemisphere("inflated", side)
            rgb = colours(part, found.values[side], found.of(found.ceiling, side), found.scale)
            image, (left, right, bottom, top) = picture(part, rgb, f"{SIDES[side]} {name}", detail=2.2)
            extent = (start, start + right - left, -height - (top - bottom), -height)
            axes.imshow(image, extent=extent, interpolation="antialiased")
            if name == "lateral":
                axes.text(start, -height, SIDES[side], color=MUTED, ha="left", va="top", fontsize=9)
            start, tallest = extent[1] + GAP, max(tallest, top - bottom)
        width, height = max(width, start - GAP), height + tallest + GAP
    axes.set(xlim=(0, width), ylim=(-height + GAP, 0))
    key(figure.add_subplot(grid[1, 1]), found.scale, map_name(run), faded=found.ceiling is not None)
    return Panel(
        title="The same on the folded brain",
        figure=figure,
        alt=f"Inflated cortex from the side, from the middle and from below. {_halves(found)}",
        here=_halves(found),
        shown=f"{named(run)} on the inflated {found.space} cortex: outer side, inner side, and from "
        "below; light grey are gyri, dark grey sulci. " + fading(found) + f"Seed {run.seed or 'unrecorded'}.",
        better="Patches that follow known areas across folds, at like places in both hemispheres.",
        worse="Stripes along sulci or a rim around the mask: partial volume, motion or a registration that is off.",
        act="Compare with the ROI scores. The interactive page beside this one (brain.html), where it was written, "
        "lets you turn the brain.",
    )


def _halves(found: SurfaceMap) -> str:
    """Mean and count of both hemispheres."""
    parts = []
    for side, values in zip(SIDES, found.values, strict=True):
        known = values[np.isfinite(values)]
        parts.append(f"{side} {known.mean():.3g} ({known.size:,} vertices drawn)" if known.size else f"{side} not read")
    return f"Mean value by hemisphere: {'; '.join(parts)}."
