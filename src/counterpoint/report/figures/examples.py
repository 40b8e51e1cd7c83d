"""Pictures that a system shows of itself: what it reconstructs, samples, or groups."""

from __future__ import annotations

import numpy as np

from counterpoint.report.grid import mosaic
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run
from counterpoint.report.style import canvas, themed

SECTION, ORDER = "Result", 10.5
LARGEST, MOST = 56, 12


@themed
def draw(run: Run) -> Panel | None:
    """One grid below the other, each row with its name."""
    known = [entry for entry in run.evaluation.get("examples", ()) if isinstance(entry, dict)]
    found = [(entry, run.examples[key]) for number, entry in enumerate(known)
             if (key := f"grid{number}") in run.examples and run.examples[key].ndim == 5]  # fmt: skip
    if not found:
        return None
    images = [mosaic(grid[:, :MOST].astype(np.float32) / 255, largest=LARGEST, gap=2) for _, grid in found]
    heights = [6.0 * image.shape[0] / image.shape[1] + 0.35 for image in images]
    figure, panels = canvas(len(found), height=sum(heights), ratios=heights)
    for axes, image, (entry, grid) in zip(panels, images, found, strict=True):
        axes.imshow(image, interpolation="none", aspect="equal", extent=(0, image.shape[1], image.shape[0], 0))
        step = image.shape[0] / grid.shape[0]
        axes.set_yticks(step * (np.arange(grid.shape[0]) + 0.5), [str(name)[:24] for name in entry["rows"]])
        axes.set(xticks=[], title=str(entry["title"]))
        axes.grid(False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    titles = "; ".join(f"{entry['title']}, by row {', '.join(map(str, entry['rows']))}" for entry, _ in found)
    return Panel(
        title="What does it show of itself?",
        figure=figure,
        alt=f"Grids of pictures: {titles}.",
        here=" ".join(str(entry["words"]) for entry, _ in found),
        shown=f"What the system itself chose, made or grouped, of the test part; seed {run.seed or 'unrecorded'}.",
        better="Rows that do what their names say.",
        worse="Blank or equal pictures in every column: the part of the system that makes them learned nothing.",
        act="Read them beside the scores: good pictures do not make good features, nor the other way round.",
    )
