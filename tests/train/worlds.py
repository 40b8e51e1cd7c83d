"""Worlds of people made by hand, with decoders on them: no simulation, no run folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from counterpoint.base.decoder import Decoder
from counterpoint.base.recipe import Optimizer, Recipe
from counterpoint.brain.spec import BrainData, BrainEncoder, BrainViews
from counterpoint.brain.subject import Subject
from counterpoint.brain.targets import build_targets
from counterpoint.train.decoding.world import World
from counterpoint.train.modalities import Loaded
from counterpoint.train.modalities import brain as modality

from ..brain.by_hand import TEXT, person

SMALL_PRIOR = {"prior_depth": 1, "prior_heads": 2, "timesteps": 4}


def world(*people: Subject, views: BrainViews = TEXT, validation: int = 0) -> World:
    """People with all their pictures; the last ``validation`` training pictures are held back."""
    people = people or (person(),)
    train = [one.stimuli("train") for one in people]
    held = [ids[len(ids) - validation:] for ids in train]
    train = [ids[:len(ids) - validation] for ids in train]
    return World(list(people), build_targets(people, views, np.concatenate(train)), train, held,
                 [one.stimuli("test") for one in people])


def recipe(name: str = "ridge", *, views: BrainViews = TEXT, epochs: int = 0, batch_size: int = 8, seed: int = 0,
           **method: Any) -> Recipe:
    """A recipe for such worlds."""
    kind: Any = {"ridge": "linear", "sttm": "adapter", "wave": "causal"}.get(name, "mlp")
    encoder = BrainEncoder(kind, hidden=16, blocks=1, dropout=0.0, block_dropout=0.0, token_width=8,
                           attention_width=8, heads=2)
    if name == "mindeye":
        method = {"hidden": 16, **SMALL_PRIOR, **method}
    return Recipe(name=name, variant="hand", data=BrainData(source="hand", batch_size=batch_size), encoder=encoder,
                  views=views, method=method, optimizer=Optimizer(learning_rate=3e-3), epochs=epochs, seed=seed)


def loaded(of: World, name: str = "ridge", **settings: Any) -> Loaded:
    """A world with its recipe."""
    return Loaded(recipe(name, **settings), of, of)


def decoder(of: World, name: str = "ridge", **settings: Any) -> Decoder:
    """A decoder of that world; ridge is solved, others stand at their first weights."""
    found = loaded(of, name, **settings)
    learner = modality.build(found)
    learner.solve(modality.training_data(found))
    return learner.eval()


def openly(monkeypatch: pytest.MonkeyPatch, *people: Subject) -> None:
    """Whatever source a recipe names, these people come; ``data.subjects`` picks among them."""
    import counterpoint.brain.people

    def load(data: BrainData, seed: int) -> list[Subject]:
        wanted = data.subjects or [one.data.subject for one in people]
        return [one for name in wanted for one in people if one.data.subject == name]

    monkeypatch.setattr(counterpoint.brain.people, "load_people", load)
