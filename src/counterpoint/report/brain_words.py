"""Prose about a run that decodes brain responses: result, facts, people, notes, what to do next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from counterpoint.report.metrics import (
    PICTURE_METRICS,
    candidates_of,
    draws_of,
    interval,
    is_any,
    lower_is_better,
    metric_name,
    p_text,
    percent,
    permutations_of,
    show,
)
from counterpoint.report.run import Run, Score, number

_MAIN = (
    "brain_to_image_top1",
    "image_to_brain_top1",
    "n_way_top1",
    "category_accuracy",
    "two_way",
)
_COLUMNS = {
    "name": "Person",
    "voxels": "Voxels",
    "train": "Training pictures",
    "test": "Test pictures",
    "top1": "Brain to image, top 1",
    "ridge": "Ridge, top 1",
    "median_ceiling": "Median noise ceiling",
}


def brain_metric(known: Sequence[str]) -> str:
    """Which of these metrics the headline is about, or empty text."""
    return next((metric for metric in _MAIN if metric in known), "")


def retrieved(run: Run, top: Score) -> str:
    """What was reached and how sure that is, as the rest of a sentence after the system's name."""
    count, trust = candidates_of(top), _trust(run, top)
    among = f" among {count:,}" if count else ""
    if top.metric == "brain_to_image_top1":
        return f"picks the seen picture{among} in {show(top)} of cases{trust}"
    if top.metric == "image_to_brain_top1":
        return f"picks the response to a picture{among} in {show(top)} of cases{trust}"
    if top.metric in ("n_way_top1", "category_accuracy"):
        return f"names what was seen{among} in {show(top)} of cases{trust}"
    return f"reaches {show(top)} ({metric_name(top)}){trust}"


def _trust(run: Run, top: Score) -> str:
    parts = []
    if span := interval(top):
        draws = draws_of(top)
        parts.append(f"{span} over {draws} draws of candidates" if draws > 1 else f"95 % interval {span}")
    p, many = significance(run, top)
    if math.isfinite(p):
        what = "" if math.isfinite(top.p) else " for the similarity to the seen picture"
        parts.append(f"{p_text(p)}{what}" + (f", {many:,} permutations" if many else ""))
    return f" ({'; '.join(parts)})" if parts else ""


def significance(run: Run, score: Score) -> tuple[float, int]:
    """Permutation p-value and number of permutations: of the score, else of its model; NaN where none was computed."""
    if math.isfinite(score.p):
        return score.p, permutations_of(score)
    row = run.score("permutation_p", score.model)
    return (row.value, permutations_of(row)) if row else (math.nan, 0)


