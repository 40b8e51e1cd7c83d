"""Probe accuracy and effective rank over epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from counterpoint.report.compare import lines
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, number
from counterpoint.report.style import GOOD, MUTED, SERIES, canvas, label_ends, themed
from counterpoint.report.words import percent

SECTION, ORDER = "Training", 30


def _column(run: Run, key: str) -> tuple[np.ndarray, np.ndarray]:
    epochs = np.array([number(row.get("epoch")) for row in run.epochs])
    values = np.array([number(row.get(key)) for row in run.epochs])
    keep = np.isfinite(epochs) & np.isfinite(values)
    return epochs[keep], values[keep]


def _draw_score(axes: Axes, run: Run, epochs: np.ndarray, knn: np.ndarray, name: str) -> str:
    """Accuracy over epochs with chance; returns what it says in words."""
    axes.plot(epochs, 100 * knn, color=GOOD, marker="o", markersize=4)
    chance = run.score("knn", "chance") if name == "kNN" else None  # held-back candidates may be fewer than the test's
    ends = [(epochs[-1], 100 * knn[-1], name, GOOD)]
    if chance and knn.min() - chance.value < 3 * max(np.ptp(knn), 0.02):
        axes.axhline(100 * chance.value, color=MUTED, linestyle="--", linewidth=1.2)
        ends.append((epochs[-1], 100 * chance.value, "chance", MUTED))
    elif chance:
        far = f"chance, {100 * chance.value:.0f} %, lies far below"
        axes.text(0.985, 0.04, far, color=MUTED, ha="right", fontsize=9, transform=axes.transAxes)
    axes.set_ylabel(f"{name} (%)")
    label_ends(axes, ends)
    best = int(np.argmax(knn))
    return (f"{name[:1].upper() if name != 'kNN' else 'k'}{name[1:]} {percent(knn[-1])} after epoch {epochs[-1]:.0f} "
            f"(best {percent(knn[best])}, epoch {epochs[best]:.0f}). ")


@themed
def draw(run: Run) -> Panel | None:
    """kNN accuracy (with baselines), or retrieval of a decoder, above the effective rank, over epochs."""
    (epochs, knn), name = _column(run, "knn"), "kNN"
    if not len(knn):
        (epochs, knn), name = _column(run, "top1"), "top 1"
    rank_epochs, rank = _column(run, "effective_rank")
    if not len(knn) and not len(rank):
        return None
    figure, panels = canvas(2 if len(knn) and len(rank) else 1, height=3.6 if len(knn) and len(rank) else 2.4)
    here = _draw_score(panels[0], run, epochs, knn, name) if len(knn) else ""
    if len(rank):
        axes = panels[-1]
        axes.plot(rank_epochs, rank, color=SERIES[2], marker="o", markersize=4)
        axes.set_ylabel("effective rank\n(dimensions)")
        axes.set_ylim(bottom=0)
        here += f"Effective rank {rank[0]:.1f} at first, {rank[-1]:.1f} at last."
    panels[-1].set_xlabel("epoch")
    panels[-1].locator_params(axis="x", integer=True)
    figure.align_ylabels()
    return Panel(
        title="Is the representation still getting better?",
        figure=figure,
        alt=f"{name} and effective rank over epochs. {here}",
        here=here.strip(),
        shown=(
            ("Brain to image, top 1 among held-back training pictures (at most 300)" if run.is_brain
             else "Probe on training pictures that were held back from its bank") + ", and the number of dimensions "
            f"the features use, after each probed epoch; {len(run.epochs)} epochs, seed "
            f"{run.seed or 'unrecorded'}. The test set is not touched here."
        ),
        better="Accuracy that still rises at the end, with a rank that grows or stays.",
        worse=("A rank that falls towards 1 (collapse), or accuracy that turns down while the loss still falls."),
        act=(
            "Still rising: train longer. Rank falling: lower the rate, raise the temperature, or use more "
            "negatives. Turning down: weaken the views, or the objective has a shortcut."
        ),
    )


@themed
def compare(runs: Sequence[Run]) -> Panel | None:
    """kNN accuracy of every run over epochs."""
    figure, (axes,) = canvas(height=2.7)
    ends = []
    for label, run, colour in lines(runs):
        epochs, knn = _column(run, "knn")
        if len(knn):
            axes.plot(epochs, 100 * knn, color=colour, marker="o", markersize=4)
            ends.append((float(epochs[-1]), float(100 * knn[-1]), label, colour))
    if not ends:
        return None
    axes.set(xlabel="epoch", ylabel="kNN (%)")
    axes.locator_params(axis="x", integer=True)
    label_ends(axes, ends)
    listing = "; ".join(f"{text}: {value:.1f} %" for _, value, text, _ in ends if text)
    return Panel(
        title="Which one learns faster?",
        figure=figure,
        alt=f"kNN over epochs by run. Last: {listing}.",
        here=f"After the last epoch: {listing}.",
        shown="kNN accuracy on held-back training pictures after each probed epoch, one line a run.",
        better="A steeper rise to a higher end.",
        worse="Lines that cross again and again: noise.",
        act="Runs of different length are compared at equal epochs or equal time, not at their ends.",
    )
