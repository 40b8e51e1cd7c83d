"""People made by hand: what a response says about a picture is known, and everything is small."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from counterpoint.brain.preparation import Preparation
from counterpoint.brain.spec import BrainViews
from counterpoint.brain.subject import Subject
from counterpoint.brain.targets import Targets
from counterpoint.data.brain import BrainDataset, Space, Stimuli
from counterpoint.encoders.targets import TextTarget

TEXT = BrainViews(picture="", text="hash", components=8)
"""Captions by their words, in eight directions: nothing to load."""
KINDS = ("animal", "tool", "house")


def caption(number: int) -> str:
    """Eight words that only this picture has in this combination, the first one its category."""
    words = np.random.default_rng(number).integers(0, 30, 8)
    return " ".join([KINDS[number % 3]] * 3 + [f"word{word}" for word in words])


def stimuli(ids: Sequence[int], *, side: int = 8) -> Stimuli:
    """Random pictures, captions and categories of these ids."""
    ids = np.asarray(ids)
    images = np.stack([np.random.default_rng(1000 + one).integers(0, 256, (3, side, side), np.uint8) for one in ids])
    return Stimuli(ids, images, [[caption(one)] for one in ids], labels=ids % 3, class_names=list(KINDS))


def dataset(who: str = "ann", *, train: Sequence[int] = range(40), test: Sequence[int] = range(100, 124),
            voxels: int = 30, repeats: int = 2, test_repeats: int = 3, noise: float = 0.3, seed: int = 0,
            **changes: Any) -> BrainDataset:
    """Responses that are linear in the caption, with noise; every picture shown ``repeats`` times."""
    rng = np.random.default_rng([seed, *who.encode()])
    ids = np.concatenate([np.repeat(train, repeats), np.repeat(test, test_repeats)]).astype(np.int64)
    split = np.where(np.isin(ids, np.asarray(test)), "test", "train")
    order = rng.permutation(len(ids))
    ids, split = ids[order], split[order]
    unique = np.unique(ids)
    signal = TextTarget("hash").embed([caption(one) for one in unique]) @ rng.normal(size=(384, voxels))
    responses = signal[np.searchsorted(unique, ids)] + noise * rng.normal(size=(len(ids), voxels))
    networks = np.arange(voxels) * 4 // voxels + 1
    fields = {"split": split, "session": np.arange(len(ids)) % 2, "stimuli": stimuli(unique),
              "networks": networks, "network_names": {1: "Visual", 2: "Default", 3: "Limbic", 4: "Control"},
              "rois": {"early": networks == 1, "late": networks > 2},
              "space": Space("volume", (voxels, 1, 1), np.arange(voxels), np.eye(4))}
    return BrainDataset("hand", who, responses.astype(np.float32), ids, **{**fields, **changes})


def person(who: str = "ann", preparation: Preparation | None = None, **settings: Any) -> Subject:
    """The same, ready to be read."""
    return Subject(dataset(who, **settings), preparation)


def plain_targets(people: Sequence[Subject], *, tokens: int = 1, dim: int = 5, captions: bool = False) -> Targets:
    """Random vectors for whatever the people saw, as a network might have given them."""
    ids = np.unique(np.concatenate([one.data.stimulus_id for one in people]))
    rng = np.random.default_rng(3)
    picture = rng.normal(size=(len(ids), tokens, dim)).astype(np.float32)
    more: dict[str, Any] = {}
    if captions:
        more = {"text": rng.normal(size=(len(ids), 3, 4)).astype(np.float32),
                "captions_of": 1 + np.arange(len(ids)) % 3}
    return Targets(ids=ids, picture=picture, mean=np.zeros((tokens, dim), np.float32), labels=ids % 3,
                   class_names=KINDS, **more)
