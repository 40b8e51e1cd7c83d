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
    total = views.shape[1]
    views = np.asarray(views[:8, :MOST], dtype=np.float32)
    rows, columns = views.shape[1], views.shape[0]
    image = mosaic(views.transpose(1, 0, 2, 3, 4), largest=LARGEST, gap=2)
    figure, (axes,) = canvas(height=4.0 * image.shape[0] / image.shape[1] + 0.3)
    axes.imshow(image, interpolation="none", aspect="equal")
    step = image.shape[0] / rows
    axes.set_yticks(step * (np.arange(rows) + 0.5), [f"view {place + 1}" for place in range(rows)])
    axes.set_xticks([])
    axes.grid(False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    more = f" (the first {rows} of {total} views)" if total > rows else ""
    return Panel(
        title="What does the system see?",
        figure=figure,
        alt=f"Grid of {columns} training pictures (columns), each in {rows} random views (rows).",
        here=(
            f"{total} views a picture, {views.shape[-2]} × {views.shape[-1]} pixels, drawn as the training "
            "batch had them."
        ),
        shown=f"{columns} training pictures as columns, their views as rows{more}, before normalisation; "
        f"seed {run.seed or 'unrecorded'}.",
        better=(
            "You can tell that two views in a column come from the same picture, but not by colour or "
            "position alone."
        ),
        worse=(
            "Columns that look nearly identical (too weak: the loss falls and nothing is learned), or "
            "unlike each other (too strong: the object is cropped away)."
        ),
        act="Change views.crop_scale first (its lower end), then the colour strengths; then look again.",
    )
