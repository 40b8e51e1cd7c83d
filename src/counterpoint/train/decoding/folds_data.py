"""One person's trials divided by run or session: which are left out, which train, and what they are matched with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from counterpoint.base.recipe import Recipe
from counterpoint.brain.subject import Subject
from counterpoint.brain.targets import build_targets
from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.brain import BrainDataset, Stimuli
from counterpoint.train.decoding.world import World, divide

Group = Literal["run", "session"]
APART = "apart"  # split of trials that neither train nor are scored


@dataclass(frozen=True)
class Grouped:
    """A person whose trials carry a label and lie in groups, of which any may be left out.

    Attributes
    ----------
    person : Subject
        Split and stimulus ids as made here.
    group : numpy.ndarray
        ``(trials,)`` int64 run (numbered over sessions) or session.
    names : dict of int to str
        What a group is called.
    label : numpy.ndarray
        ``(trials,)`` int64 category, -1 unknown.
    usable : numpy.ndarray
        ``(trials,)`` bool: of the train or test split, with a category.
    notes : list of str
    """

    person: Subject
    group: np.ndarray = field(repr=False)
    names: dict[int, str]
    label: np.ndarray = field(repr=False)
    usable: np.ndarray = field(repr=False)
    notes: list[str] = field(default_factory=list)

    @property
    def groups(self) -> list[int]:
        """Groups with usable trials."""
        return [int(number) for number in np.unique(self.group[self.usable])]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the categories, by label."""
        stimuli = self.person.data.stimuli
        return tuple(stimuli.class_names) if stimuli else ()

    def rows(self, group: int) -> np.ndarray:
        """Usable trials of a group."""
        return np.flatnonzero(self.usable & (self.group == group))

    def world(self, recipe: Recipe, without: frozenset[int]) -> World:
        """People, parts and targets with these groups left out; targets are centred on what trains alone.

        Trials of other groups that show a picture of the left-out ones take no part.
        """
        data, left = self.person.data, np.isin(self.group, list(without))
        shown = np.isin(data.stimulus_id, data.stimulus_id[left & self.usable])
        split = np.where(left & self.usable, "test", np.where(self.usable & ~left & ~shown, "train", APART))
        if not (split == "train").any():
            raise CounterpointError(f"{self.person.name}: without {' and '.join(self.names[g] for g in without)} no "
                                    "picture is left that those do not show.", "Parts are divided by picture.")
        person = Subject(data.select(split=split), self.person.preparation)
        ids, _ = divide(person.stimuli("train"), limit=recipe.data.limit, validation=0.0, seed=[recipe.seed, 0])
        targets = build_targets([person], recipe.views, ids)
        return World([person], targets, [ids], [ids[:0]], [person.stimuli("test")], self.notes)


def open_grouped(recipe: Recipe, group: Group) -> Grouped:
    """The recipe's person, divided.

    Raises
    ------
    CounterpointError
        Several people, no categories, fewer than three groups.
    """
    if group not in ("run", "session"):
        raise unknown("group of trials", group, ["run", "session"], "--group run")
    people = recipe.data.load(recipe.seed)
    if len(people) > 1:
        raise CounterpointError(f"{len(people)} people were named.", "Runs are left out of one person at a time.",
                                f"--data.subjects {recipe.data.subjects[0]}")
    person = people[0]
    number, names = _groups(person.data, group)
    person = Subject(_seen_anew(person.data, number), person.preparation)
    stimuli = person.data.stimuli
    if stimuli is None or stimuli.labels is None or len(np.unique(stimuli.labels[stimuli.labels >= 0])) < 2:
        raise CounterpointError(f"{person.name} came without categories.", "Two or more were expected.",
                                "counterpoint decode fit DATA")
    label = stimuli.labels[stimuli.rows(person.data.stimulus_id)].astype(np.int64)
    usable = np.isin(person.data.split, ("train", "test")) & (label >= 0)
    found = Grouped(person, number, names, label, usable, [*person.data.notes, *_left_out(person, usable)])
    if len(found.groups) < 3:
        raise CounterpointError(f"{person.name} has {len(found.groups)} {group}s with categories.",
                                "Three or more were expected.", f"--group {'session' if group == 'run' else 'run'}")
    return found


def _groups(data: BrainDataset, group: Group) -> tuple[np.ndarray, dict[int, str]]:
    """Group of every trial, and names: run numbers of different sessions are different runs."""
    if group == "session" or len(np.unique(data.session)) == 1 or (data.session == data.run).all():
        value = data.session if group == "session" else data.run
        return value, {int(number): f"{group} {number}" for number in np.unique(value)}
    pairs, number = np.unique(np.stack([data.session, data.run], 1), axis=0, return_inverse=True)
    names = {place: f"session {session}, run {run}" for place, (session, run) in enumerate(pairs.tolist())}
    return number.reshape(-1).astype(np.int64), names


def _seen_anew(data: BrainDataset, group: np.ndarray) -> BrainDataset:
    """Where only categories are known, not pictures, a stimulus is another one in every group."""
    stimuli = data.stimuli
    if stimuli is None or stimuli.images is not None:
        return data
    rows = stimuli.rows(data.stimulus_id)
    pairs = np.unique(np.stack([rows, group], 1), axis=0)
    if len(np.unique(pairs[:, 0])) == len(pairs):
        return data
    ids = len(stimuli) * np.searchsorted(np.unique(group), group) + rows
    unique, first = np.unique(ids, return_index=True)
    row = rows[first]
    fresh = Stimuli(unique, class_names=stimuli.class_names,
                    captions=None if stimuli.captions is None else [stimuli.captions[r] for r in row],
                    labels=None if stimuli.labels is None else stimuli.labels[row],
                    names=[stimuli.names[r] for r in row] if stimuli.names else [])
    return dataclasses.replace(data, stimulus_id=ids, stimuli=fresh, repeat=None)  # type: ignore[arg-type]


def _left_out(person: Subject, usable: np.ndarray) -> list[str]:
    count = int((~usable).sum())
    return [f"{count} of {len(usable)} trials have no category or belong to neither part; left out"] if count else []
