"""Scores against their baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from counterpoint.report.compare import lines
from counterpoint.report.panel import Panel
from counterpoint.report.run import BASELINES, Run, Score
from counterpoint.report.style import GOOD, INK, MUTED, PAPER, canvas, themed
from counterpoint.report.words import best_baseline, metric_name, percent, run_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SECTION, ORDER = "Result", 10
TITLE = "Is it better than doing nothing?"
BETTER = "Filled dots far to the right of every hollow one, with whiskers that do not reach them."
WORSE = "A filled dot beside “untrained” or “pixels”: training added nothing that this score can see."
ACT = (
    "If a baseline wins: train longer, then look at the views (too weak or too strong?) and at the "
    "spectrum (collapse?). If “head” beats “encoder”: keep the features before the projection head anyway "
    "for transfer, and check whether the encoder is too small."
)


@themed
def draw(run: Run) -> Panel | None:
    """One row per metric and model; trained models filled, baselines hollow, the best baseline as a line."""
    rows = [row for row in run.scores if row.is_share]
    if not rows or run.is_brain:
        return None
    figure, span = dots(run, rows)
    return _panel(figure, run, rows, span)


def dots(run: Run, rows: Sequence[Score]) -> tuple[Figure, tuple[int, int]]:
    """Rows of scores as dots with whiskers, grouped by metric; also the ends of the axis in per cent."""
    groups = {
        metric: [row for row in rows if row.metric == metric] for metric in dict.fromkeys(row.metric for row in rows)
    }
    count, span = len(rows) + len(groups), _span(rows)
    figure, (axes,) = canvas(height=0.55 + 0.235 * count)
    height = 0.0
    for metric, members in groups.items():
        axes.text(
            0,
            -height,
            metric_name(members[0]),
            weight="bold",
            va="center",
            ha="left",
            transform=axes.get_yaxis_transform(),
        )
        line = best_baseline(run, metric)
        if line:
            axes.plot(
                [100 * line.value] * 2,
                [-height - 0.5, -height - len(members) - 0.4],
                color=MUTED,
                linewidth=1,
                linestyle=(0, (3, 2)),
                zorder=1,
            )
        for row in members:
            height += 1
            _row(axes, row, -height, span, own=row in run.own_scores)
        height += 1
    _frame(axes, height, span, widest=max(len(row.model) for row in rows))
    if run.is_brain:
        axes.set_xlabel("score (%)")
    return figure, span


def _span(rows: Sequence[Score]) -> tuple[int, int]:
    """Ends of the axis in per cent: dots need no zero, so it starts just below the lowest row but chance."""
    values = [
        100 * value
        for row in rows
        if row.model != "chance"
        for value in (row.value, row.low, row.high)
        if np.isfinite(value)
    ] or [0.0, 100.0]
    low, high = min(values), max(values)
    return (int(low // 10) * 10 if low > 30 else 0), min(int(-(-high // 10)) * 10, 100) or 10


def _frame(axes: Axes, height: float, span: tuple[int, int], *, widest: int) -> None:
    """Limits that leave room for names on the left and numbers on the right."""
    low, high = span
    step = (high - low) / 100
    axes.set(
        ylim=(-height + 0.3, 0.6),
        yticks=[],
        xlim=(low - step * (4 + 3.3 * max(widest, 9)), high + 16 * step),
        xlabel="score (% of test pictures)",
    )
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= high])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_bounds(low, high)
    axes.grid(False, axis="y")


def _row(axes: Axes, row: Score, height: float, span: tuple[int, int], *, own: bool) -> None:
    trained, value = row.model not in BASELINES, 100 * row.value
    colour, (low, high) = GOOD if trained else MUTED, span
    unit = (high - low) / 100
    axes.plot([low, high], [height, height], color=MUTED, alpha=0.15, linewidth=0.8, zorder=0)
    if value < low:
        axes.plot(low, height, marker="<", markersize=5, color=MUTED, linestyle="")
    else:
        axes.plot([max(100 * row.low, low), 100 * row.high], [height, height], color=colour, linewidth=2)
        axes.plot(
            value,
            height,
            marker="D" if trained and not own else "o",
            color=colour,
            linestyle="",
            markersize=5 if trained and not own else 6,
            markerfacecolor=colour if trained else PAPER,
        )
    ink = INK if trained else MUTED
    axes.text(low - 2 * unit, height, row.model, ha="right", va="center", color=ink)
    axes.text(
        high + 2 * unit,
        height,
        f"{value:.1f}",
        ha="left",
        va="center",
        color=ink,
        weight="bold" if own else "normal",
    )


def _panel(figure: Figure, run: Run, rows: list[Score], span: tuple[int, int]) -> Panel:
    sizes = sorted({row.n for row in rows if row.n})
    n = " and ".join(f"{size:,}" for size in sizes) or "an unrecorded number of"
    here = []
    for metric in dict.fromkeys(row.metric for row in rows):
        top, line = run.score(metric), best_baseline(run, metric)
        if top and line:
            here.append(
                f"{metric_name(metric)}: {percent(top.value)}, {100 * (top.value - line.value):+.1f} points "
                f"against the best baseline ({line.model}, {percent(line.value)})."
            )
    listing = "; ".join(f"{metric_name(row.metric)}, {row.model}: {percent(row.value)}" for row in rows)
    return Panel(
        title=TITLE,
        figure=figure,
        alt=f"Dot plot of scores. {listing}.",
        here=" ".join(map(_capital, here)) or "No baseline was recorded for these scores.",
        shown=(
            f"Scores of the frozen encoder (before the head), of the head, and of the baselines on {n} "
            f"test samples, seed {run.seed or 'unrecorded'}; whiskers are 95 % intervals over the test "
            "samples, the dashed line is the best baseline."
        )
        + (f" The axis starts at {span[0]} %; an arrowhead stands for a value below it." if span[0] else ""),
        better=BETTER,
        worse=WORSE,
        act=ACT,
    )


def _capital(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


@themed
def compare(runs: Sequence[Run]) -> Panel | None:
    """The encoder's scores of every run, one row per run and metric, its best baseline as a tick."""
    metrics = [
        metric
        for metric in dict.fromkeys(row.metric for run in runs for row in run.scores)
        if any((row := run.score(metric)) and row.is_share for run in runs)
    ]
    if not metrics:
        return None
    rows = lines(runs)
    runs = [run for _, run, _ in rows]
    labels = run_labels(runs)
    shown = [row for run in runs for metric in metrics if (row := run.score(metric)) and row.is_share]
    marks = [line for run in runs for metric in metrics if (line := best_baseline(run, metric))]
    span = _span([*shown, *marks])
    figure, (axes,) = canvas(height=0.55 + 0.235 * len(metrics) * (len(runs) + 1))
    height = 0.0
    for metric in metrics:
        axes.text(0, -height, metric_name(metric), weight="bold", va="center", transform=axes.get_yaxis_transform())
        for label, (_, run, colour) in zip(labels, rows, strict=True):
            height += 1
            _compared(axes, run, metric, height=-height, span=span, label=label, colour=colour)
        height += 1
    _frame(axes, height, span, widest=max(map(len, labels)))
    listing = "; ".join(
        f"{label}: " + ", ".join(f"{metric_name(m)} {percent(row.value)}" for m in metrics if (row := run.score(m)))
        for label, run in zip(labels, runs, strict=True)
    )
    return Panel(
        title="Which run is better?",
        figure=figure,
        alt=f"Dot plot of scores by run. {listing}.",
        here=listing + ".",
        shown="Scores of each run's frozen encoder with 95 % intervals over its test samples; the grey tick "
        "is that run's best baseline.",
        better="Dots further right, further from their tick.",
        worse="Dots on their tick, or whiskers of two runs that overlap: a difference that another seed "
        "may turn round.",
        act="Compare settings over at least three seeds before believing a small difference.",
    )


def _compared(
    axes: Axes, run: Run, metric: str, *, height: float, span: tuple[int, int], label: str, colour: str
) -> None:
    unit = (span[1] - span[0]) / 100
    axes.text(span[0] - 2 * unit, height, label, ha="right", va="center")
    axes.plot(span, [height, height], color=MUTED, alpha=0.15, linewidth=0.8, zorder=0)
    row, line = run.score(metric), best_baseline(run, metric)
    if row is None or not row.is_share:
        return
    axes.plot([100 * row.low, 100 * row.high], [height, height], color=colour, linewidth=2)
    axes.plot(100 * row.value, height, marker="o", color=colour, linestyle="")
    axes.text(span[1] + 2 * unit, height, f"{100 * row.value:.1f}", va="center")
    if line:
        axes.plot(100 * line.value, height, marker="|", markersize=11, color=MUTED, linestyle="")
