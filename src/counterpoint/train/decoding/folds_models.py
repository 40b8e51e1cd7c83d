"""One fold: the decoder trained without a group, and the models that stand beside it on the same numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch

from counterpoint.base.decoder import Decoder
from counterpoint.base.recipe import Recipe
from counterpoint.brain.ridge import RidgeDecoder
from counterpoint.brain.subject import Subject
from counterpoint.core.typing import Batch
from counterpoint.train.decoding.folds_data import Grouped
from counterpoint.train.decoding.folds_scores import blocks_of
from counterpoint.train.decoding.predictions import BLOCK
from counterpoint.train.decoding.tables import contribution_map
from counterpoint.train.decoding.world import World
from counterpoint.train.features import evaluating
from counterpoint.train.modalities import Loaded, modality_of

PENALTY = 0.01
"""Inverse penalty C of logistic regression, as in the reference analysis of the Haxby slice."""


@dataclass(frozen=True)
class Fold:
    """What a left-out group was taken for.

    Attributes
    ----------
    rows, label : numpy.ndarray
        ``(trials,)`` its trials, by group and category, and their categories.
    trials, blocks : dict of str to numpy.ndarray
        Model -> guessed category of each trial, and of each block in the order of categories.
    carried : numpy.ndarray
        ``(voxels,)`` share of the decoder's matched cosine that each voxel carries.
    person : Subject
    """

    rows: np.ndarray = field(repr=False)
    label: np.ndarray = field(repr=False)
    trials: dict[str, np.ndarray] = field(repr=False)
    blocks: dict[str, np.ndarray] = field(repr=False)
    carried: np.ndarray = field(repr=False)
    person: Subject

    @property
    def voxels(self) -> int:
        """Voxels that were read."""
        return self.person.voxels


def left_out(grouped: Grouped, recipe: Recipe, number: int) -> Fold:
    """Train without a group, then name its trials and blocks with every model."""
    world = grouped.world(recipe, frozenset([number]))
    person, rows = world.people[0], grouped.rows(number)
    train = person.rows("train")
    train = train[np.isin(person.data.stimulus_id[train], world.train[0])]
    classes, centres = categories(world)
    x, y = person.read(train), world.targets.picture[world.targets.rows(person.data.stimulus_id[train])]
    x_test = person.read(rows)
    learner = trained(world, recipe)
    ridge = RidgeDecoder().fit(x, y)
    scores = {
        "decoder": _flat(decoded(learner, person, rows)) @ centres.T,
        "ridge": _flat(ridge.predict(x_test)) @ centres.T,
        "logistic": logistic(x, grouped.label[train], x_test),
        "untrained": _flat(decoded(_modality(recipe).build(Loaded(recipe, world, world)), person, rows)) @ centres.T,
    }
    label = grouped.label[rows]
    block, _ = blocks_of(np.zeros(len(rows), np.int64), label)
    return Fold(rows, label, {model: classes[values.argmax(1)] for model, values in scores.items()},
                {model: classes[averaged(values, block).argmax(1)] for model, values in scores.items()},
                contribution_map(learner, world, 0), person)


def trained(world: World, recipe: Recipe) -> Decoder:
    """A decoder trained on the world's training part, nothing of it on disk."""
    from lightning.pytorch import Trainer

    modality, loaded = _modality(recipe), Loaded(recipe, world, world)
    learner: Decoder = modality.build(loaded)
    learner.solve(modality.training_data(loaded))
    learner.loader = lambda: modality.loader(loaded, rank=0, world_size=1)
    trainer = Trainer(max_epochs=recipe.epochs, accelerator=recipe.accelerator, devices=1, precision=recipe.precision,
                      accumulate_grad_batches=recipe.accumulate, logger=False, enable_checkpointing=False,
                      enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False)
    trainer.fit(learner)
    return learner


def decoded(learner: Decoder, person: Subject, rows: np.ndarray) -> np.ndarray:
    """``(trials, tokens, dim)`` embeddings of single trials."""
    found = []
    with evaluating(learner):
        for start in range(0, len(rows), BLOCK):
            x = torch.from_numpy(person.read(rows[start:start + BLOCK])).to(learner.device)
            batch = cast(Batch, {"responses": [x], "subject": [person.name]})
            found.append(learner.decode(batch, sample=False).retrieval.float().cpu().numpy())
    return np.concatenate(found)


def categories(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the training part, and ``(categories, entries)`` unit mean embeddings of their stimuli."""
    targets = world.targets
    assert targets.labels is not None
    place = targets.rows(world.train[0])
    labels, flat = targets.labels[place], _flat(targets.picture[place])
    classes = np.unique(labels)
    means = np.stack([flat[labels == label].mean(0) for label in classes])
    return classes, means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12)


def logistic(x: np.ndarray, label: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """``(trials, categories)`` scores of multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=PENALTY, max_iter=2000).fit(x, label).decision_function(x_test)
    return np.stack([-found, found], 1) if found.ndim == 1 else found


def averaged(scores: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Means over the trials of each block; of cosines with fixed unit vectors, the same as averaging embeddings."""
    total = np.zeros((int(block.max()) + 1, scores.shape[1]))
    np.add.at(total, block, scores)
    return total / np.bincount(block)[:, None]


class Inner:
    """Which of several recipes is best when one more training group is left out; no fold's own group takes part.

    A decoder trained without groups i and j serves the choice of both folds: it is scored on j for fold i and on i
    for fold j.
    """

    def __init__(self, grouped: Grouped, recipes: list[Recipe]) -> None:
        self.grouped, self.recipes = grouped, recipes
        self.known: dict[tuple[int, frozenset[int]], dict[int, float]] = {}

    def scores(self, number: int) -> list[float]:
        """Accuracy by trial of every recipe over the other groups, each predicted without itself and ``number``."""
        others = [group for group in self.grouped.groups if group != number]
        return [float(np.mean([self._accuracy(place, frozenset([number, other]))[other] for other in others]))
                for place in range(len(self.recipes))]

    def _accuracy(self, place: int, without: frozenset[int]) -> dict[int, float]:
        if (place, without) not in self.known:
            recipe = self.recipes[place]
            world = self.grouped.world(recipe, without)
            learner, (classes, centres) = trained(world, recipe), categories(world)
            self.known[place, without] = {
                group: float((classes[(_flat(decoded(learner, world.people[0], rows)) @ centres.T).argmax(1)]
                              == self.grouped.label[rows]).mean())
                for group in without for rows in [self.grouped.rows(group)]}
        return self.known[place, without]


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _modality(recipe: Recipe) -> Any:
    return modality_of(recipe.name)
