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
from counterpoint.evaluate.classes import confusion
from counterpoint.evaluate.pictures import pixcorr, ssim
from counterpoint.evaluate.statistics import bootstrap_interval
from counterpoint.train.console import Output
from counterpoint.train.decoding import pictures, scores, tables
from counterpoint.train.decoding.imagery import imagery_rows
from counterpoint.train.decoding.predictions import Predictions, fit_ridge, predict, target_of
from counterpoint.train.decoding.world import World
from counterpoint.train.run import Run

CANDIDATES = 300
METRICS = ("retrieval", "semantics", "repeats", "networks", "regions", "learning", "pictures", "map")


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
    """Score everybody, write evaluation.json and brain.npz.

    Parameters
    ----------
    untrained : Decoder
        The same network at its first weights.
    metrics : sequence of str
        Of :data:`METRICS`; ``retrieval`` is always done.
    refit : callable, optional
        ``pictures -> Decoder`` trained on so many, for the learning curve.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise unknown("part of a decoding evaluation", metric, METRICS, "counterpoint evaluate RUN")
    begun, recipe = time.monotonic(), learner.settings
    output.print(f"evaluating {len(world.people)} people beside ridge and the untrained network")
    people = [_person(learner, untrained, world, number, recipe.seed) for number in range(len(world.people))]
    rows: list[dict[str, Any]] = []
    for person in people:
        rows += _embedding_rows(world, person, recipe.seed)
        if "semantics" in metrics:
            rows += _semantic_rows(world, person, recipe)
        if "imagery" in world.people[person.number].data.split:
            rows += imagery_rows(learner, world, person.number, person.ridge)
    found = _tables(learner, world, people, metrics, refit)
    arrays, picture_rows, note = _pictures(world, people[0], recipe, metrics)
    if "map" in metrics:
        arrays |= _map(learner, world)
    result = {
        "run": {"name": recipe.name, "variant": recipe.variant, "seed": recipe.seed},
        "data": {"name": ", ".join(person.name for person in world.people),
                 "train": int(sum(map(len, world.train))), "test": int(sum(map(len, world.test))),
                 "classes": list(world.targets.class_names), "synthetic": recipe.data.source == "simulated"},
        "scores": scores.pooled(rows) + picture_rows, "tables": found, "geometry": {},
        "spectrum": {"target": _spectrum(world)},
        "warnings": [*world.notes, *([note] if note else []), *output.warnings],
        "seconds": round(time.monotonic() - begun, 1)}
    write_json(run.path / name, result)
    if arrays:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        write_atomic(run.path / "brain.npz", buffer.getvalue())
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
    if targets.labels is not None:
        train = targets.rows(world.train[person.number])
        labels = targets.labels[targets.rows(person.pred.ids)]
        for model, pred in models.items():
            found, guessed = scores.score_categories(pred, labels, targets.picture[train], targets.labels[train],
                                                     model=model, seed=recipe.seed)
            rows += found
            person.guessed = guessed if model == "decoder" else person.guessed
    if pictures.Painter.possible(recipe):
        embedder: Any = pictures.PictureTarget(recipe.views.picture, recipe.views.picture_weights).build()
        true = targets.raw(person.target)[:, 0]
        for model, pred in {**models, **({"prior": person.pred["prior"]} if "prior" in person.pred else {})}.items():
            rows += scores.score_semantics(targets.raw(_lengthened(pred, person.target))[:, 0], true,
                                           embedder.network.classifier, model=model, seed=recipe.seed)
    return rows


def _lengthened(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Predictions at the typical length of targets: a contrastive head fixes directions only."""
    typical = np.sqrt((target**2).sum(-1).mean())
    return pred / np.linalg.norm(pred, axis=-1, keepdims=True).clip(1e-12) * typical


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
    if "learning" in metrics:
        found["learning"] = tables.learning_table(first, refit)
    return {key: value for key, value in found.items() if value}


