"""reproduce: run a claim's arms on fresh seeds, judge its contrasts, keep the verdict with every number."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.base.claim import Claim, judge
from counterpoint.base.recipe import Recipe, override
from counterpoint.core.discovery import recipe_functions, recipe_module, systems
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json, write_json
from counterpoint.evaluate.statistics import paired_interval
from counterpoint.train.callbacks.log import read
from counterpoint.train.console import Output, duration
from counterpoint.train.fit import fit
from counterpoint.train.stamp import make_stamp


def claimed() -> list[str]:
    """Systems whose recipe states a claim."""
    return [name for name in systems() if "claim" in recipe_functions(name)]


def claim_of(name: str) -> Claim:
    """The claim of a system; one without is an error."""
    module = recipe_module(name)
    if not hasattr(module, "claim"):
        raise CounterpointError(f"{name} states no claim yet.", f"With a claim: {', '.join(claimed())}.",
                                "counterpoint evidence")
    claim: Claim = module.claim()
    return claim


def digest(claim: Claim) -> str:
    """A fingerprint of everything that a claim fixes beforehand."""
    return hashlib.sha256(json.dumps(dataclasses.asdict(claim), sort_keys=True, default=str).encode()).hexdigest()[:16]


def reproduce_claim(name: str, *, fast: bool = False, jobs: int = 1, folder: Path = Path("evidence")) -> dict[str, Any]:
    """Run all arms for all seeds and return the verdict; unless ``fast``, add it to ``folder/NAME.json``.

    ``jobs`` arms run at a time, each with its share of the cores. Finished arms are kept in ``runs/claims`` and not
    run again while the claim is the same.
    """
    claim, output = claim_of(name), Output()
    overlap = set(claim.seeds) & set(claim.tuning_seeds)
    if overlap:
        raise CounterpointError(f"Seeds {sorted(overlap)} of {name}'s claim were used to choose its settings.",
                                "Verdicts come from fresh seeds.")
    seeds = claim.seeds[:2] if fast else claim.seeds
    output.print(f"{name}: {claim.statement}\n{len(claim.arms)} arms x {len(seeds)} seeds"
                 f"{', fast' if fast else f', about {claim.minutes:.0f} minutes on two cores'}")
    start = time.monotonic()
    root = Path("runs") / "claims" / f"{name}-{digest(claim)}{'-fast' if fast else ''}"
    work = {(seed, arm): root / f"{arm}-seed{seed}" for seed in seeds for arm in claim.arms}
    for wave in waves(claim):
        run_arms([(arm_recipe(claim, arm, seed, fast=fast), work[seed, arm], scored(claim),
                   source(claim, arm, seed, work))
                  for seed in seeds for arm in wave if not (work[seed, arm] / "evaluation.json").exists()], jobs=jobs)
    scores: dict[int, dict[str, dict[str, float]]] = {seed: {} for seed in seeds}
    for (seed, arm), out in work.items():
        scores[seed][arm] = found = arm_scores(out)
        output.print(f"  seed {seed}  {arm:<12} " + "  ".join(f"{key} {found[key]:.4f}" for key in claim.metrics
                                                             if key in found))
    result = verdict(name, claim, scores, fast=fast)
    result["seconds"] = round(time.monotonic() - start, 1)
    for line in lines(result):
        output.print(line)
    if not fast:
        keep(folder / f"{name}.json", result)
    output.print(f"{duration(result['seconds'])}" + ("" if fast else f"; kept in {folder / f'{name}.json'}"))
    return result


def waves(claim: Claim) -> list[list[str]]:
    """Arms that can run together, those that start from another arm after it."""
    left, done, found = dict(claim.arms), set[str](), []
    while left:
        ready = [arm for arm, changes in left.items() if changes.get("init_from") in (None, *done)]
        if not ready:
            raise CounterpointError(f"Arms {', '.join(left)} start from arms that do not exist.")
        found.append(ready)
        done |= set(ready)
        left = {arm: changes for arm, changes in left.items() if arm not in done}
    return found


def source(claim: Claim, arm: str, seed: int, work: dict[tuple[int, str], Path]) -> Path | None:
    """The run whose weights an arm starts from."""
    name = claim.arms[arm].get("init_from")
    return None if name is None else work[seed, name]


def run_arms(work: list[tuple[Recipe, Path, list[str], Path | None]], *, jobs: int) -> None:
    """Train and evaluate arms, ``jobs`` at a time in processes of their own."""
    if jobs <= 1:
        for item in work:
            run_arm(*item)
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=use_threads, initargs=(threads,)) as pool:
        for done in [pool.submit(run_arm, *item) for item in work]:
            done.result()


def use_threads(count: int) -> None:
    """Let torch use ``count`` threads in this process."""
    import torch

    torch.set_num_threads(count)


def run_arm(recipe: Recipe, out: Path, metrics: list[str], init_from: Path | None = None) -> None:
    """One arm; an unfinished run of it is replaced."""
    fit(recipe, out=out, overwrite=(out / "run.json").exists(), quiet=True, metrics=metrics, init_from=init_from)


def arm_scores(out: Path) -> dict[str, float]:
    """Metrics of a finished arm: scores, geometry, and the means of its notes over the second half of the run."""
    evaluation = read_json(out / "evaluation.json")
    found = {row["metric"] if row["model"] in ("encoder", "decoder") else f"{row['model']}_{row['metric']}":
             row["value"] for row in evaluation["scores"]}
    found |= table_scores(evaluation.get("tables", {}))
    found |= {key: value for key, value in evaluation["geometry"].get("encoder", {}).items() if value is not None}
    notes = [row["notes"] for row in read(out / "metrics.jsonl") if row["kind"] == "step" and row["notes"]]
    for key in notes[0] if notes else ():
        found[f"note_{key}"] = float(np.mean([row[key] for row in notes[len(notes) // 2:]]))
    return found


def table_scores(tables: dict[str, Any]) -> dict[str, float]:
    """Numbers of a decoding run's tables: top-1 by showings averaged, losses without networks and their controls.

    ``drop_``, ``control_`` and ``rank_`` of a network are of retrieval, ``category_drop_`` and so on of the category.
    """
    found = {f"{key}_repeats{row['repeats']}": row[key]
             for row in tables.get("repeats", ()) for key in ("top1", "ridge")}
    networks = tables.get("networks", ())
    for prefix in ("", "category_"):
        ranked = sorted((row for row in networks if f"{prefix}value" in row), key=lambda row: -row[f"{prefix}value"])
        for rank, row in enumerate(ranked, start=1):
            name = row["name"].replace(" ", "_")
            found |= {f"{prefix}drop_{name}": row[f"{prefix}value"], f"{prefix}rank_{name}": float(rank)}
            if row[f"{prefix}control"] is not None:
                found[f"{prefix}control_{name}"] = row[f"{prefix}control"]
    return found


def scored(claim: Claim) -> list[str]:
    """The scores that a claim's contrasts and table need."""
    if claim.parts:
        return list(claim.parts)
    named = {term.split(":")[1] for contrast in claim.contrasts for term in (*contrast.plus, *contrast.minus)}
    return sorted({"knn", "linear"} & (named | set(claim.metrics)))


