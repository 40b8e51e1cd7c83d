"""Samples of one part of the data: which response of whom with which picture, read batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import torch

from counterpoint.brain.subject import Subject
from counterpoint.brain.targets import Targets
from counterpoint.core.errors import CounterpointError
from counterpoint.core.typing import Batch
from counterpoint.data.order import BatchPlan

Repeats = Literal["one", "all", "mean"]


class BrainSamples:
    """What a loader of brain batches reads from.

    A sample is a picture somebody saw (``repeats`` "one": another of its showings every epoch; "mean": their mean) or
    a single trial ("all"). Samples are numbered person after person.

    Parameters
    ----------
    people : sequence of Subject
    targets : Targets
    stimuli : sequence of numpy.ndarray
        The stimulus ids of this part, for every person.
    repeats : "one", "all" or "mean"
    shuffle_pairs : int or None
        Seed of a null control: responses are matched with other pictures of the same person.
    """

    def __init__(self, people: Sequence[Subject], targets: Targets, stimuli: Sequence[np.ndarray], *,
                 repeats: Repeats = "one", split: str = "train", shuffle_pairs: int | None = None) -> None:
        self.people, self.targets, self.stimuli, self.repeats = list(people), targets, list(stimuli), repeats
        self.name, self.split, self.epoch = ", ".join(person.name for person in people), split, 0
        self.showings = [person.trials_of(ids) for person, ids in zip(self.people, self.stimuli, strict=True)]
        self.pictures = [targets.rows(ids) for ids in self.stimuli]
        if repeats == "all":
            self.pictures = [np.repeat(rows, (trials >= 0).sum(1))
                             for rows, trials in zip(self.pictures, self.showings, strict=True)]
            self.showings = [trials[trials >= 0][:, None] for trials in self.showings]
        if shuffle_pairs is not None:
            generator = np.random.default_rng(shuffle_pairs)
            self.pictures = [generator.permutation(rows) for rows in self.pictures]
        self.counts = [len(rows) for rows in self.pictures]
        self.starts = np.concatenate([[0], np.cumsum(self.counts)])
        empty = next((person.name for person, count in zip(self.people, self.counts, strict=True) if not count), None)
        if empty:
            raise CounterpointError(f"{empty} has no {split} picture.", "One or more were expected.",
                                    "counterpoint decode describe DATA")

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def in_memory(self) -> bool:
        """Whether nothing has to be read from disk."""
        return all(isinstance(person.data.responses, np.ndarray) for person in self.people)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, on which the showing of each picture depends."""
        self.epoch = epoch

    def response(self, person: int, rows: np.ndarray) -> np.ndarray:
        """Float32 responses of one person's samples."""
        showings = self.showings[person][rows]
        if self.repeats == "mean":
            return self.people[person].mean(self.stimuli[person][rows])
        known = (showings >= 0).sum(1)
        return self.people[person].read(showings[np.arange(len(rows)), (self.epoch + rows) % known])

    def batch(self, rows: np.ndarray) -> Batch:
        """The batch of samples ``rows``, put in the order of people."""
        rows = np.sort(np.asarray(rows, dtype=np.int64)) if len(self.people) > 1 else np.asarray(rows, dtype=np.int64)
        owner = np.searchsorted(self.starts, rows, side="right") - 1
        parts, names, pictures = [], [], []
        for number, person in enumerate(self.people):
            mine = rows[owner == number] - self.starts[number]
            if len(mine):
                parts.append(torch.from_numpy(np.ascontiguousarray(self.response(number, mine))))
                names.append(person.name)
                pictures.append(self.pictures[number][mine])
        return self._with_targets({"index": torch.from_numpy(rows), "responses": parts, "subject": names},
                                  np.concatenate(pictures))

    def _with_targets(self, found: dict[str, Any], picture: np.ndarray) -> Batch:
        targets = self.targets
        found |= {"stimulus": torch.from_numpy(picture), "target": torch.from_numpy(targets.picture[picture])}
        if targets.text is not None and targets.captions_of is not None:
            which = (self.epoch + picture) % targets.captions_of[picture]
            found["text"] = torch.from_numpy(targets.text[picture, which])
        for key in ("latent", "maps", "maps_varied", "labels"):
            value = getattr(targets, key)
            if value is not None:
                found["label" if key == "labels" else key] = torch.from_numpy(np.ascontiguousarray(value[picture]))
        return cast(Batch, found)

    def plan(self, batch_size: int, world_size: int) -> BatchPlan:
        """Global batches with ``batch_size * world_size`` samples of every person, process after process.

        The person with most samples sets the length of an epoch; the others are gone through again.
        """
        step = batch_size * world_size
        if min(self.counts) < step:
            fewest, small = min(self.counts), self.people[int(np.argmin(self.counts))].name
            raise CounterpointError(f"{small} has {fewest} training samples, fewer than a batch of {step}.",
                                    "Every person fills a batch.", f"--data.batch_size {max(2, fewest // world_size)}")
        steps = max(self.counts) // step

        def batches(epoch: int, generator: np.random.Generator) -> list[np.ndarray]:
            orders = []
            for start, count in zip(self.starts[:-1], self.counts, strict=True):
                rounds = [generator.permutation(count)[:count // step * step]
                          for _ in range(-(-steps // (count // step)))]
                orders.append(start + np.concatenate(rounds)[:steps * step].reshape(steps, world_size, batch_size))
            return [np.concatenate([order[number] for order in orders], axis=1).ravel() for number in range(steps)]

        return batches
