"""Evaluation of a decoding run: decoder, backbone and prior beside ridge, the untrained network and chance."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoint.base.decoder import Decoder
from counterpoint.brain.ridge import RidgeDecoder
from counterpoint.core.errors import unknown
from counterpoint.core.files import write_atomic, write_json
from counterpoint.train.console import Output
from counterpoint.train.decoding import pictures, scores, tables
from counterpoint.train.decoding.contribution import map_arrays
from counterpoint.train.decoding.imagery import imagery_rows, imagined
from counterpoint.train.decoding.predictions import Predictions, fit_ridge, predict, target_of
from counterpoint.train.decoding.reconstructions import confusion_arrays, lengthened, reconstruct
from counterpoint.train.decoding.world import World
from counterpoint.train.run import Run

CANDIDATES = 300
METRICS = ("retrieval", "semantics", "repeats", "networks", "regions", "learning", "pictures", "map")
RETRAINED = "learning_decoder"
"""On request: the decoder trained anew at every point of the learning curve, where ridge alone is not enough."""


@dataclass
class Person:
    """One person's part of an evaluation, gathered on the way."""

    number: int
    pred: Predictions
    ridge: RidgeDecoder
    ridge_pred: np.ndarray
    untrained: Predictions
    target: np.ndarray
    guessed: np.ndarray | None = None


def evaluate_decoder(learner: Decoder, untrained: Decoder, world: World, run: Run, output: Output, *,
                     metrics: Sequence[str] = METRICS, refit: Callable[[int], Decoder] | None = None,
                     name: str = "evaluation.json") -> dict[str, Any]:
    """Score everybody, write evaluation.json and brain.npz (on other data evaluation-DATA.json, brain-DATA.npz).

    Parameters
    ----------
    untrained : Decoder
        The same network at its first weights.
    metrics : sequence of str
        Of :data:`METRICS`, and :data:`RETRAINED`; ``retrieval`` is always done.
    refit : callable, optional
        ``pictures -> Decoder`` trained on so many, for the learning curve.
    """
    for metric in metrics:
        if metric not in (*METRICS, RETRAINED):
            raise unknown("part of a decoding evaluation", metric, [*METRICS, RETRAINED], "counterpoint evaluate RUN")
    begun, recipe = time.monotonic(), learner.settings
    output.print(f"evaluating {len(world.people)} people beside ridge and the untrained network")
    people = [_person(learner, untrained, world, number, recipe.seed) for number in range(len(world.people))]
    rows: list[dict[str, Any]] = []
    for person in people:
        rows += _embedding_rows(world, person, recipe.seed)
        if "semantics" in metrics:
            rows += _semantic_rows(world, person, recipe)
        if imagined(world, person.number).size:
            rows += imagery_rows(learner, world, person.number, person.ridge)
    found = _tables(learner, world, people, metrics, refit if RETRAINED in metrics else None)
    first = people[0]
    arrays = confusion_arrays(world, first.pred.ids, first.guessed)
    picture_rows: list[dict[str, Any]] = []
    note = ""
    if "pictures" in metrics:
        shown, picture_rows, note = reconstruct(world, first.number, first.pred, first.ridge_pred, recipe)
        arrays |= shown
    if "map" in metrics:
        arrays |= map_arrays(learner, world)
    result = {
        "run": {"name": recipe.name, "variant": recipe.variant, "seed": recipe.seed},
        "data": {"name": ", ".join(person.name for person in world.people),
                 "train": int(sum(map(len, world.train))), "test": int(sum(map(len, world.test))),
                 "classes": list(world.targets.class_names),
                 "synthetic": any(bool(person.data.truth) for person in world.people)},
        "scores": scores.pooled(rows) + picture_rows, "tables": found, "geometry": {},
        "spectrum": {"target": _spectrum(world)},
        "warnings": [*world.notes, *([note] if note else []), *output.warnings],
        "seconds": round(time.monotonic() - begun, 1)}
    write_json(run.path / name, result)
    if arrays:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        write_atomic(run.path / name.replace("evaluation", "brain").replace(".json", ".npz"), buffer.getvalue())
    return result


