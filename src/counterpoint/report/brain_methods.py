"""Sentences of the methods section that only a brain run has: responses, preparation, targets, candidates."""

from __future__ import annotations

import math
from typing import Any

from counterpoint.report.metrics import metric_name
from counterpoint.report.run import Run, number

_WITHIN = {"session": "scan session", "run": "run", "subject": "person"}
_REPEATS = {
    "one": "every epoch showed each picture once, by another of its showings each time",
    "all": "every showing of a picture was a training sample",
    "mean": "showings of a picture were averaged before training",
}
_ENCODERS = {
    "mlp": "one linear layer per person and a shared residual network",
    "mixer": "one linear layer per person and shared mixer blocks",
    "adapter": "an adapter per person and a shared token decoder",
    "causal": "a causal sequence encoder of parcel time series",
    "linear": "one linear map per person",
}


def brain_sentences(run: Run) -> list[str]:
    """Responses and split, their preparation, targets, network: each empty where nothing was recorded."""
    return [_responses(run), _preparation(run), _targets(run), _network(run)]


def _responses(run: Run) -> str:
    people = [row for row in run.table("subjects") if row.get("name")]
    data = run.section("data")
    train, test = number(data.get("train")), number(data.get("test"))
    if not run.data_name:
        return ""
    counts = ""
    if math.isfinite(train) and math.isfinite(test):
        counts = f": {train:,.0f} training and {test:,.0f} test pictures"
    voxels = [number(row.get("voxels")) for row in people]
    voxels = [value for value in voxels if math.isfinite(value)]
    size = ""
    if voxels:
        low, high = min(voxels), max(voxels)
        size = f", {low:,.0f}{f' to {high:,.0f}' if high > low else ''} voxels"
    who = f" of {len(people)} people" if len(people) > 1 else ""
    split = "; the two share no picture, whatever the number of showings" if counts else ""
    null = " As a null control responses were matched with other pictures." if _get(run, "shuffle_pairs") else ""
    return f"Responses{who} came from {run.data_name}{counts}{size}{split}.{null}"


def _preparation(run: Run) -> str:
    scale = _get(run, "zscore")
    steps = []
    if scale in _WITHIN:
        fit = "training trials only" if _get(run, "fit_on") == "train" else "all trials"
        steps.append(f"standardised per voxel within each {_WITHIN[scale]} (mean and deviation of {fit})")
    elif scale == "none":
        steps.append("used as stored, without standardisation")
    if number(_get(run, "clip")) > 0:
        steps.append(f"clipped at ±{number(_get(run, 'clip')):g} deviations")
    if rois := _names(run, "rois"):
        steps.append(f"restricted to {rois}")
    if number(_get(run, "min_ceiling")) > 0:
        steps.append(f"restricted to voxels with a noise ceiling of at least {number(_get(run, 'min_ceiling')):g} %")
    if dropped := _names(run, "drop_networks"):
        steps.append(f"set to their mean in {dropped}")
    repeats = _REPEATS.get(str(_get(run, "repeats")), "")
    text = f"They were {', '.join(steps)}" if steps else ""
    return f"{text}; {repeats}." if text and repeats else f"{text}." if text else ""


def _targets(run: Run) -> str:
    get = run.settings.get
    parts = []
    if get("views.picture"):
        layer = "all tokens" if get("views.layer") == "map" else "one vector per picture"
        parts.append(f"picture embeddings of {get('views.picture')} ({layer}, frozen)")
    if get("views.text"):
        parts.append(f"caption embeddings of {get('views.text')} (frozen)")
    if not parts:
        return ""
    how = []
    if get("views.centre"):
        how.append("centred on the training pictures")
    if number(get("views.components")) > 0:
        how.append(f"rotated to {get('views.components')} principal directions")
    if get("views.whiten"):
        how.append("whitened")
    return f"They were matched with {', '.join([' and '.join(parts), *how])}."


def _network(run: Run) -> str:
    get = run.settings.get
    kind = _ENCODERS.get(str(get("encoder.name")), "")
    if not kind:
        return ""
    size = f" ({get('encoder.blocks')} blocks of width {get('encoder.hidden')})" if get("encoder.hidden") else ""
    return f"The decoder was {kind}{size if get('encoder.name') != 'linear' else ''}."


def brain_evaluation(run: Run) -> str:
    """How the decoder was scored: candidates, draws, averaged showings, permutations, ceiling."""
    rows = {row.metric: row for row in run.own_scores}
    if not rows:
        return ""
    parts = []
    for row in rows.values():
        parts.append(f"{metric_name(row.metric)}{f' ({row.protocol})' if row.protocol else ''}")
    text = f"Scores on held-out pictures: {'; '.join(parts)}."
    shown = [number(row.get("repeats")) for row in run.table("repeats")]
    repeats = max([row.repeats for row in rows.values()] + [int(k) for k in shown if math.isfinite(k)])
    if repeats > 1:
        text += f" Up to {repeats} showings of a test picture were averaged."
    if any(math.isfinite(row.p) for row in rows.values()) or "permutation_p" in rows:
        text += " p-values are (1 + k) / (1 + N) over random re-pairings of responses and pictures within a person."
    baselines = [name for name in _BASELINES if any(row.model == name for row in run.scores)]
    if baselines:
        text += f" Beside them: {', '.join(_BASELINES[name] for name in baselines)}."
    return text


_BASELINES = {
    "ridge": "ridge regression from the same voxels to the same embeddings, penalty by cross-validation",
    "logistic": "multinomial logistic regression on the same voxels",
    "untrained": "the network before training",
    "shuffled": "a control with shuffled pairs",
}


def _get(run: Run, key: str) -> Any:
    """A preparation setting of the recipe."""
    return run.settings.get(f"data.{key}")


def _names(run: Run, key: str) -> str:
    found = _get(run, key)
    return ", ".join(map(str, found)) if isinstance(found, list | tuple) else ""
