"""Nearest neighbours of test pictures, hits and misses by colour and by mark."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoint.report.grid import mosaic
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run
from counterpoint.report.style import BAD, GOOD, PAPER, canvas, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION, ORDER = "Neighbourhood", 80
LARGEST, GAP = 40, 6
_NEEDED = ("query", "neighbour", "thumbnail", "bank_thumbnail")


@themed
def draw(run: Run) -> Panel | None:
    """One row per query: the query itself, then its nearest neighbours in the bank."""
    arrays = run.arrays
    if any(key not in arrays or not len(arrays[key]) for key in _NEEDED):
        return None
    query, neighbour = arrays["query"], arrays["neighbour"]
    bank = arrays["bank_thumbnail"]
    if query.max() >= len(arrays["thumbnail"]) or neighbour.max() >= len(bank) or neighbour.min() < 0:
        return None
    pictures = np.concatenate([arrays["thumbnail"][query][:, None], bank[neighbour]], axis=1)
    image = mosaic(pictures, largest=LARGEST, gap=GAP)
    figure, (axes,) = canvas(height=3.9 * image.shape[0] / image.shape[1] + 0.2)
    axes.imshow(image, interpolation="none", aspect="equal")
    rows, columns = neighbour.shape
    cell = image.shape[0] / rows, image.shape[1] / (columns + 1)
    hits = _hits(run)
    if hits is not None:
        _marks(axes, hits, cell)
    names = [run.class_name(int(arrays["label"][row])) if "label" in arrays else "" for row in query]
    axes.axvline(cell[1] - 0.5, color=PAPER, linewidth=3)
    axes.set_yticks(cell[0] * (np.arange(rows) + 0.5) - 0.5, [_short(name) for name in names])
    axes.set_xticks([cell[1] * 0.5 - 0.5, cell[1] * (1 + columns / 2) - 0.5], ["query", "nearest in the training set"])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return _panel(figure, run, hits)


def _hits(run: Run) -> np.ndarray | None:
    if "label" not in run.arrays or "bank_label" not in run.arrays:
        return None
    labels, bank = run.arrays["label"], run.arrays["bank_label"]
    asked, found = labels[run.arrays["query"]][:, None], bank[run.arrays["neighbour"]]
    return (asked == found) & (asked >= 0)


def _marks(axes: Axes, hits: np.ndarray, cell: tuple[float, float]) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.path import Path

    check = Path([(-0.6, 0.0), (-0.15, -0.5), (0.7, 0.6)])
    for row, column in np.ndindex(*hits.shape):
        hit = bool(hits[row, column])
        colour = GOOD if hit else BAD
        left, top = cell[1] * (column + 1) - 0.5, cell[0] * row - 0.5
        axes.add_patch(
            Rectangle(
                (left + 1.5, top + 1.5),
                cell[1] - 3,
                cell[0] - 3,
                fill=False,
                edgecolor=colour,
                linewidth=1.6,
                linestyle="-" if hit else (0, (2, 1)),
            )
        )
        spot = (left + cell[1] - 5.5, top + cell[0] - 5.5)
        axes.plot(*spot, marker="o", markersize=6.5, color=PAPER, markeredgewidth=0)
        axes.plot(
            *spot,
            marker=check if hit else "x",
            markersize=4,
            color=colour,
            markeredgewidth=1.3,
            fillstyle="none",
        )


def _short(name: str, length: int = 14) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _misses(run: Run, hits: np.ndarray) -> str:
    labels, bank = run.arrays["label"], run.arrays["bank_label"]
    asked = np.broadcast_to(labels[run.arrays["query"]][:, None], hits.shape)
    pairs = Counter(zip(asked[~hits].tolist(), bank[run.arrays["neighbour"]][~hits].tolist(), strict=True))
    return ", ".join(f"{run.class_name(a)} → {run.class_name(b)} ({count}×)" for (a, b), count in pairs.most_common(3))


def _panel(figure: Any, run: Run, hits: np.ndarray | None) -> Panel:
    here = "There are no labels to tell hits from misses: judge by eye."
    if hits is not None:
        here = f"{int(hits.sum())} of {hits.size} neighbours have the class of their query."
        if not hits.all():
            here += f" Misses: {_misses(run, hits)}."
    similarity = run.arrays.get("neighbour_similarity")
    if similarity is not None and similarity.size and np.isfinite(similarity).all():
        here += f" Cosine similarity {similarity.max():.2f} to {similarity.min():.2f}."
    return Panel(
        title="What counts as similar?",
        figure=figure,
        alt=f"Grid of test pictures and their nearest neighbours. {here}",
        here=here,
        shown=(
            f"{len(run.arrays['query'])} test pictures (left) and the training pictures nearest to them by "
            "cosine similarity, nearest first. A solid blue frame with a tick is the same class, a dashed "
            f"orange frame with a cross another one. Seed {run.seed or 'unrecorded'}."
        ),
        better="Rows that share what matters to you: the object, whatever its pose, size or shade.",
        worse=("Rows that share only brightness, background or outline, or the same picture in every row (hubs)."),
        act=(
            "Sharing only shade or outline: strengthen that part of the views. Hubs: look at uniformity "
            "and at the spectrum."
        ),
    )
