"""Example views: what the system sees."""

from __future__ import annotations

import numpy as np

from counterpoint.report.grid import mosaic
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run
from counterpoint.report.style import canvas, themed

SECTION, ORDER = "Training", 40
LARGEST, MOST = 56, 6


@themed
def draw(run: Run) -> Panel | None:
    """One column per picture, one row per view."""
    views = run.arrays.get("views")
    if views is None or views.ndim != 5 or not views.size:
        return None
    names = _names(run, views.shape[1])
    views = np.asarray(views[:8, :MOST], dtype=np.float32)
    rows, columns = views.shape[1], views.shape[0]
    image = mosaic(views.transpose(1, 0, 2, 3, 4), largest=LARGEST, gap=2)
    figure, (axes,) = canvas(height=4.0 * image.shape[0] / image.shape[1] + 0.3)
    axes.imshow(image, interpolation="none", aspect="equal")
    step = image.shape[0] / rows
    axes.set_yticks(step * (np.arange(rows) + 0.5), names[:rows])
    axes.set_xticks([])
    axes.grid(False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    random = sum(name != "picture" for name in names)
    first = "the picture itself above " if "picture" in names else ""
    more = f" (the first {rows} rows of {len(names)})" if len(names) > rows else ""
    return Panel(
        title="What does the system see?",
        figure=figure,
        alt=f"Grid of {columns} training pictures (columns), {first}{random} random views of each (rows).",
        here=f"{random} views a picture, {views.shape[-2]} × {views.shape[-1]} pixels.",
        shown=f"{columns} training pictures as columns, {first}their random views{more}; brightness stretched "
        f"to fill the scale, seed {run.seed or 'unrecorded'}.",
        better=(
            "You can tell that the views in a column come from the same picture, but not by colour or position alone."
        ),
        worse=(
            "Columns that look nearly identical (too weak: the loss falls and nothing is learned), or "
            "unlike each other (too strong: the object is cropped away)."
        ),
        act="Change views.crop_scale first (its lower end), then the colour strengths; then look again.",
    )


def _names(run: Run, total: int) -> list[str]:
    """Names of the rows; the first is the picture itself where there is one row more than views."""
    wanted = run.settings.get("views.num_views")
    plain = isinstance(wanted, int) and total == wanted + 1
    views = [f"view {place + 1}" for place in range(total - plain)]
    return ["picture", *views] if plain else views
