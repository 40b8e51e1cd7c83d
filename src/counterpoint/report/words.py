"""Prose about a run: names, the sentence at the top, methods text, what to do next."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from counterpoint.core.discovery import System, recipe_functions, systems
from counterpoint.core.errors import CounterpointError
from counterpoint.report.brain_words import brain_metric, brain_steps, ceiling_sentence, retrieved
from counterpoint.report.metrics import interval, lower_is_better, metric_name, percent, show
from counterpoint.report.run import BASELINES, Run, Score

__all__ = ["interval", "metric_name", "percent", "show"]


def typeset(text: str) -> str:
    """Text with a true minus sign before numbers and no line break before a per cent sign.

    >>> typeset("-0.5 to -2, fashion-mnist-2")
    '−0.5 to −2, fashion-mnist-2'
    """
    return re.sub(r"(?<=\d) %", "\u00a0%", re.sub(r"(?<![\w-])-(?=\d)", "−", text))


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(42.3), duration(754), duration(8000)
    ('42 s', '12 min 34 s', '2 h 13 min')
    """
    if not math.isfinite(seconds):
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def best_baseline(run: Run, metric: str) -> Score | None:
    """The best of a metric's baseline rows: ridge, untrained, shuffled, pixels, chance."""
    rows = [row for row in run.scores if row.metric == metric and row.model in BASELINES]
    sign = -1 if lower_is_better(metric) else 1
    return max(rows, key=lambda row: sign * row.value, default=None)


def main_metric(run: Run) -> str:
    """The metric of the headline: retrieval for a brain; linear probe, else kNN; else the run's first one."""
    known = [row.metric for row in run.own_scores]
    first = brain_metric(known) if run.is_brain else ""
    return first or next((name for name in ("linear", "knn") if name in known), known[0] if known else "")


def find_system(run: Run) -> System | None:
    """The published system behind a run, or None for one that is not installed (or whose file is broken)."""
    try:
        return systems().get(run.name)
    except CounterpointError:
        return None


def title(run: Run) -> str:
    """Name of the system as its file writes it, for instance ``SimCLR``."""
    found = find_system(run)
    return found.title.split(":")[0] if found else run.name


def headline(run: Run) -> str:
    """What was run and how it did against its baselines, in one sentence."""
    what = f"{title(run)} ({run.variant}{f', seed {run.seed}' if run.seed else ''})"
    where = f" on {run.data_name}" if run.data_name else ""
    if run.status == "failed":
        reason = str(run.info.get("message") or "").strip().splitlines()
        step = f" at step {run.info['step']}" if run.info.get("step") is not None else ""
        return f"{what}{where} failed{step}{': ' + reason[-1] if reason else ''}."
    state = {"interrupted": "was interrupted; so far it", "running": "is still running; so far it"}.get(run.status, "")
    metric = main_metric(run)
    top, line = run.score(metric), best_baseline(run, metric)
    if top is None:
        return f"{what}{where} {state.split(';')[0] or 'ended'}; there are no scores{' yet' if state else ''}."
    result = retrieved(run, top) if run.is_brain else f"reaches {show(top)} ({metric_name(metric)})"
    text = f"{what}{where} {state + ' ' if state else ''}{result}"
    more = ceiling_sentence(run) if run.is_brain else ""
    if line is None:
        return text + "; no baseline was recorded." + more
    if not (top.is_share and line.is_share):
        return f"{text}; best baseline {show(line)} ({_origin(line.model)}).{more}"
    return f"{text}, {_against(top, line)} {_origin(line.model)} ({show(line)}).{more}"


def _against(top: Score, line: Score) -> str:
    points = 100 * (top.value - line.value)
    if math.isfinite(top.low) and top.low <= line.value <= top.high:
        return f"no clear difference ({points:+.1f} points) from the best baseline,"
    overlap = top.low <= line.high and line.low <= top.high
    doubt = " (their intervals overlap)" if overlap else ""
    return f"{abs(points):.1f} points {'above' if points > 0 else 'BELOW'} the best baseline{doubt},"


def _origin(model: str) -> str:
    return {
        "untrained": "the same encoder untrained",
        "pixels": "raw pixels",
        "chance": "guessing",
        "ridge": "ridge regression",
        "shuffled": "a control with shuffled pairs",
    }.get(model, model)


def run_labels(runs: Sequence[Run]) -> list[str]:
    """Short names that tell runs apart: the system alone if enough, else with variant, seed or folder."""
    choices = (
        [run.name for run in runs],
        [f"{run.name}.{run.variant}" for run in runs],
        [f"{run.name} seed {run.seed}" for run in runs],
        [f"{run.name}.{run.variant} seed {run.seed}" for run in runs],
        [f"{run.name}/{run.folder.name}" for run in runs],
    )
    names = next((names for names in choices if len(set(names)) == len(runs)), None)
    return names or [f"{name} ({place})" for place, name in enumerate(choices[-1], 1)]


def shown_path(folder: Path) -> str:
    """The folder as one would type it here: relative where it lies below the working directory."""
    relative = os.path.relpath(folder)
    return str(folder) if relative.startswith("..") else relative


def next_steps(run: Run) -> list[tuple[str, str]]:
    """(purpose, command) pairs that make sense after this run."""
    where = shown_path(run.folder)
    if run.status in ("failed", "interrupted", "running"):
        return [
            ("Go on from the last checkpoint", f"counterpoint fit --resume --out {where}"),
            (
                "Start again with other settings",
                f"counterpoint fit --config {where}/recipe.yaml --FLAG VALUE",
            ),
            ("Check this machine", "counterpoint doctor"),
        ]
    if run.is_brain:
        return brain_steps(run, where, _following(run.seed))
    steps = [
        ("Embed your own pictures", f"counterpoint embed {where} --data YOUR_FOLDER"),
        (
            "Repeat with another seed",
            f"counterpoint fit --config {where}/recipe.yaml --seed {_following(run.seed)}",
        ),
        ("Set two runs side by side", f"counterpoint report {where} OTHER_RUN"),
    ]
    if run.name in systems() and "claim" in recipe_functions(run.name):
        steps.append(("Test the paper's claim", f"counterpoint reproduce {run.name}"))
    return steps if run.scores else [("Evaluate it", f"counterpoint evaluate {where}"), *steps]


def _following(seed: str) -> str:
    return str(int(seed) + 1) if seed.isdigit() else "1"


def value_text(value: Any) -> str:
    """A setting as text: lists joined, ``None`` as a dash, small and large floats short."""
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(value_text(item) for item in value) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{key}={value_text(item)}" for key, item in value.items())
    return str(value)
