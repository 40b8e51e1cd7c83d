"""Leave one run out: a decoder for every run that did not see it, scored beside logistic and ridge regression."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import os
import socket
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from counterpoint.base.recipe import Recipe, lookup, override
from counterpoint.core.discovery import system
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import write_atomic, write_json
from counterpoint.evaluate.classes import confusion
from counterpoint.train.build import check_method
from counterpoint.train.console import Output, duration
from counterpoint.train.decoding.folds_data import Group, Grouped, open_grouped
from counterpoint.train.decoding.folds_models import Fold, Inner, left_out
from counterpoint.train.decoding.folds_scores import (
    BLOCK,
    PERMUTATIONS,
    TRIAL,
    Guesses,
    differences,
    fold_table,
    score_guesses,
)
from counterpoint.train.decoding.world import World, fingerprint
from counterpoint.train.model import recipe_values
from counterpoint.train.run import Run, new_run, now
from counterpoint.train.stamp import make_stamp, peak_memory_mb


def leave_one_out(recipe: str | Recipe, *, group: Group = "run", choices: Sequence[Mapping[str, Any]] = (),
                  permutations: int = PERMUTATIONS, out: str | Path | None = None, overwrite: bool = False,
                  quiet: bool = False, changes: Mapping[str, Any] | None = None) -> Run:
    """Train one decoder per left-out run (or session) of a person and name the category of what it did not see.

    Every trial is a sample with ``data.repeats`` "all". A left-out trial is given the category whose mean training
    embedding has the highest cosine with the decoded one; a block, all left-out trials of one category in one run, that
    of its mean decoded embedding. Beside the decoder stand, on the same trials, the same folds and the same prepared
    numbers: multinomial logistic regression (C 0.01), ridge to the same embeddings, the network before training, and
    chance. With ``data.zscore`` "run" and ``data.fit_on`` "all" each run is standardised by itself; no label is
    involved in that.

    Parameters
    ----------
    recipe : str or Recipe
        ``"mindeye.haxby"`` or any recipe whose data are one person's responses to stimuli with categories.
    group : "run" or "session"
        What is left out, one after the other.
    choices : sequence of mapping
        Settings (dotted) among which every fold chooses for itself, by leaving out one of its own training groups
        after the other; the left-out group is not looked at. Costs about half the square of the number of groups in
        trainings per choice. Empty: the recipe as it is.
    permutations : int
        Of categories over the blocks of a group, for p-values.
    out, overwrite, quiet, changes
        As in :func:`counterpoint.fit`.

    Returns
    -------
    Run
        With ``evaluation.json`` (``category_accuracy`` by trial, ``block_accuracy``; tables ``folds``, ``differences``,
        ``choices``) and ``brain.npz`` (confusion by trial, scores of every left-out trial, the map). Models are not
        kept.

    Raises
    ------
    CounterpointError
        Several people, no categories, fewer than three groups, settings that do not exist.
    """
    settled = override(lookup(recipe) if isinstance(recipe, str) else recipe, changes or {})
    recipes = [override(settled, choice) for choice in choices] or [settled]
    if system(settled.name).modality != "brain":
        raise CounterpointError(f"{settled.name} is no brain decoder.", "", "counterpoint list --modality brain")
    for each in recipes:
        check_method(each.name, each.method)
    grouped, output = open_grouped(settled, group), Output(quiet=quiet)
    first = grouped.world(settled, frozenset(grouped.groups[:1]))
    first.samples(settled).plan(settled.data.batch_size, 1)  # refuses a batch that cannot be filled
    grouped = dataclasses.replace(grouped, notes=[*grouped.notes, *first.people[0].check()])
    run = new_run(settled.name, f"{settled.variant or 'recipe'}-folds", out=None if out is None else Path(out),
                  overwrite=overwrite)
    output.log = run.path / "train.log"
    with _accounted(run, output), output.capture_warnings():
        _describe(run, settled, grouped, first, output, group)
        begun = time.monotonic()
        folds, chosen = _folds(grouped, recipes, choices, output)
        trained = time.monotonic() - begun
        result = _write(run, settled, grouped, folds, chosen, output, group=group, permutations=permutations)
        run.update(status="done", ended=now(), seconds_training=round(trained, 1),
                   seconds=round(time.monotonic() - begun, 1), peak_memory_mb=round(peak_memory_mb()),
                   warnings=output.warnings)
        for line in summary(result):
            output.print(line)
        output.print(f"trained {len(folds)} decoders in {duration(trained)} -> {run.path}")
    return run


def summary(evaluation: Mapping[str, Any]) -> list[str]:
    """One line per model of an evaluation by :func:`leave_one_out`."""
    rows = {(row["metric"], row["model"]): row for row in evaluation["scores"]}
    lines = []
    for model in dict.fromkeys(model for _, model in rows):
        trial, block = rows[TRIAL, model], rows[BLOCK, model]
        span = "" if model == "chance" else f" ({trial['low']:.3f} to {trial['high']:.3f})"
        wide = "" if model == "chance" else f" ({block['low']:.3f} to {block['high']:.3f}), p {trial['p']:.4f}"
        lines.append(f"{model:10} {trial['value']:.3f}{span} of {trial['n']} trials, "
                     f"{block['value']:.3f} of {block['n']} blocks{wide}")
    return lines


def _folds(grouped: Grouped, recipes: list[Recipe], choices: Sequence[Mapping[str, Any]],
           output: Output) -> tuple[list[Fold], list[dict[str, Any]]]:
    """Every group left out in turn, with settings chosen without it."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    inner, folds, chosen = Inner(grouped, recipes), [], []
    for number in grouped.groups:
        place = 0
        if len(recipes) > 1:
            scores = inner.scores(number)
            place = int(np.argmax(scores))
            chosen.append({"name": grouped.names[number], "chosen": dict(choices[place]),
                           "inner": [float(score) for score in scores]})
        fold = left_out(grouped, recipes[place], number)
        right = {model: float((fold.trials[model] == fold.label).mean()) for model in fold.trials}
        output.print(f"{grouped.names[number]} left out: " + ", ".join(f"{k} {v:.3f}" for k, v in right.items())
                     + (f"; chosen inside: {dict(choices[place])}" if len(recipes) > 1 else ""))
        folds.append(fold)
    return folds, chosen


