"""The map of the decoding on the unfolded cortex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.report.brain_map import SIDES, SurfaceMap, key, map_name, named, strongest, surface_map
from counterpoint.report.cortex import colours, picture
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run
from counterpoint.report.style import MUTED, WIDTH, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION, ORDER = "Cortex", 13
GAP = 12.0
TEXT: dict[str, Any] = {
    "better": "Strong, full colour where the literature expects it (early visual, ventral and lateral occipital "
    "cortex for pictures), with the two hemispheres alike.",
    "worse": "Strong colour spread evenly over cortex, in white-matter noise, along the edges of the mask or in one "
    "hemisphere alone: the decoder reads motion, scanner or session, not the picture.",
    "act": "Pale where you expect signal: too few repeats, or the wrong mask; look at the ceiling before the model. "
    "Colour in odd places: check standardisation within sessions and that no picture is in both splits.",
}


@themed
def draw(run: Run) -> Panel | None:
    """Both hemispheres side by side, backs of the head in the middle, borders over them, a key below."""
    found = surface_map(run)
    if found is None:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 3.15))
    axes, legend = _layout(figure)
    _hemispheres(axes, found)
    key(legend, found.scale, map_name(run), faded=found.ceiling is not None)
    return Panel(
        title="Which cortex carries the decoding?",
        figure=figure,
        alt=f"Flat maps of both hemispheres. {here(found)}",
        here=here(found),
        shown=f"{named(run)} at every vertex that the decoder reads, on the flattened {found.space} "
        "cortex: the back of the head in the middle, top of the brain up; grey is cortex that it does not read. "
        f"{fading(found)}{_lines(found)} Seed {run.seed or 'unrecorded'}.",
        **TEXT,
    )


def here(found: SurfaceMap) -> str:
    """How much of the cortex is read and where the values are highest."""
    names = strongest(found)
    where = f" Highest mean: {names}." if names else ""
    total = sum(len(half) for half in found.values)
    return f"{found.read:,} of {total:,} vertices carry a value.{where}"


def fading(found: SurfaceMap) -> str:
    """What opacity means, and how far values were spread."""
    spread = f"Values of scattered voxels are spread over {found.reach:.0f} mm. " if found.reach else ""
    if found.space == "fsaverage":
        spread += "Of full fsaverage the vertices of fsaverage5 are drawn. "
    if found.ceiling is None:
        return f"{spread}No noise ceiling was recorded, so nothing is faded. "
    return (
        f"{spread}Colour is value, opacity is reliability: full from a noise ceiling of {found.scale.full:.0f} % of "
        "variance, grey at 0. "
    )


def _lines(found: SurfaceMap) -> str:
    return f"Lines are the borders of {found.bounds}." if found.borders is not None else ""


def _layout(figure: Any) -> tuple[Axes, Axes]:
    """Axes in millimetres for pictures, and a small one for the key."""
    grid = figure.add_gridspec(2, 3, height_ratios=(1, 0.14), width_ratios=(0.7, 1.7, 0.9))
    axes = figure.add_subplot(grid[0, :])
    axes.set(aspect="equal")
    axes.set_axis_off()
    return axes, figure.add_subplot(grid[1, 1])


def _hemispheres(axes: Axes, found: SurfaceMap) -> None:
    ends = 0.0
    low = high = 0.0
    for side in (0, 1):
        part = found.hemisphere("flat", side)
        values = found.values[side]
        rgb = colours(part, values, found.of(found.ceiling, side), found.scale)
        image, (left, right, bottom, top) = picture(part, rgb, "flat", labels=found.of(found.borders, side), detail=1.9)
        start = ends + (GAP if side else 0)
        ends = start + right - left
        axes.imshow(image, extent=(start, ends, bottom, top), interpolation="antialiased")
        at = start + 4 if side == 0 else ends - 4
        axes.text(at, bottom, SIDES[side], color=MUTED, ha="left" if side == 0 else "right", va="bottom", fontsize=9)
        low, high = min(low, bottom), max(high, top)
    axes.set(xlim=(0, ends), ylim=(low, high))
