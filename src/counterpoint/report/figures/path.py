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


def _free_corner(axes: Axes, points: np.ndarray) -> tuple[float, float]:
    """Lower left of the corner of the panel, in shares of it, that lies farthest from the points."""
    to_axes = axes.transData + axes.transAxes.inverted()
    taken = to_axes.transform(points[:, 1:])
    corners = np.array([(0.03, 0.84), (0.75, 0.84), (0.75, 0.04), (0.03, 0.04)])
    gaps = np.linalg.norm(corners[:, None] + (0.1, 0.06) - taken[None], axis=2).min(axis=1)
    left, bottom = corners[gaps.argmax()]
    return float(left), float(bottom)


def _frame(axes: Axes, points: Sequence[np.ndarray]) -> None:
    """Axis names, and an arrow towards the better end where no path runs."""
    axes.set_xlabel("uniformity (log of mean Gaussian potential)")
    axes.set_ylabel("alignment (mean squared distance)")
    axes.margins(0.16)
    left, bottom = _free_corner(axes, np.concatenate(points))
    axes.annotate(
        "better",
        (left, bottom),
        (left + 0.1, bottom + 0.11),
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
    _frame(axes, [points])
    (_, x0, y0), (_, x1, y1) = points[0], points[-1]
    here = f"Alignment {y0:.2f} to {y1:.2f}, uniformity {x0:.2f} to {x1:.2f} over {len(points)} epochs."
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
    "better": "An end far to the left (samples spread) and low (views of one picture together). An untrained "
    "encoder often starts at the right and low, because it puts everything close together; the way may "
    "then climb first.",
    "worse": "An end at the right, uniformity near 0: all samples in one place (collapse). Far left but high: "
    "spread without invariance.",
    "act": "Not spread: lower the temperature or add negatives. Not aligned: weaken the views, train "
    "longer or raise the temperature.",
}


@themed
def compare(runs: Sequence[Run]) -> Panel | None:
    """The ways of several runs in one plane, named at their ends."""
    figure, (axes,) = canvas(height=3.3)
    ends, listing, ways = [], [], []
    for label, run, colour in lines(runs):
        points = _points(run)
        if not len(points):
            continue
        ways.append(points)
        axes.plot(points[:, 1], points[:, 2], color=colour, alpha=0.6, marker="o", markersize=3)
        axes.plot(points[-1, 1], points[-1, 2], color=colour, marker="o", markersize=7)
        ends.append((float(points[-1, 1]), float(points[-1, 2]), label, colour))
        if label:
            listing.append(f"{label}: alignment {points[-1, 2]:.2f}, uniformity {points[-1, 1]:.2f}")
    if not ends:
        return None
    _frame(axes, ways)
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
