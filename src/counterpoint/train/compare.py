"""compare: systems on the same data, encoder, views, optimiser, budget and seeds, in one table with intervals."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from counterpoint.base.recipe import Recipe, lookup, override
from counterpoint.core.files import read_json, write_json
from counterpoint.evaluate.statistics import paired_interval
from counterpoint.train.console import Output
from counterpoint.train.fit import fit
from counterpoint.train.stamp import make_stamp
from counterpoint.train.summary import score

METRICS = ("knn", "linear")


def compare_systems(names: list[str], *, data: str, epochs: int, limit: int | None, seeds: tuple[int, ...],
                    out: Path, quiet: bool) -> Table:
    """Run every system once per seed and gather their scores.

    Each system keeps its own objective, heads and method settings (those of its default recipe, or of the variant
    named); data, encoder, views, optimiser, epochs and precision are those of the first system. A number after
    the sign is half the 95 % t interval over seeds; the difference to the first system is paired by seed.
    """
    recipes = [lookup(name) for name in names]
    base = override(recipes[0], {"epochs": epochs, "probe_every": 0, "data.source": data, "data.limit": limit})
    output, rows = Output(quiet=quiet), []
    for name, recipe in zip(names, recipes, strict=True):
        for seed in seeds:
            output.print(f"{name}, seed {seed}")
            rows.append({"system": name, "seed": seed, **run_arm(shared(base, recipe), seed=seed,
                                                                out=out / f"{name}-seed{seed}")})
    summary = [{"system": name, **summarise(rows, name, names[0])} for name in names]
    baselines = {key: rows[0][key] for key in rows[0] if key.startswith(("untrained", "pixels"))}
    write_json(out / "compare.json", {"data": data, "epochs": epochs, "limit": limit, "seeds": list(seeds),
                                      "rows": rows, "summary": summary, "baselines": baselines,
                                      "stamp": make_stamp(seed=seeds[0], data={"name": data})})
    return table(summary, baselines, title=f"{data}, {epochs} epochs, seeds {', '.join(map(str, seeds))}")


def shared(base: Recipe, recipe: Recipe) -> Recipe:
    """``recipe``'s method on everything else of ``base``."""
    return dataclasses.replace(base, name=recipe.name, variant=recipe.variant, method=recipe.method)


def run_arm(recipe: Recipe, *, seed: int, out: Path) -> dict[str, Any]:
    """Train one arm and flatten its evaluation."""
    run = fit(dataclasses.replace(recipe, seed=seed), out=out, overwrite=out.exists(), quiet=True)
    evaluation, status = read_json(run.path / "evaluation.json"), run.status()
    found: dict[str, Any] = {"seconds": status["seconds_training"], "peak_memory_mb": status["peak_memory_mb"]}
    for metric in METRICS:
        for model in ("encoder", "untrained", "pixels"):
            value = score(evaluation, metric, model)
            if value is not None:
                found[metric if model == "encoder" else f"{model}_{metric}"] = value
    for key, value in evaluation["geometry"].get("encoder", {}).items():
        found[key] = value
    return found


def summarise(rows: list[dict[str, Any]], name: str, first: str) -> dict[str, Any]:
    """Mean and half interval per metric, and the paired difference to the first system."""
    mine = {row["seed"]: row for row in rows if row["system"] == name}
    reference = {row["seed"]: row for row in rows if row["system"] == first}
    found: dict[str, Any] = {"seconds": float(np.mean([row["seconds"] for row in mine.values()]))}
    for metric in (*METRICS, "effective_rank", "alignment", "uniformity"):
        values = [row[metric] for row in mine.values() if row.get(metric) is not None]
        if not values:
            continue
        found[metric] = float(np.mean(values))
        if len(values) > 1:
            low, high = paired_interval(values)
            found[f"{metric}_half"] = (high - low) / 2
        if name != first and metric in METRICS:
            differences = [mine[seed][metric] - reference[seed][metric] for seed in mine]
            found[f"{metric}_difference"] = float(np.mean(differences))
            if len(differences) > 1:
                found[f"{metric}_difference_interval"] = list(paired_interval(differences))
    return found


def table(summary: list[dict[str, Any]], baselines: dict[str, float], *, title: str) -> Table:
    """The comparison as a table, baselines in the last rows."""
    shown = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    columns = ("system", "kNN %", "linear %", "kNN against first", "rank", "alignment", "uniformity", "seconds")
    for column in columns:
        shown.add_column(column, justify="left" if column == "system" else "right", no_wrap=True)
    for row in summary:
        interval = row.get("knn_difference_interval")
        against = f"{100 * row['knn_difference']:+.2f}" if "knn_difference" in row else ""
        if interval:
            against += f" [{100 * interval[0]:+.2f}, {100 * interval[1]:+.2f}]"
        shown.add_row(row["system"], percent(row, "knn"), percent(row, "linear"), against,
                      *(f"{row[key]:.2f}" if key in row else "" for key in ("effective_rank", "alignment",
                                                                            "uniformity")), f"{row['seconds']:.0f}")
    for model, words in (("untrained", "untrained encoder"), ("pixels", "raw pixels")):
        values = [baselines.get(f"{model}_{metric}") for metric in METRICS]
        shown.add_row(words, *(f"{100 * v:.2f}" if v is not None else "" for v in values), "", "", "", "", "",
                      style="dim")
    return shown


def percent(row: dict[str, Any], metric: str) -> str:
    """``88.31 ± 0.40``, or nothing."""
    if metric not in row:
        return ""
    half = row.get(f"{metric}_half")
    return f"{100 * row[metric]:.2f}" + (f" ± {100 * half:.2f}" if half is not None else "")
