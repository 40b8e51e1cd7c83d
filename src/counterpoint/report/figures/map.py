"""A plane through the embedding: its first two principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoint.report.panel import Panel
from counterpoint.report.run import Run
from counterpoint.report.style import INK, MARKERS, MUTED, PAPER, SERIES, canvas, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION, ORDER = "Neighbourhood", 100
COLOURED = len(SERIES)


def plane(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit features on their first two principal components, and the share of variance of each.

    The sign of each axis is fixed so that its largest loading is positive.
    """
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    centred = (unit - unit.mean(axis=0)).astype(np.float64)
    _, strength, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    return centred @ axes.T, (strength**2 / max((strength**2).sum(), 1e-300))[:2]


@themed
def draw(run: Run) -> Panel | None:
    """Points coloured and shaped by class, with the class names at the medians."""
    features = run.arrays.get("embedding")
    if features is None or features.ndim != 2 or min(features.shape) < 3:
        return None
    keep = np.isfinite(features).all(axis=1)
    if keep.sum() < 3:
        return None
    labels = run.arrays.get("label")
    labels = np.full(len(features), -1) if labels is None or len(labels) != len(features) else labels
    points, share = plane(features[keep])
    labels = labels[keep]
    figure, (axes,) = canvas(height=4.2)
    classes = [int(name) for name in np.unique(labels[labels >= 0])]
    rest = ~np.isin(labels, classes[:COLOURED])
    axes.scatter(points[rest, 0], points[rest, 1], s=7, color=MUTED, alpha=0.35, linewidths=0)
    for place, name in enumerate(classes[:COLOURED]):
        own = labels == name
        axes.scatter(
            points[own, 0],
            points[own, 1],
            s=9,
            color=SERIES[place],
            marker=MARKERS[place],
            alpha=0.55,
            linewidths=0,
        )
    _names(axes, run, points, labels, classes[: 2 * COLOURED])
    axes.set_xlabel(f"component 1 ({100 * share[0]:.0f} % of variance)")
    axes.set_ylabel(f"component 2 ({100 * share[1]:.0f} % of variance)")
    axes.set(xticks=[], yticks=[])
    return _panel(figure, run, len(points), share, len(classes))


def _names(axes: Axes, run: Run, points: np.ndarray, labels: np.ndarray, classes: list[int]) -> None:
    if not classes:
        return
    centres = np.array([np.median(points[labels == name], axis=0) for name in classes])
    span = np.maximum(np.ptp(points, axis=0), 1e-12)
    place = _apart(centres / span, [len(run.class_name(name)) for name in classes]) * span
    for name, spot, colour in zip(classes, place, [*SERIES, *[MUTED] * COLOURED], strict=False):
        axes.text(
            spot[0],
            spot[1],
            run.class_name(name)[:18],
            color=INK,
            fontsize=9,
            ha="center",
            va="center",
            bbox={
                "boxstyle": "round,pad=0.2",
                "facecolor": PAPER,
                "edgecolor": colour,
                "linewidth": 1.3,
                "alpha": 0.9,
            },
        )


def _apart(spots: np.ndarray, lengths: list[int]) -> np.ndarray:
    """Push labels apart where their boxes (in shares of the axes) overlap."""
    spots, widths = spots.copy(), np.minimum(np.array(lengths), 18) * 0.02 + 0.02
    for _ in range(200):
        delta = spots[:, None] - spots[None]
        overlap_x = (widths[:, None] + widths[None]) / 2 - np.abs(delta[..., 0])
        overlap_y = 0.065 - np.abs(delta[..., 1])
        touching = (overlap_x > 0) & (overlap_y > 0)
        np.fill_diagonal(touching, False)
        if not touching.any():
            break
        order = np.arange(len(spots))
        sign = np.where(delta[..., 1] != 0, np.sign(delta[..., 1]), np.sign(order[:, None] - order[None]))
        spots[:, 1] += 0.3 * (touching * sign * overlap_y).sum(axis=1)
    return spots


def _panel(figure: Any, run: Run, count: int, share: np.ndarray, classes: int) -> Panel:
    here = f"{count:,} test pictures; the plane holds {100 * share.sum():.0f} % of the variance."
    return Panel(
        title="What does the space look like?",
        figure=figure,
        alt=(f"Scatter plot of the first two principal components of {count} embeddings in {classes} classes. {here}"),
        here=here,
        shown=(
            "First two principal components of the unit-length test embeddings (a subsample of at most "
            f"2,000), colour and shape by class where labels exist; seed {run.seed or 'unrecorded'}. The "
            "axes have no unit."
        ),
        better="Classes in separate regions, without having been told the classes.",
        worse="One blob, a thin line (one dimension rules), or a few points far away from all others.",
        act=(
            "A plane hides most dimensions: trust the scores for separation, and use this for outliers "
            "and for subgroups. Look at far points in your data: they are often broken files."
        ),
    )