def _pictures(world: World, person: Person, recipe: Any,
              metrics: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """Arrays and scores of reconstructions, and why there are none."""
    data, ids = world.people[person.number].data, person.pred.ids
    arrays: dict[str, Any] = {}
    if person.guessed is not None and world.targets.labels is not None:
        truth = world.targets.labels[world.targets.rows(ids)]
        known = person.guessed >= 0
        arrays |= {"confusion": confusion(truth[known], person.guessed[known],
                                          num_classes=len(world.targets.class_names)),
                   "class_names": np.array(world.targets.class_names, dtype=np.str_)}
    if "pictures" not in metrics or data.stimuli is None or data.stimuli.images is None:
        return arrays, [], ""
    chosen = pictures.chosen_examples(person.pred["retrieval"], person.target)
    rows = chosen.pop("row")
    seen = pictures.small(data.images(ids))
    arrays |= chosen | {"seen": seen[rows], "retrieved": seen[pictures.nearest_pictures(person.pred["retrieval"],
                                                                                       person.target, rows)]}
    if data.stimuli.captions is not None:
        arrays["example_caption"] = np.array([texts[0] for texts in data.captions(ids[rows])], dtype=np.str_)
    painter, note = pictures.try_painter(recipe, world)
    if painter is None:
        return arrays, [], note
    scored = np.union1d(np.random.default_rng(recipe.seed).permutation(len(ids))[:pictures.MOST], rows)
    painted = _painted(painter, person, scored, recipe.seed)
    places = np.searchsorted(scored, rows)
    arrays |= {"reconstructed": painted["decoder"][places], "ridge_reconstructed": painted["ridge"][places]}
    found = [row for model, images in painted.items() for row in _pixel_rows(seen[scored], images, model, recipe.seed)]
    return arrays, found, ""


def _painted(painter: pictures.Painter, person: Person, rows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Reconstructions from the prior (else from the retrieval embedding) and from ridge; a random other as control."""
    retrieval = person.pred["retrieval"][rows]
    source = person.pred["prior"][rows] if "prior" in person.pred else \
        _lengthened(retrieval, person.target)
    latent = person.pred["latent"][rows] if "latent" in person.pred else None
    decoder = painter.paint(source, retrieval, latent=latent, seed=seed)
    ridge = painter.paint(person.ridge_pred[rows], person.ridge_pred[rows], latent=None, seed=seed)
    return {"decoder": decoder, "ridge": ridge, "shuffled": np.roll(decoder, 1, axis=0)}


def _pixel_rows(seen: np.ndarray, images: np.ndarray, model: str, seed: int) -> list[dict[str, Any]]:
    found = []
    for metric, function in (("pixcorr", pixcorr), ("ssim", ssim)):
        values = function(seen, images).per_sample
        low, high = bootstrap_interval(values, seed=seed)
        found.append({"metric": metric, "model": model, "value": float(np.mean(values)), "low": low, "high": high,
                      "protocol": "reconstructions of 64 pixels, both at 425; bootstrap over pictures", "split": "test",
                      "n": len(values), "seed": seed})
    return found


def _map(learner: Decoder, world: World) -> dict[str, Any]:
    """What each voxel of the first person carries, with its place."""
    person = world.people[0]
    space, kept = person.data.space, person.kept
    arrays: dict[str, Any] = {"map_values": tables.contribution_map(learner, world, 0), "space": np.array(space.kind),
                              "map_name": np.array("contribution to the matched similarity")}
    ceiling = tables.ceiling_of(world, 0)
    if ceiling is not None:
        arrays["ceiling_values"] = ceiling.astype(np.float32)
    if space.index is not None:
        arrays["map_index"] = space.index[kept].astype(np.int64)
        arrays["map_shape"] = np.array(space.shape, dtype=np.int64)
    if space.affine is not None:
        arrays["map_affine"] = space.affine
    if person.data.parcels is not None:
        arrays["parcels"] = labels = person.data.parcels[kept]
        arrays["parcel_names"] = np.array([person.data.parcel_names.get(int(label), "") for label in labels], np.str_)
    return arrays


def _spectrum(world: World) -> list[float]:
    """Eigenvalues of the training targets' covariance as shares, largest first: how uneven the target is."""
    train = world.targets.picture[world.targets.rows(np.concatenate(world.train))]
    flat = train.reshape(len(train), -1)[:4000]
    values = np.linalg.svd(flat - flat.mean(0), compute_uv=False) ** 2
    return [float(value) for value in (values / values.sum())[:256]]
