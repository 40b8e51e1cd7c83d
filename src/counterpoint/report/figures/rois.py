"""What each region decodes by itself, beside what its noise allows."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, column
from counterpoint.report.style import GOOD, INK, MUTED, PAPER, WIDTH, themed

SECTION, ORDER = "Cortex", 17
MOST = 24


@themed
def draw(run: Run) -> Panel | None:
    """Two panels with one row per region: score with interval, and noise ceiling."""
    rows = [row for row in run.table("rois") if np.isfinite(column([row], "top1")[0])]
    rows = sorted(rows, key=lambda row: -row["top1"])[:MOST]
    if not rows:
        return None
    from matplotlib.figure import Figure

    score, low, high = (100 * column(rows, key) for key in ("top1", "low", "high"))
    ceiling = column(rows, "ceiling")
    both = bool(np.isfinite(ceiling).any())
    figure = Figure(figsize=(WIDTH, 0.8 + 0.25 * len(rows)))
    panels = figure.subplots(1, 2 if both else 1, sharey=True, squeeze=False, width_ratios=[1.5, 1] if both else [1])[0]
    heights = np.arange(len(rows))
    panels[0].hlines(heights, low, high, color=GOOD, linewidth=2)
    panels[0].plot(score, heights, marker="o", color=GOOD, linestyle="")
    chance = run.score("brain_to_image_top1", "chance")
    if chance:
        panels[0].axvline(100 * chance.value, color=MUTED, linestyle="--", linewidth=1.2)
    panels[0].set(xlabel="brain to image by\nridge, top 1 (%)", ylim=(len(rows) - 0.4, -0.6))
    panels[0].set_xlim(left=0)
    panels[0].set_yticks(heights, [_name(row) for row in rows])
    if both:
        panels[1].hlines(heights, 0, ceiling, color=MUTED, alpha=0.5, linewidth=1.2)
        panels[1].plot(ceiling, heights, marker="o", color=MUTED, markerfacecolor=PAPER, linestyle="")
        panels[1].set(xlabel="median noise ceiling\n(% of variance)")
        panels[1].set_xlim(left=0)
    for axes in panels:
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
    return _panel(figure, run, rows, score, ceiling)


def _name(row: dict[str, Any]) -> str:
    voxels = column([row], "voxels")[0]
    name = str(row.get("name", ""))[:18]
    return f"{name} ({voxels:,.0f})" if np.isfinite(voxels) else name


def _panel(figure: Any, run: Run, rows: list[dict[str, Any]], score: np.ndarray, ceiling: np.ndarray) -> Panel:
    listing = "; ".join(
        f"{row.get('name')}: {score[place]:.1f} %"
        + (f", ceiling {ceiling[place]:.0f} %" if np.isfinite(ceiling[place]) else "")
        for place, row in enumerate(rows)
    )
    here = f"{rows[0].get('name')} decodes best by itself: {score[0]:.1f} %"
    known = np.flatnonzero(np.isfinite(ceiling))
    if known.size:
        best = known[ceiling[known].argmax()]
        here += f"; the highest ceiling is that of {rows[best].get('name')} ({ceiling[best]:.0f} % of variance)"
    return Panel(
        title="What does each region carry by itself?",
        figure=figure,
        alt=f"Scores and noise ceilings by region. {listing}.",
        here=here + ".",
        shown="Retrieval by ridge regression from the voxels of one region alone (their number in brackets) with 95 % "
        "intervals, dashed: chance; beside it the median noise ceiling of its voxels, the share of variance that "
        f"repeats of a picture have in common. Regions may overlap. Seed {run.seed or 'unrecorded'}.",
        better="Scores that follow the ceilings: reliable regions decode well.",
        worse="A reliable region that decodes nothing (the target does not hold what it codes), or an unreliable one "
        "that decodes well (a leak).",
        act="Larger regions win by size alone: compare regions of like voxel counts. Low ceiling everywhere: more "
        "repeats help more than a larger network.",
    )
