"""The last five lines of a run: result, baselines, time, paths, next command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from counterpoint.core.files import read_json
from counterpoint.train.console import duration
from counterpoint.train.run import Run


def score(evaluation: dict[str, Any], metric: str, model: str) -> float | None:
    """One number of evaluation.json, or ``None``."""
    for row in evaluation["scores"]:
        if (row["metric"], row["model"]) == (metric, model):
            value: float = row["value"]
            return value
    return None


def last_words(run: Run) -> list[str]:
    """The lines that end a command."""
    from counterpoint.train.modalities import modality_of

    status = run.status()
    time = (f"time       {duration(status['seconds'])} ({duration(status['seconds_training'])} training), "
            f"peak memory {status['peak_memory_mb'] / 1024:.2f} GB")
    *result, following = modality_of(status["name"]).last_words(run)
    return [*result, time, f"report     {relative(run.path / 'report.html')}", following]


def image_lines(run: Run) -> list[str]:
    """Result, baselines and the next command of a run on pictures."""
    evaluation = read_json(run.path / "evaluation.json")
    shown = [(metric, name) for metric, name in (("knn", "kNN"), ("linear", "linear probe"))
             if score(evaluation, metric, "encoder") is not None]
    result = ", ".join(f"{name} {100 * (score(evaluation, metric, 'encoder') or 0):.2f} %" for metric, name in shown)
    test = evaluation["data"]["test"]
    lines = [f"result     {result} on {test} test pictures" if result else
             "result     no labels: geometry only, " + geometry_line(evaluation)]
    baselines = []
    for model, words in (("untrained", "untrained encoder"), ("pixels", "raw pixels"), ("chance", "chance")):
        values = [score(evaluation, metric, model) for metric, _ in shown]
        if any(value is not None for value in values):
            baselines.append(f"{words} " + " / ".join(f"{100 * v:.2f}" if v is not None else "-" for v in values))
    lines.append(f"baselines  {'; '.join(baselines) or 'none without labels'}")
    lines.append(f"next       counterpoint embed {relative(run.path)} --data FOLDER")
    return lines


def scores_table(evaluation: dict[str, Any]) -> Table:
    """Every score of evaluation.json with its interval and protocol, the encoder beside its baselines."""
    data = evaluation["data"]
    table = Table(title=f"{data['name']}, {data['test']} test pictures", title_justify="left", box=None,
                  padding=(0, 2, 0, 0))
    for column in ("metric", "model", "%", "95 % interval", "protocol"):
        table.add_column(column, justify="right" if column == "%" else "left", no_wrap=column != "protocol")
    for row in sorted(evaluation["scores"], key=lambda row: row["metric"]):
        table.add_row(row["metric"], row["model"], f"{100 * row['value']:.2f}",
                      f"{100 * row['low']:.2f} .. {100 * row['high']:.2f}", row["protocol"],
                      style="bold" if row["model"] == "encoder" else "")
    if not evaluation["scores"]:
        table.add_row("geometry", "encoder", "", "", geometry_line(evaluation))
    return table


def geometry_line(evaluation: dict[str, Any]) -> str:
    """Alignment, uniformity and rank of the encoder, for data without labels."""
    found = evaluation["geometry"].get("encoder", {})
    return ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in found.items() if value is not None)


def relative(path: Path) -> str:
    """The path as seen from here, when it lies below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