def median_ceiling(run: Run) -> float:
    """The median noise ceiling in per cent of variance: over people, else over the map's voxels."""
    people = [number(row.get("median_ceiling")) for row in run.table("subjects")]
    people = sorted(value for value in people if math.isfinite(value))
    if people:
        middle = len(people) // 2
        return people[middle] if len(people) % 2 else (people[middle - 1] + people[middle]) / 2
    voxels = run.brain.get("ceiling_values")
    if voxels is None or voxels.dtype.kind not in "fiu":
        return math.nan
    known = sorted(float(value) for value in voxels.ravel() if math.isfinite(value))
    return known[len(known) // 2] if known else math.nan


def ceiling_sentence(run: Run) -> str:
    """The noise ceiling beside the headline, or empty text."""
    found = median_ceiling(run)
    return f" The median noise ceiling of its voxels is {found:.0f} % of variance." if math.isfinite(found) else ""


def brain_facts(run: Run) -> list[tuple[str, str, str]]:
    """(value, name, remark) of the numbers at the top: three scores and the ceiling."""
    names = [row.metric for row in run.own_scores]
    ordered = [metric for metric in _MAIN if metric in names]
    ordered += [metric for metric in names if metric not in ordered and metric != "permutation_p"]
    facts = []
    for metric in ordered[:3]:
        row = run.score(metric)
        if row:
            lines = [line for name in ("ridge", "logistic", "chance") if (line := run.score(metric, name))]
            facts.append((show(row), metric_name(row), ", ".join(f"{line.model} {show(line)}" for line in lines)))
    found = median_ceiling(run)
    if math.isfinite(found):
        facts.append((f"{found:.0f} %", "median noise ceiling", "of variance, over voxels"))
    return facts


def subject_table(run: Run) -> tuple[list[str], list[list[str]]] | None:
    """Heads and cells of the table of people; columns that nobody fills are left out."""
    rows = run.table("subjects")
    keys = [key for key in _COLUMNS if any(row.get(key) is not None for row in rows)]
    if "name" not in keys:
        return None
    return [_COLUMNS[key] for key in keys], [[_cell(key, row.get(key)) for key in keys] for row in rows]


def _cell(key: str, value: Any) -> str:
    if key == "name":
        return "–" if value is None else str(value)
    found = number(value)
    if not math.isfinite(found):
        return "–"
    if key in ("top1", "ridge"):
        return percent(found)
    return f"{found:.1f} %" if key == "median_ceiling" else f"{found:,.0f}"


def notes(run: Run) -> list[str]:
    """What has to be known before these numbers are set beside published ones."""
    metrics = {row.metric for row in run.scores}
    found = []
    if any("_to_image_" in metric or metric.startswith("image_to_") for metric in metrics):
        found.append(
            "Retrieval is named by query and gallery. In tables that follow MindEye's script the columns “forward” "
            "and “backward” are swapped: its “forward” is image to brain."
        )
    if any(draws_of(row) > 1 for row in run.scores):
        found.append(
            "Intervals over draws of candidates come from overlapping draws: they tell how far the candidates matter, "
            "not how far other test pictures would."
        )
    if any(is_any(metric, PICTURE_METRICS) for metric in metrics):
        found.append(
            "Picture scores of different papers are often not the same metric. SSIM: under the scikit-image version "
            "that Brain-Diffuser pins, columns of a picture were taken for channels; MindEye's and this one are "
            "two-dimensional (a test picture gave 0.854 against 0.881). Two-way columns and distances depend on the "
            "feature network and its input size; the protocol names the one used here, and only the same network may "
            "be compared."
        )
    if any(is_any(metric, ("frechet", "fid")) for metric in metrics):
        found.append(
            "The Fréchet distance grows as samples become fewer and depends on the features: compare the rows of this "
            "table with each other, never with published FID values."
        )
    if any(lower_is_better(metric) for metric in metrics):
        found.append("↓ marks metrics of which less is better.")
    if run.section("data").get("synthetic") is True or run.data_name.startswith("simulated"):
        found.append("The responses are simulated: these numbers say nothing about a real brain.")
    return found


def shortfall(run: Run) -> str:
    """What the ridge baseline says about the main metric, as a sentence for figures; empty without it."""
    metric = brain_metric([row.metric for row in run.own_scores])
    own, ridge = (run.score(metric), run.score(metric, "ridge")) if metric else (None, None)
    if own is None or ridge is None:
        return ""
    gap = 100 * (own.value - ridge.value)
    if own.value > ridge.high or (math.isnan(ridge.high) and gap > 0):
        return f"The decoder is {gap:.1f} points above ridge regression."
    if gap < 0:
        return f"Ridge regression is {-gap:.1f} points better: the network adds nothing that this score can see."
    return f"The decoder is {gap:.1f} points above ridge regression, which is no clear difference."


def person(run: Run) -> str:
    """The first person's name as Python writes it."""
    names = [row.get("name") for row in run.table("subjects")]
    return repr(" ".join(str(names[0] if names and names[0] else "NAME").split()))


def brain_steps(run: Run, where: str, seed: str) -> list[tuple[str, str]]:
    """(purpose, command) pairs that make sense after decoding."""
    if run.table("folds"):
        source = run.settings.get("data.source")
        again = f"counterpoint decode folds {run.name}.{run.variant} --data {source} --seed {seed}"
        beside = f"counterpoint report {where} OTHER_RUN"
        return [("Repeat with another seed", again), ("Set two runs side by side", beside)]
    steps = [
        ("Decode responses with it", f"counterpoint decode predict {where} --out decoded.npz"),
        ("Repeat with another seed", f"counterpoint fit --config {where}/recipe.yaml --seed {seed}"),
        (
            "See what training on wrong pairs gives",
            f"counterpoint fit --config {where}/recipe.yaml --data.shuffle_pairs true",
        ),
        ("Set two runs side by side", f"counterpoint report {where} OTHER_RUN"),
    ]
    return steps if run.scores else [("Evaluate it", f"counterpoint evaluate {where}"), *steps]