def arm_recipe(claim: Claim, arm: str, seed: int, *, fast: bool) -> Recipe:
    """The recipe of one arm: the claim's, with the arm's differences and, when fast, its cuts."""
    changes = {**(claim.fast if fast else {}), **claim.arms[arm], "seed": seed}
    system = changes.pop("system", claim.recipe.name)
    changes.pop("init_from", None)
    return dataclasses.replace(override(claim.recipe, changes), name=system, variant=f"claim-{arm}")


def verdict(name: str, claim: Claim, scores: dict[int, dict[str, dict[str, float]]], *, fast: bool) -> dict[str, Any]:
    """Contrasts with their paired intervals over seeds, and the verdict: all must hold."""
    contrasts = []
    for contrast in claim.contrasts:
        values = [contrast.value(of_seed) for of_seed in scores.values()]
        interval = paired_interval(values)
        contrasts.append({"name": contrast.name, "values": values, "mean": float(np.mean(values)),
                          "low": interval[0], "high": interval[1], "margin": contrast.margin,
                          "verdict": judge(values, interval, contrast.margin)})
    found = {row["verdict"] for row in contrasts}
    overall = "holds" if found == {"holds"} else "does not hold" if "does not hold" in found else "inconclusive"
    first = next(iter(scores.values()))
    arms = {arm: {metric: summary([of_seed[arm][metric] for of_seed in scores.values()]) for metric in first[arm]}
            for arm in claim.arms}
    return {"system": name, "statement": claim.statement, "version": claim.version, "claim": digest(claim),
            "verdict": overall, "fast": fast, "seeds": list(scores), "contrasts": contrasts, "arms": arms,
            "stamp": make_stamp(seed=next(iter(scores)), data={"name": claim.recipe.data.source})}


def summary(values: list[float]) -> dict[str, Any]:
    """Mean, spread and values over seeds."""
    return {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "values": values}


def lines(result: dict[str, Any]) -> list[str]:
    """The verdict as text."""
    text = [f"  {row['name']}: {row['mean']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}], margin {row['margin']:+.4f}"
            f" -> {row['verdict']}" for row in result["contrasts"]]
    kind = " (fast: not evidence)" if result["fast"] else ""
    return [*text, f"verdict: {result['verdict']}{kind}, {len(result['seeds'])} seeds, "
                   f"claim version {result['version']}"]


def keep(path: Path, result: dict[str, Any]) -> None:
    """Add a verdict to its file; earlier ones stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    old = read_json(path)["verdicts"] if path.exists() else []
    write_json(path, {"system": result["system"], "verdicts": [*old, result]})