def _describe(run: Run, recipe: Recipe, grouped: Grouped, world: World, output: Output, group: str) -> None:
    run.update(status="running", name=recipe.name, variant=recipe.variant, pid=os.getpid(), host=socket.gethostname(),
               started=now(), step=0, epoch=0)
    plain = json.loads(json.dumps(recipe_values(recipe)))
    write_atomic(run.path / "recipe.yaml", yaml.safe_dump(plain, sort_keys=False))
    data = {"name": grouped.person.name, "trials": int(grouped.usable.sum()), "left_out": group,
            "hash": fingerprint(world)}
    write_json(run.path / "stamp.json", make_stamp(seed=recipe.seed, data=data))
    output.print(f"{recipe.name}.{recipe.variant} on {grouped.person.name}: {data['trials']} trials of "
                 f"{len(grouped.groups)} {group}s, {world.people[0].voxels} voxels, one {group} left out at a time, "
                 f"{recipe.epochs} epochs, seed {recipe.seed} -> {run.path}")


def _write(run: Run, recipe: Recipe, grouped: Grouped, folds: list[Fold], chosen: list[dict[str, Any]],
           output: Output, *, group: str, permutations: int) -> dict[str, Any]:
    """evaluation.json and brain.npz."""
    found = _joined(grouped, folds)
    names = grouped.class_names
    tables = {"folds": fold_table(found, grouped.names), "differences": differences(found, seed=recipe.seed),
              "choices": chosen, "subjects": [{"name": grouped.person.name, "voxels": folds[0].voxels}]}
    result = {
        "run": {"name": recipe.name, "variant": recipe.variant, "seed": recipe.seed},
        "data": {"name": grouped.person.name, "classes": list(names), "trials": len(found.label),
                 "blocks": len(found.block_label), "synthetic": recipe.data.source == "simulated"},
        "scores": score_guesses(found, seed=recipe.seed, group=group, permutations=permutations),
        "tables": {key: value for key, value in tables.items() if value}, "geometry": {},
        "protocol": f"leave one {group} out, {len(folds)} decoders",
        "warnings": [*grouped.notes, *output.warnings]}
    write_json(run.path / "evaluation.json", result)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **_arrays(grouped, folds, found, names))
    write_atomic(run.path / "brain.npz", buffer.getvalue())
    return result


def _joined(grouped: Grouped, folds: list[Fold]) -> Guesses:
    rows = np.concatenate([fold.rows for fold in folds])
    models = list(folds[0].trials)
    return Guesses(grouped.label[rows], grouped.group[rows],
                   {model: np.concatenate([fold.trials[model] for fold in folds]) for model in models},
                   {model: np.concatenate([fold.blocks[model] for fold in folds]) for model in models})


def _arrays(grouped: Grouped, folds: list[Fold], found: Guesses, names: Sequence[str]) -> dict[str, Any]:
    person, guessed = folds[0].person, found.trials["decoder"]
    space, kept = person.data.space, person.kept
    weight = np.array([len(fold.rows) for fold in folds], float)
    arrays: dict[str, Any] = {
        "confusion": confusion(found.label, guessed, num_classes=len(names)),
        "class_names": np.array(names, dtype=np.str_), "space": np.array(space.kind),
        "map_name": np.array("contribution to the matched similarity"),
        "map_values": np.average([fold.carried for fold in folds], axis=0, weights=weight).astype(np.float32),
        "trial": np.concatenate([fold.rows for fold in folds]), "trial_label": found.label,
        "trial_group": found.group, "trial_guess": guessed}
    if space.index is not None:
        arrays["map_index"] = space.index[kept].astype(np.int64)
        arrays["map_shape"] = np.array(space.shape, dtype=np.int64)
    if space.affine is not None:
        arrays["map_affine"] = space.affine
    return arrays


@contextmanager
def _accounted(run: Run, output: Output) -> Iterator[None]:
    """However the work ends, run.json says how."""
    try:
        yield
    except BaseException as error:
        output.note(traceback.format_exc())
        stopped = isinstance(error, KeyboardInterrupt)
        run.update(status="interrupted" if stopped else "failed", ended=now(), message=str(error))
        raise
