"""Scores against their baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterpoint.report.panel import Panel
from counterpoint.report.run import BASELINES, Run, Score
from counterpoint.report.style import GOOD, INK, MUTED, SERIES, canvas, themed
from counterpoint.report.words import best_baseline, metric_name, percent, run_labels

SECTION, ORDER = "Result", 10
TITLE = "Is it better than doing nothing?"
BETTER = "Filled dots far to the right of every hollow one, with whiskers that do not reach them."
WORSE = "A filled dot beside “untrained” or “pixels”: training added nothing that this score can see."
ACT = ("If a baseline wins: train longer, then look at the views (too weak or too strong?) and at the spectrum "
       "(collapse?). If “head” beats “encoder”: keep the features before the projection head anyway for transfer, "
       "and check whether the encoder is too small.")


@themed
def draw(run: Run) -> Panel | None:
    """One row per metric and model; trained models filled, baselines hollow, the best baseline as a line."""
    rows = [row for row in run.scores if row.is_share]
    if not rows:
        return None
    groups = {metric: _ordered([row for row in rows if row.metric == metric])
              for metric in dict.fromkeys(row.metric for row in rows)}
    count = len(rows) + len(groups)
    figure, (axes,) = canvas(height=0.55 + 0.235 * count)
    height = 0.0
    for metric, members in groups.items():
        axes.text(0, -height, metric_name(metric), weight="bold", va="center", ha="left",
                  transform=axes.get_yaxis_transform())
        line = best_baseline(run, metric)
        if line:
            axes.plot([100 * line.value] * 2, [-height - 0.5, -height - len(members) - 0.4], color=MUTED,
                      linewidth=1, linestyle=(0, (3, 2)), zorder=1)
        for row in members:
            height += 1
            _row(axes, row, -height)
        height += 1
    axes.set_ylim(-height + 0.3, 0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(-34, 116)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("score (% of test pictures)")
    axes.grid(False, axis="y")
    return _panel(figure, run, rows)


def _ordered(rows: list[Score]) -> list[Score]:
    place = {name: index for index, name in enumerate(("encoder", "head", *BASELINES))}
    return sorted(rows, key=lambda row: place.get(row.model, 2))


def _row(axes: object, row: Score, height: float) -> None:
    trained = row.model not in BASELINES
    colour = GOOD if trained else MUTED
    value = 100 * row.value
    axes.plot([0, 100], [height, height], color=MUTED, alpha=0.15, linewidth=0.8, zorder=0)  # type: ignore[attr-defined]
    if np.isfinite([row.low, row.high]).all():
        axes.plot([100 * row.low, 100 * row.high], [height, height], color=colour, linewidth=2)  # type: ignore[attr-defined]
    axes.plot(value, height, marker="o" if row.model != "head" else "D", markersize=6 if row.model != "head" else 5,  # type: ignore[attr-defined]
              markerfacecolor=colour if trained else "none", markeredgecolor=colour, linestyle="")
    axes.text(-2, height, row.model, ha="right", va="center", color=INK if trained else MUTED)  # type: ignore[attr-defined]
    axes.text(102, height, f"{value:.1f}", ha="left", va="center", color=INK if trained else MUTED,  # type: ignore[attr-defined]
              weight="bold" if row.model == "encoder" else "normal")


def _panel(figure: object, run: Run, rows: list[Score]) -> Panel:
    sizes = sorted({row.n for row in rows if row.n})
    n = " and ".join(f"{size:,}" for size in sizes) or "an unrecorded number of"
    here = []
    for metric in dict.fromkeys(row.metric for row in rows):
        top, line = run.score(metric), best_baseline(run, metric)
        if top and line:
            here.append(f"{metric_name(metric)}: {percent(top.value)}, {100 * (top.value - line.value):+.1f} points "
                        f"against the best baseline ({line.model}, {percent(line.value)}).")
    listing = "; ".join(f"{metric_name(row.metric)}, {row.model}: {percent(row.value)}" for row in rows)
    return Panel(
        title=TITLE, figure=figure, alt=f"Dot plot of scores. {listing}.",  # type: ignore[arg-type]
        here=" ".join(here) or "No baseline was recorded for these scores.",
        shown=f"Scores of the frozen encoder (before the head), of the head, and of the baselines on {n} test "
              f"samples, seed {run.seed or 'unrecorded'}; whiskers are 95 % intervals over the test samples, "
              f"the dashed line is the best baseline.",
        better=BETTER, worse=WORSE, act=ACT)


@themed
def compare(runs: Sequence[Run]) -> Panel | None:
    """The encoder's scores of every run, one row per run and metric, with each run's best baseline as a tick."""
    metrics = [metric for metric in dict.fromkeys(row.metric for run in runs for row in run.scores)
               if any((row := run.score(metric)) and row.is_share for run in runs)]
    if not metrics:
        return None
    labels = run_labels(runs)
    figure, (axes,) = canvas(height=0.55 + 0.235 * len(metrics) * (len(runs) + 1))
    height = 0.0
    for metric in metrics:
        axes.text(0, -height, metric_name(metric), weight="bold", va="center", transform=axes.get_yaxis_transform())
        for place, run in enumerate(runs):
            height += 1
            row, line = run.score(metric), best_baseline(run, metric)
            axes.text(-2, -height, labels[place], ha="right", va="center")
            if row is None or not row.is_share:
                continue
            colour = SERIES[place % len(SERIES)]
            axes.plot([100 * row.low, 100 * row.high], [-height] * 2, color=colour, linewidth=2)
            axes.plot(100 * row.value, -height, marker="o", color=colour, linestyle="")
            axes.text(102, -height, f"{100 * row.value:.1f}", va="center")
            if line:
                axes.plot(100 * line.value, -height, marker="|", markersize=11, color=MUTED, linestyle="")
        height += 1
    axes.set(ylim=(-height + 0.3, 0.6), yticks=[], xlim=(-2 - 3.4 * max(map(len, labels)), 116),
             xticks=range(0, 101, 20), xlabel="score (% of test pictures)")
    axes.spines["left"].set_visible(False)
    axes.grid(False, axis="y")
    listing = "; ".join(f"{label}: " + ", ".join(f"{metric_name(m)} {percent(row.value)}" for m in metrics
                                                 if (row := run.score(m))) for label, run in zip(labels, runs,
                                                                                                 strict=True))
    return Panel(title="Which run is better?", figure=figure, alt=f"Dot plot of scores by run. {listing}.",
                 here=listing + ".",
                 shown="Scores of each run's frozen encoder with 95 % intervals over its test samples; the grey tick "
                       "is that run's best baseline.",
                 better="Dots further right, further from their tick.",
                 worse="Dots on their tick, or whiskers of two runs that overlap: a difference that another seed "
                       "may turn round.",
                 act="Compare settings over at least three seeds before believing a small difference.")