def _person(learner: Decoder, untrained: Decoder, world: World, number: int, seed: int) -> Person:
    subject, ids = world.people[number], world.test[number]
    ridge = fit_ridge(world, number)
    return Person(number, predict(learner, subject, ids, seed=seed), ridge, ridge.predict(subject.mean(ids)),
                  predict(untrained, subject, ids, sample=False, seed=seed), target_of(world, ids))


def _embedding_rows(world: World, person: Person, seed: int) -> list[dict[str, Any]]:
    """Retrieval of every model, permutation p, captions."""
    target, rows = person.target, []
    models = {"decoder": person.pred["retrieval"], "ridge": person.ridge_pred,
              "untrained": person.untrained["retrieval"]}
    models |= {part: person.pred[part] for part in ("backbone", "prior") if part in person.pred}
    for model, pred in models.items():
        rows += scores.score_embeddings(pred, target, model=model, seed=seed, candidates=CANDIDATES,
                                        chance=model == "decoder")
    for model in ("decoder", "ridge"):
        rows.append(scores.matched_row(models[model], target, metric="permutation_p", model=model, seed=seed))
    if "text" in person.pred and world.targets.text is not None:
        text = target_of(world, person.pred.ids, text=True)
        found = scores.score_embeddings(person.pred["text"], text, model="decoder", seed=seed, candidates=CANDIDATES,
                                        chance=True)
        ridge = fit_ridge(world, person.number, text=True)
        mean = world.people[person.number].mean(person.pred.ids)
        found += scores.score_embeddings(ridge.predict(mean), text, model="ridge", seed=seed, candidates=CANDIDATES)
        rows += [{**row, "metric": row["metric"].replace("image", "caption")} for row in found
                 if "image" in row["metric"]]
    return rows


def _semantic_rows(world: World, person: Person, recipe: Any) -> list[dict[str, Any]]:
    targets, rows = world.targets, []
    models = {"decoder": person.pred["retrieval"], "ridge": person.ridge_pred}
    categories = tables.categories_of(world, person.number)
    if categories is not None:
        person.guessed = categories.guess(models["decoder"])
        for model, pred in models.items():
            rows += categories.rows(pred, model=model, seed=recipe.seed)
    if pictures.Painter.possible(recipe):
        embedder: Any = pictures.PictureTarget(recipe.views.picture, recipe.views.picture_weights).build()
        true = targets.raw(person.target)[:, 0]
        for model, pred in {**models, **({"prior": person.pred["prior"]} if "prior" in person.pred else {})}.items():
            rows += scores.score_semantics(targets.raw(lengthened(pred, person.target))[:, 0], true,
                                           embedder.network.classifier, model=model, seed=recipe.seed)
    return rows


def _tables(learner: Decoder, world: World, people: list[Person], metrics: Sequence[str],
            refit: Callable[[int], Decoder] | None) -> dict[str, Any]:
    """Tables of the first person, and one row for everybody."""
    seed, found = learner.settings.seed, dict[str, Any]()
    found["subjects"] = []
    for person in people:
        measure = tables.Measure(learner, world, person.number, candidates=CANDIDATES, seed=seed)
        ceiling = tables.ceiling_of(world, person.number)
        found["subjects"].append({
            "name": measure.person.name, "voxels": measure.person.voxels, "train": len(world.train[person.number]),
            "test": len(measure.ids), "top1": measure.decoder(), "ridge": measure.ridge(person.ridge),
            "median_ceiling": None if ceiling is None else float(np.median(ceiling))})
    first = tables.Measure(learner, world, 0, candidates=CANDIDATES, seed=seed)
    if "repeats" in metrics:
        found["repeats"] = tables.repeats_table(first, people[0].ridge)
    if "networks" in metrics:
        found["networks"] = tables.networks_table(first)
    if "regions" in metrics and first.person.rois:
        found["rois"] = tables.regions_table(first, tables.ceiling_of(world, 0))
    if "learning" in metrics or RETRAINED in metrics:
        found["learning"] = tables.learning_table(first, refit)
    return {key: value for key, value in found.items() if value}


def _spectrum(world: World) -> list[float]:
    """Eigenvalues of the training targets' covariance as shares, largest first: how uneven the target is."""
    train = world.targets.picture[world.targets.rows(np.concatenate(world.train))]
    flat = train.reshape(len(train), -1)[:4000]
    values = np.linalg.svd(flat - flat.mean(0), compute_uv=False) ** 2
    return [float(value) for value in (values / values.sum())[:256]]
