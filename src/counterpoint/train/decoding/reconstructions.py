"""Reconstructions of one person's test pictures: painted, scored beside ridge, and the examples of the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.base.recipe import Recipe
from counterpoint.evaluate.classes import confusion
from counterpoint.evaluate.pictures import network_metrics
from counterpoint.train.decoding import pictures
from counterpoint.train.decoding.predictions import Predictions, target_of
from counterpoint.train.decoding.world import World


def confusion_arrays(world: World, ids: np.ndarray, guessed: np.ndarray | None) -> dict[str, Any]:
    """Seen against decoded category, where there are categories."""
    if guessed is None or world.targets.labels is None:
        return {}
    truth, known = world.targets.labels[world.targets.rows(ids)], guessed >= 0
    names = world.targets.class_names
    return {"confusion": confusion(truth[known], guessed[known], num_classes=len(names)),
            "class_names": np.array(names, dtype=np.str_)}


def reconstruct(world: World, number: int, pred: Predictions, ridge: np.ndarray,
                recipe: Recipe) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """Arrays of examples, scores of reconstructions, and why there are none or fewer than MindEye's eight.

    Examples are the best, median and worst by rank. At most sixty pictures, a seeded choice with the examples
    among them, are painted and scored: from the decoder, from ridge, and the decoder's for another picture (shuffled).
    """
    data, ids, target = world.people[number].data, pred.ids, target_of(world, pred.ids)
    if data.stimuli is None or data.stimuli.images is None:
        return {}, [], "no reconstructions: the data came without pictures"
    chosen = pictures.chosen_examples(pred["retrieval"], target)
    rows, seen = chosen.pop("row"), pictures.small(data.images(ids))
    nearest = pictures.nearest_pictures(pred["retrieval"], target, rows)
    arrays: dict[str, Any] = {**chosen, "seen": seen[rows], "retrieved": seen[nearest]}
    if data.stimuli.captions is not None:
        arrays["example_caption"] = np.array([texts[0] for texts in data.captions(ids[rows])], dtype=np.str_)
    painter, note = pictures.try_painter(recipe, world)
    if painter is None:
        return arrays, [], note
    scored = np.union1d(np.random.default_rng(recipe.seed).permutation(len(ids))[:pictures.MOST], rows)
    painted = painted_by_model(painter, pred, ridge, target, scored, seed=recipe.seed)
    places = np.searchsorted(scored, rows)
    arrays |= {"reconstructed": painted["decoder"][places], "ridge_reconstructed": painted["ridge"][places]}
    found, skipped = [], dict[str, str]()
    for model, images in painted.items():
        score = network_metrics(seen[scored], images, seed=recipe.seed)
        found += [{**row, "model": model} for row in score.rows]
        skipped = score.skipped
    return arrays, found, f"picture metrics left out: {'; '.join(skipped.values())}" if skipped else ""


def painted_by_model(painter: pictures.Painter, pred: Predictions, ridge: np.ndarray, target: np.ndarray,
                     rows: np.ndarray, *, seed: int) -> dict[str, np.ndarray]:
    """Pictures from the prior (else from the retrieval embedding), from ridge, and from another row as a control."""
    retrieval, latent = pred["retrieval"][rows], pred.get("latent")
    source = pred["prior"][rows] if "prior" in pred else lengthened(retrieval, target)
    decoder = painter.paint(source, retrieval, latent=None if latent is None else latent[rows], seed=seed)
    return {"decoder": decoder, "ridge": painter.paint(ridge[rows], ridge[rows], latent=None, seed=seed),
            "shuffled": np.roll(decoder, 1, axis=0)}


def lengthened(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Predictions at the typical length of targets: a contrastive head fixes directions only."""
    typical = np.sqrt((target**2).sum(-1).mean())
    found: np.ndarray = pred / np.linalg.norm(pred, axis=-1, keepdims=True).clip(1e-12) * typical
    return found
