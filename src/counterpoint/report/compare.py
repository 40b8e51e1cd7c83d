"""Several runs side by side: what differs in their settings, and their scores with spread over seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from counterpoint.report.run import Run
from counterpoint.report.style import SERIES
from counterpoint.report.words import (
    best_baseline,
    interval,
    main_metric,
    metric_name,
    percent,
    run_labels,
    show,
    shown_path,
)

_NOT_SETTINGS = ("seed", "out", "name", "variant")


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed."""

    label: str
    runs: tuple[Run, ...]

    def cell(self, metric: str) -> str:
        """Mean and sample standard deviation over seeds; of a single run its value and interval."""
        rows = [row for run in self.runs if (row := run.score(metric))]
        if not rows:
            return "–"
        if len(rows) == 1:
            span = interval(rows[0])
            return show(rows[0]) + (f" [{span}]" if span else "")
        values = [row.value for row in rows]
        mean, spread = statistics.fmean(values), statistics.stdev(values)
        if all(row.is_share for row in rows):
            return f"{100 * mean:.1f} ± {100 * spread:.1f} %"
        return f"{mean:.4g} ± {spread:.2g}"

    def mean(self, metric: str) -> float:
        """Mean over the runs that have this score; minus infinity where none has."""
        values = [row.value for run in self.runs if (row := run.score(metric))]
        return statistics.fmean(values) if values else float("-inf")


def groups(runs: Sequence[Run]) -> list[Group]:
    """Runs gathered by everything but the seed, in the order given."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        settings = {key: value for key, value in run.settings.items() if key not in _NOT_SETTINGS}
        key = json.dumps([run.name, run.variant, settings], sort_keys=True, default=str)
        found.setdefault(key, []).append(run)
    members = [tuple(group) for group in found.values()]
    heads = [group[0] for group in members]
    names = [f"{run.name}.{run.variant}" for run in heads]
    if len(set(names)) < len(names):
        names = run_labels(heads)
    return [Group(name, group) for name, group in zip(names, members, strict=True)]


def lines(runs: Sequence[Run]) -> list[tuple[str, Run, str]]:
    """(label, run, colour) for figures: seeds of one setting share a colour.

    Of more than eight runs only the first of each setting is named, by its setting.
    """
    labels = dict(zip(map(id, runs), run_labels(runs), strict=True))
    rows = []
    for place, group in enumerate(groups(runs)):
        for turn, run in enumerate(group.runs):
            label = labels[id(run)] if len(runs) <= 8 else ("" if turn else group.label)
            rows.append((label, run, SERIES[place % len(SERIES)]))
    return rows


def differences(runs: Sequence[Run]) -> list[tuple[str, list[Any]]]:
    """Settings that are not the same in all runs, with the value of each run (``None``: not set)."""
    keys = dict.fromkeys(key for run in runs for key in run.settings if key not in ("name", "variant"))
    rows = [(key, [run.settings.get(key) for run in runs]) for key in keys]
    return [(key, values) for key, values in rows if any(value != values[0] for value in values)]


def headline(found: Sequence[Group]) -> str:
    """Which group leads in the main metric, by how much, and how far that can be trusted."""
    metric = next((name for group in found for run in group.runs if (name := main_metric(run))), "")
    total = sum(len(group.runs) for group in found)
    if not metric:
        return f"{total} runs; none was evaluated."
    ranked = sorted(found, key=lambda group: group.mean(metric), reverse=True)
    top = ranked[0]
    if len(ranked) == 1:
        return f"{total} seeds of {top.label}: {metric_name(metric)} {top.cell(metric)}."
    second = ranked[1]
    score = f"{top.cell(metric)} ({metric_name(metric)})"
    text = f"Of {total} runs in {len(ranked)} settings {top.label} leads with {score}"
    if second.mean(metric) == float("-inf"):
        return text + "; no other was evaluated."
    few = min(len(top.runs), len(second.runs)) < 3
    trust = " With fewer than three seeds of each, read small gaps with care." if few else ""
    return f"{text}, ahead of {second.label} with {second.cell(metric)}.{trust}"


def context(runs: Sequence[Run]) -> dict[str, Any]:
    """What the comparison template needs."""
    found = groups(runs)
    metrics = list(dict.fromkeys(row.metric for run in runs for row in run.own_scores))
    baselines = {metric: _baseline(runs, metric) for metric in metrics}
    labels = run_labels(runs)
    return {
        "headline": headline(found),
        "groups": found,
        "metrics": metrics,
        "baselines": baselines,
        "labels": labels,
        "runs": list(zip(labels, runs, [shown_path(run.folder) for run in runs], strict=True)),
        "differences": differences(runs),
        "spread": any(len(group.runs) > 1 for group in found),
        "warnings": [(label, text) for label, run in zip(labels, runs, strict=True) for text in run.warnings()],
        "same_data": len({run.data_name for run in runs}) <= 1,
    }


def _baseline(runs: Sequence[Run], metric: str) -> str:
    values = [line for run in runs if (line := best_baseline(run, metric))]
    if not values:
        return "–"
    low, high = min(row.value for row in values), max(row.value for row in values)
    names = ", ".join(dict.fromkeys(row.model for row in values))
    return f"{percent(low)} ({names})" if high - low < 5e-4 else f"{percent(low)} to {percent(high)} ({names})"
