"""Everybody and everything that a decoding run reads: people, parts of the data, targets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from counterpoint.base.recipe import Recipe
from counterpoint.brain.samples import BrainSamples
from counterpoint.brain.subject import Subject
from counterpoint.brain.subject_checks import check_subjects
from counterpoint.brain.targets import Targets, build_targets
from counterpoint.core.errors import CounterpointError


@dataclass(frozen=True)
class World:
    """People, their parts, and the targets of all pictures.

    Attributes
    ----------
    people : list of Subject
    targets : Targets
    train, validation, test : list of numpy.ndarray
        Stimulus ids of each part, person by person; the validation part may be empty.
    notes : list of str
        What the readers and checks complained about.
    """

    people: list[Subject] = field(repr=False)
    targets: Targets = field(repr=False)
    train: list[np.ndarray] = field(repr=False)
    validation: list[np.ndarray] = field(repr=False)
    test: list[np.ndarray] = field(repr=False)
    notes: list[str] = field(default_factory=list)

    def fewer(self, number: int, pictures: int, seed: int) -> np.ndarray:
        """Some training pictures of one person, sorted: a seeded choice, in which smaller ones are nested."""
        ids = self.train[number]
        return np.sort(np.random.default_rng([seed, number]).permutation(ids)[:pictures])

    def samples(self, recipe: Recipe) -> BrainSamples:
        """Training samples as the recipe wants them."""
        data = recipe.data
        return BrainSamples(self.people, self.targets, self.train, repeats=data.repeats,
                            shuffle_pairs=recipe.seed if data.shuffle_pairs else None)


def load_world(recipe: Recipe) -> World:
    """Open or simulate everybody, check, divide by picture (never by trial), embed what they saw.

    Raises
    ------
    CounterpointError
        Whatever cannot be used, with its place: see :meth:`Subject.check`.
    """
    data = recipe.data
    people = data.load(recipe.seed)
    notes = [f"{person.name}: {complaint}" for person in people for complaint in (*person.check(), *person.data.notes)]
    notes += check_subjects(people)
    train, validation = [], []
    for number, person in enumerate(people):
        kept, held = divide(person.stimuli("train"), limit=data.limit, validation=data.validation,
                            seed=[recipe.seed if data.seed < 0 else data.seed, number])
        train.append(kept)
        validation.append(held)
    test = [person.stimuli("test") for person in people]
    for person, fitted, held_out in zip(people, train, test, strict=True):
        leaked = np.intersect1d(fitted, held_out)
        if len(leaked):
            raise CounterpointError(f"{person.name}: {len(leaked)} pictures are in train and test, the first id "
                                    f"{leaked[0]}.", "Parts are divided by picture, never by trial.")
    targets = build_targets(people, recipe.views, np.concatenate(train))
    return World(people, targets, train, validation, test, notes)


def divide(ids: np.ndarray, *, limit: int | None, validation: float, seed: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """A seeded choice of training pictures, and those held back from them; both sorted.

    >>> kept, held = divide(np.arange(10), limit=8, validation=0.25, seed=[0, 0])
    >>> len(kept), len(held), bool(np.isin(held, kept).any())
    (6, 2, False)
    """
    order = np.random.default_rng(seed).permutation(ids)[:limit]
    count = round(validation * len(order))
    return np.sort(order[count:]), np.sort(order[:count])


def fingerprint(world: World) -> str:
    """A hash of trial tables, parts and a sample of responses."""
    digest = hashlib.sha256()
    for person, train, test in zip(world.people, world.train, world.test, strict=True):
        for part in (person.data.stimulus_id, person.data.session, train, test):
            digest.update(np.ascontiguousarray(part).tobytes())
        rows = np.unique(np.linspace(0, len(person.data) - 1, min(64, len(person.data))).astype(np.int64))
        digest.update(np.ascontiguousarray(person.data.responses[rows]).tobytes())
    digest.update(np.ascontiguousarray(world.targets.picture[:64]).tobytes())
    return f"sha256-of-64-trials-each:{digest.hexdigest()}"
