"""Alignment against uniformity over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoint.report.compare import lines
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, number
from counterpoint.report.style import GOOD, INK, MUTED, canvas, label_ends, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION, ORDER = "Representation", 50


def _points(run: Run) -> np.ndarray:
    rows = [[number(row.get(key)) for key in ("epoch", "uniformity", "alignment")] for row in run.epochs]
    points = np.array(rows, dtype=float).reshape(-1, 3)
    return points[np.isfinite(points).all(axis=1)]


def _frame(axes: Axes) -> None:
    axes.set_xlabel("uniformity (log of mean Gaussian potential)")
    axes.set_ylabel("alignment (mean squared distance)")
    axes.margins(0.16)
    axes.annotate(
        "better",
        (0.03, 0.84),
        (0.13, 0.95),
        xycoords="axes fraction",
        textcoords="axes fraction",
        color=MUTED,
        fontsize=9,
        va="center",
        arrowprops={"arrowstyle": "->", "color": MUTED},
    )


@themed
def draw(run: Run) -> Panel | None:
    """The way from the first to the last epoch."""
    points = _points(run)
    if not len(points):
        return None
    figure, (axes,) = canvas(height=3.3)
    axes.plot(points[:, 1], points[:, 2], color=GOOD, alpha=0.45)
    axes.scatter(points[:, 1], points[:, 2], c=[GOOD], s=np.linspace(12, 46, len(points)), zorder=3)
    for (epoch, x, y), offset in [(points[0], (0, 8)), (points[-1], (2, -14))][-len(points) :]:
        axes.annotate(
            f"epoch {epoch:.0f}",
            (x, y),
            xytext=offset,
            textcoords="offset points",
            ha="center",
            color=INK,
            fontsize=9,
        )
    _frame(axes)
    (_, x0, y0), (_, x1, y1) = points[0], points[-1]
    here = f"Alignment {y0:.2f} to {y1:.2f}, uniformity {x0:.2f} to {x1:.2f} over {len(points)} epochs.".replace(
        "-", "−"
    )
    return Panel(
        title="Are views close, and samples spread?",
        figure=figure,
        alt=f"Path of alignment against uniformity. {here}",
        here=here,
        **_TEXT,
        shown="Alignment (distance of two views of a picture) against uniformity (how evenly the sphere is "
        "used), of the unit vectors that the objective compares, on training pictures; one dot an "
        f"epoch, growing with time; seed {run.seed or 'unrecorded'}.",
    )


_TEXT: dict[str, Any] = {
    "better": "A way down and to the left: views draw together while samples spread.",
    "worse": "Straight down with uniformity near 0: all samples in one place (collapse). Far left but "
    "high: spread without invariance.",
    "act": "Not spread: lower the temperature or add negatives. Not aligned: weaken the views, train "
    "longer or raise the temperature.",
}


@themed
def compare(runs: Sequence[Run]) -> Panel | None:
    """The ways of several runs in one plane, named at their ends."""
    figure, (axes,) = canvas(height=3.3)
    ends, listing = [], []
    for label, run, colour in lines(runs):
        points = _points(run)
        if not len(points):
            continue
        axes.plot(points[:, 1], points[:, 2], color=colour, alpha=0.6, marker="o", markersize=3)
        axes.plot(points[-1, 1], points[-1, 2], color=colour, marker="o", markersize=7)
        ends.append((float(points[-1, 1]), float(points[-1, 2]), label, colour))
        if label:
            listing.append(f"{label}: alignment {points[-1, 2]:.2f}, uniformity {points[-1, 1]:.2f}")
    if not ends:
        return None
    _frame(axes)
    label_ends(axes, ends, leader=True)
    here = "; ".join(listing) + "."
    return Panel(
        title="Are views close, and samples spread?",
        figure=figure,
        alt=f"Paths of alignment against uniformity by run. {here}",
        here=here,
        **_TEXT,
        shown="Alignment against uniformity over epochs, one way a run; the large dot is the last epoch.",
    )
