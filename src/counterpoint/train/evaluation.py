"""Evaluation of a run: the encoder, its head, and the plain baselines beside them, on pictures it never saw."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from counterpoint.base.findings import Examined
from counterpoint.base.learner import Learner
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import write_json
from counterpoint.core.typing import Batch
from counterpoint.data.source import ImageSource
from counterpoint.evaluate.classes import chance_scores
from counterpoint.evaluate.geometry import spectrum
from counterpoint.evaluate.suite import geometry_of, score_features
from counterpoint.train.build import build_encoder, fit_views
from counterpoint.train.callbacks.probe import VIEWED, two_views
from counterpoint.train.console import Output
from counterpoint.train.features import blocks, collect_source, embed_source, encode_source, project
from counterpoint.train.model import as_channels, load
from counterpoint.train.run import Run
from counterpoint.train.showcase import write_examples, write_showcase

SPECTRUM_SAMPLE, PIXELS = 2000, 1024
METRICS = ("knn", "linear", "retrieval_r1")


def evaluate_folder(run: Run, *, data: str | None, metrics: Sequence[str], quiet: bool) -> dict[str, Any]:
    """Evaluate a finished run again; with ``data``, on other pictures (written to evaluation-DATA.json)."""
    model = load(run.path)
    recipe = model.recipe
    if data is not None:
        recipe = dataclasses.replace(recipe, data=dataclasses.replace(
            recipe.data, source=data, options={}, channels=as_channels(model.channels)))
    train, test = recipe.data.load("train"), recipe.data.load("test")
    if train.images.shape[1] != model.channels:
        raise CounterpointError(f"{train.name} has {train.images.shape[1]} channels and the model reads "
                                f"{model.channels}.", "", f"--data.channels {model.channels}")
    model.learner.attach(fit_views(recipe, min(train.images.shape[2:])), model.learner.view_maker)
    output = Output(quiet=quiet)
    return evaluate_learner(model.learner, train, test, run, output, metrics=metrics or METRICS,
                            suffix=f"-{Path(data).name}" if data else "")


def evaluate_learner(learner: Learner, train: ImageSource, test: ImageSource, run: Run, output: Output, *,
                     metrics: Sequence[str] = METRICS, suffix: str = "") -> dict[str, Any]:
    """Scores, geometry and spectrum of encoder, head, untrained encoder and pixels; writes evaluation.json.

    The bank and the probe's training set are the training pictures; every score is on the test pictures. The
    untrained encoder has the same seed, so it is the very network the run started from.
    """
    begun, recipe = time.monotonic(), learner.settings
    output.print(f"evaluating on {len(test)} pictures beside the untrained encoder and raw pixels")
    untrained = build_encoder(recipe, train.images.shape[1]).to(learner.device)
    features = {"encoder": (embed_source(learner, train), embed_source(learner, test)),
                "untrained": (encode_source(learner, untrained, train), encode_source(learner, untrained, test))}
    if learner.projector is not None:
        features["head"] = (project(learner, features["encoder"][0]), project(learner, features["encoder"][1]))
    scores, predictions = scores_of(features, train, test, seed=recipe.seed, metrics=metrics)
    findings = learner.examine(examined(learner, train, test, features))
    scores += [score.row(recipe.seed) for score in findings.scores]
    sample = np.random.default_rng(recipe.seed).permutation(len(test))[:VIEWED]
    geometry = {name: geometry_of(both[1], *views_of(learner, name, untrained, test, sample, recipe.seed),
                                  model=name, seed=recipe.seed)
                for name, both in features.items()}
    shown = write_examples(run.path / f"examples{suffix}.npz", findings.grids)
    result = {
        "run": {"name": recipe.name, "variant": recipe.variant, "seed": recipe.seed},
        "data": {"name": train.name, "train": len(train), "test": len(test), "classes": list(train.class_names)},
        "scores": scores, "tables": dict(findings.tables), "examples": shown, "geometry": geometry,
        "spectrum": {name: [float(v) for v in np.asarray(spectrum(both[1][:SPECTRUM_SAMPLE]))]
                     for name, both in features.items() if name != "head"},
        "warnings": [*train.notes, *test.notes, *output.warnings], "seconds": round(time.monotonic() - begun, 1)}
    write_json(run.path / f"evaluation{suffix}.json", result)
    if not suffix:
        write_showcase(run.path / "embeddings.npz", learner, train, test, features["encoder"], predictions)
    return result


def examined(learner: Learner, train: ImageSource, test: ImageSource,
             features: dict[str, tuple[np.ndarray, np.ndarray]]) -> Examined:
    """The data as a system's own examination sees them."""
    def collect(function: Callable[[Batch], Tensor], part: str = "test",
                indices: np.ndarray | None = None) -> np.ndarray:
        return collect_source(learner, {"train": train, "test": test}[part], indices, function)

    def views(indices: np.ndarray) -> list[Tensor]:
        generator = torch.Generator().manual_seed(learner.settings.seed)
        images = torch.as_tensor(np.ascontiguousarray(test.images[indices])).to(learner.device)
        made: list[Tensor] = learner.view_maker(images, generator)[0]
        return made

    return Examined(train, test, features, collect, views, learner.settings.seed)


def scores_of(features: dict[str, tuple[np.ndarray, np.ndarray]], train: ImageSource, test: ImageSource, *,
              seed: int, metrics: Sequence[str]) -> tuple[list[dict[str, Any]], np.ndarray | None]:
    """Rows of scores for every model, chance last, and the encoder's probe predictions; nothing without classes."""
    rows: list[dict[str, Any]] = []
    predictions = None
    (raw, shrunk), (raw_test, _) = pixels(train), pixels(test)
    for name, (bank, queries) in [*features.items(), ("pixels", (raw, raw_test))]:
        found = score_features(bank, train.labels, queries, test.labels, seed=seed, model=name, metrics=metrics)
        note = shrunk if name == "pixels" else ""
        rows += [{**row, "protocol": row["protocol"] + note} for row in found.rows]
        if name == "encoder":
            predictions = found.predictions
    classes = [metric for metric in metrics if metric != "retrieval_r1"]  # chance names a class, it does not retrieve
    if rows:
        rows += chance_scores(train.labels, test.labels, seed=seed, metrics=classes)  # type: ignore[arg-type]
    return rows, predictions


def pixels(source: ImageSource) -> tuple[np.ndarray, str]:
    """Raw pixels as rows, as stored, and how they were shrunk where a row would be longer than ``PIXELS``."""
    channels, height, width = source.images.shape[1:]
    if channels * height * width <= PIXELS:
        return torch.cat([images.flatten(1) for images in blocks(source)]).numpy(), ""
    side = int((PIXELS / channels) ** 0.5)
    small = [interpolate(images.float(), size=(side, side), mode="bilinear", antialias=True)
             for images in blocks(source)]
    return torch.cat(small).flatten(1).numpy(), f", pictures shrunk to {side}x{side}"


def views_of(learner: Learner, name: str, untrained: Any, test: ImageSource, sample: np.ndarray,
             seed: int) -> tuple[Any, Any]:
    """Embeddings of two views of the same test pictures under one of the models."""
    if name == "head":
        return two_views(learner, test, sample, seed=seed)
    network = learner.encoder if name == "encoder" else untrained
    return two_views(learner, test, sample, seed=seed, network=network)


