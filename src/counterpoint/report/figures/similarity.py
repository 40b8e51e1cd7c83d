"""Similarity of pairs that belong together against pairs that do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, number
from counterpoint.report.style import BAD, GOOD, canvas, themed

SECTION, ORDER = "Representation", 70
MOST = 1000


def _recorded(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Edges and densities written by the evaluation: views of one picture against other pictures."""
    rows = run.section("similarity")
    parts = [np.array([number(value) for value in rows.get(key) or []]) for key in ("edges", "positive", "negative")]
    edges, positive, negative = parts
    if len(edges) < 2 or len(positive) != len(edges) - 1 or len(negative) != len(edges) - 1:
        return None
    return edges, positive, negative


def _by_class(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Edges and counts from the embedding subsample: pairs of one class against pairs of two."""
    features, labels = run.arrays.get("embedding"), run.arrays.get("label")
    if features is None or labels is None or features.ndim != 2 or len(features) != len(labels) or len(labels) < 4:
        return None
    keep = np.flatnonzero((labels >= 0) & np.isfinite(features).all(axis=1))[:MOST]
    features, labels = features[keep].astype(np.float32), labels[keep]
    features = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    upper = np.triu_indices(len(labels), 1)
    values = (features @ features.T)[upper]
    same = (labels[:, None] == labels[None])[upper]
    if not same.any() or same.all():
        return None
    edges = np.linspace(min(values.min(), 0), 1, 61)
    return edges, np.histogram(values[same], edges)[0], np.histogram(values[~same], edges)[0]


@themed
def draw(run: Run) -> Panel | None:
    """Two densities of cosine similarity with their means."""
    found, names = _recorded(run), ("two views", "other pictures")
    if found is None:
        found, names = _by_class(run), ("same class", "other class")
    if found is None or min(found[1].sum(), found[2].sum()) <= 0:
        return None
    edges, positive, negative = found
    centres = (edges[1:] + edges[:-1]) / 2
    figure, (axes,) = canvas(height=2.6)
    means, tops = [], []
    for counts, name, colour, dash in ((positive, names[0], GOOD, "-"), (negative, names[1], BAD, "--")):
        density = counts / (counts * np.diff(edges)).sum()
        axes.fill_between(centres, density, step="mid", color=colour, alpha=0.2, linewidth=0)
        axes.step(centres, density, where="mid", color=colour, linestyle=dash)
        means.append(float((centres * counts).sum() / counts.sum()))
        tops.append((centres[int(density.argmax())], density.max(), name, colour))
    apart = abs(tops[0][0] - tops[1][0]) > 0.25 * (edges[-1] - edges[0])
    for place, (x, y, name, colour) in enumerate(tops):
        other = tops[1 - place][0]
        side = "center" if apart else ("left" if x >= other else "right")
        axes.annotate(
            name,
            (x, y),
            xytext=({"left": 6, "right": -6}.get(side, 0), 3),
            textcoords="offset points",
            ha=side,
            color=colour,
        )
    axes.set(xlabel="cosine similarity", ylabel="density", ylim=(0, 1.15 * max(top[1] for top in tops)))
    return _panel(figure, run, names, means, recorded=names[0] == "two views")


def _panel(figure: Any, run: Run, names: tuple[str, str], means: list[float], *, recorded: bool) -> Panel:
    here = f"Mean similarity: {names[0]} {means[0]:.2f}, {names[1]} {means[1]:.2f}; "
    here += f"a margin of {means[0] - means[1]:.2f}."
    pairs = (
        "two views of one picture, and views of different pictures"
        if recorded
        else f"test pictures of the same class, and of different classes (first {MOST:,} of the subsample)"
    )
    return Panel(
        title="Do related pairs stand apart?",
        figure=figure,
        alt=f"Two histograms of similarity. {here}",
        here=here,
        shown=f"Cosine similarity of {pairs}; seed {run.seed or 'unrecorded'}.",
        better="Two humps with little overlap, the related one on the right.",
        worse="Both humps near 1 (collapse) or on top of each other. A second hump of “other” pairs at high "
        "similarity: false negatives.",
        act=(
            "Overlap: train longer or change the temperature. Everything near 1: see the spectrum. False "
            "negatives: use labels if you have them, or a debiased objective."
        ),
    )
