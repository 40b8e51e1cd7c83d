"""Which classes are taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.report.panel import Panel
from counterpoint.report.run import Run
from counterpoint.report.style import BAD, GOOD, INK, PAPER, canvas, themed

SECTION, ORDER = "Neighbourhood", 90
MOST = 20


def order_by_confusion(shares: np.ndarray) -> np.ndarray:
    """An order of the classes that puts the most confused ones first and their partners beside them.

    Starts from the most confused pair and appends, again and again, the class most confused with the last
    placed ones (weights halve with distance).

    >>> order_by_confusion(np.array([[.9, 0, .1], [0, 1, 0], [.3, 0, .7]])).tolist()
    [2, 0, 1]
    """
    ties = shares + shares.T
    ties = ties - np.diag(np.diag(ties))
    errors = 1 - np.diag(shares)
    order = [int(np.argmax(np.where(ties.max(axis=1) == ties.max(), errors, -1)))]
    weight = ties[order[0]].copy()
    left = [place for place in range(len(ties)) if place != order[0]]
    while left:
        following = max(left, key=lambda place: (weight[place], errors[place]))
        left.remove(following)
        order.append(following)
        weight = weight / 2 + ties[following]
    return np.array(order)


@themed
def draw(run: Run) -> Panel | None:
    """Shares of each true class, most confused classes first."""
    counts = run.arrays.get("confusion", run.brain.get("confusion"))
    if counts is None or counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.sum() <= 0:
        return None
    counts = counts.astype(float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    order = order_by_confusion(shares)[:MOST]
    shown = shares[np.ix_(order, order)]
    names = [run.class_name(int(place)) for place in order]
    size = len(order)
    figure, (axes,) = canvas(height=min(1.6 + 0.32 * size, 4.8))
    _cells(axes, shown)
    axes.set(xlim=(0, size), ylim=(size, 0), xlabel="taken for", ylabel="true class")
    axes.set_xticks(
        np.arange(size) + 0.5, [name[:16] for name in names], rotation=55, ha="right", rotation_mode="anchor"
    )
    axes.set_yticks(np.arange(size) + 0.5, [name[:16] for name in names])
    axes.tick_params(length=0, labelsize=9 if size <= 12 else 7)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return _panel(figure, run, counts, shares)


def _cells(axes: Any, shares: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    size = len(shares)
    for row, column in np.ndindex(*shares.shape):
        value = shares[row, column]
        strength = np.sqrt(value)
        colour = GOOD if row == column else BAD
        axes.add_patch(
            Rectangle(
                (column + 0.03, row + 0.03),
                0.94,
                0.94,
                facecolor=colour,
                edgecolor="none",
                alpha=max(float(strength), 0.03),
            )
        )
        if value > 0.005 and size <= 12:
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{100 * value:.0f}",
                ha="center",
                va="center",
                fontsize=8.5,
                color=PAPER if strength > 0.72 else INK,
            )


def _panel(figure: Any, run: Run, counts: np.ndarray, shares: np.ndarray) -> Panel:
    off = shares - np.diag(np.diag(shares))
    pairs = [divmod(int(place), len(off)) for place in np.argsort(off, axis=None)[::-1][:3]]
    listing = ", ".join(
        f"{run.class_name(a)} taken for {run.class_name(b)} ({100 * off[a, b]:.0f} %)"
        for a, b in pairs
        if off[a, b] > 0
    )
    right = float(np.trace(counts) / counts.sum())
    here = f"{100 * right:.1f} % right" + (f"; most often wrong: {listing}." if listing else ".")
    part = f" The {MOST} most confused of {len(counts)} classes are drawn." if len(counts) > MOST else ""
    return Panel(
        title="Which classes merge?",
        figure=figure,
        alt=f"Confusion matrix. {here}",
        here=here,
        shown=(
            f"Share (%) of each true class (row) that the {'decoder' if run.is_brain else 'probe'} took for each "
            "class (column), "
            f"{int(counts.sum()):,} test pictures, seed {run.seed or 'unrecorded'}; shares below 0.5 % "
            "stay blank, darker is more. Classes that are confused stand next to each other, the worst "
            f"first.{part}"
        ),
        better="Blue diagonal, empty elsewhere.",
        worse="Orange blocks: groups of classes that the features cannot tell apart.",
        act=(
            "Ask whether the pictures or captions that responses are matched with tell the merged classes apart; a "
            "class with few training pictures is the first to be swallowed."
            if run.is_brain
            else "Ask whether the merged classes differ in something that the views erase (colour, "
            "orientation, fine detail); if so, weaken that part of the views."
        ),
    )
