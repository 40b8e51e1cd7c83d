"""What a decoder says about the pictures of one part, person by person, as arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch

from counterpoint.base.decoder import Decoded, Decoder
from counterpoint.brain.ridge import RidgeDecoder
from counterpoint.brain.subject import Subject
from counterpoint.core.typing import Batch
from counterpoint.train.decoding.world import World
from counterpoint.train.features import evaluating

BLOCK = 256
PARTS = ("retrieval", "backbone", "prior", "latent", "text")


@dataclass
class Predictions:
    """Predictions of one person's part, row by row with ``ids``; what a decoder does not have is absent."""

    ids: np.ndarray
    parts: dict[str, np.ndarray] = field(repr=False)

    def __getitem__(self, part: str) -> np.ndarray:
        return self.parts[part]

    def get(self, part: str) -> np.ndarray | None:
        """A part, or None where the decoder does not have it."""
        return self.parts.get(part)

    def __contains__(self, part: object) -> bool:
        return part in self.parts


def predict(learner: Decoder, person: Subject, ids: np.ndarray, *, repeats: int | None = None, sample: bool = True,
            seed: int = 0, alter: Callable[[np.ndarray], np.ndarray] | None = None,
            average: str = "responses") -> Predictions:
    """Decode the pictures ``ids`` of one person from their showings.

    Parameters
    ----------
    repeats : int, optional
        Use the first so many showings.
    sample : bool
        Draw from the prior (seeded), where there is one.
    alter : callable, optional
        Changes the ``(n, voxels)`` responses first, for instance masks a network.
    average : "responses" or "embeddings"
        Average showings before decoding (MindEye) or afterwards (MindEye2).
    """
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, list[np.ndarray]] = {}
    with evaluating(learner):
        for start in range(0, len(ids), BLOCK):
            block = ids[start:start + BLOCK]
            if average == "embeddings":
                decoded = _averaged(learner, person, block, repeats, generator, sample, alter)
            else:
                decoded = _decoded(learner, person, person.mean(block, repeats=repeats), generator, sample, alter)
            for key in PARTS:
                value = getattr(decoded, key)
                if value is not None:
                    found.setdefault(key, []).append(value.float().cpu().numpy())
    return Predictions(ids, {key: np.concatenate(values) for key, values in found.items()})


def _decoded(learner: Decoder, person: Subject, x: np.ndarray, generator: torch.Generator, sample: bool,
             alter: Callable[[np.ndarray], np.ndarray] | None) -> Decoded:
    tensor = torch.from_numpy(np.ascontiguousarray(x if alter is None else alter(x))).to(learner.device)
    batch = cast(Batch, {"responses": [tensor], "subject": [person.name]})
    return learner.decode(batch, generator=generator, sample=sample)


def _averaged(learner: Decoder, person: Subject, ids: np.ndarray, repeats: int | None, generator: torch.Generator,
              sample: bool, alter: Callable[[np.ndarray], np.ndarray] | None) -> Decoded:
    trials = person.trials_of(ids)[:, :repeats]
    owner = np.nonzero(trials >= 0)[0]
    single = _decoded(learner, person, person.read(trials[trials >= 0]), generator, sample, alter)
    parts = {}
    for key in PARTS:
        value = getattr(single, key)
        if value is not None:
            total = torch.zeros(len(ids), *value.shape[1:], device=value.device).index_add_(
                0, torch.from_numpy(owner).to(value.device), value.float())
            counts = torch.from_numpy(np.bincount(owner, minlength=len(ids))).to(value.device)
            parts[key] = total / counts.view(-1, *[1] * (value.ndim - 1))
    return Decoded(**parts)


def fit_ridge(world: World, number: int, *, voxels: np.ndarray | None = None, ids: np.ndarray | None = None,
              text: bool = False) -> RidgeDecoder:
    """Ridge of one person: training responses averaged over showings to picture (or caption) embeddings."""
    ids = world.train[number] if ids is None else ids
    x = world.people[number].mean(ids)
    return RidgeDecoder().fit(x if voxels is None else x[..., voxels], target_of(world, ids, text=text))


def target_of(world: World, ids: np.ndarray, *, text: bool = False) -> np.ndarray:
    """Embeddings of stimulus ids: of pictures, or the mean of each picture's captions."""
    rows = world.targets.rows(ids)
    if not text:
        return world.targets.picture[rows]
    assert world.targets.text is not None
    return world.targets.text[rows].sum(1)
