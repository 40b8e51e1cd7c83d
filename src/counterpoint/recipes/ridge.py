"""Ridge recipes; it makes no claim of its own and stands beside all others'."""

from __future__ import annotations

from dataclasses import replace

from counterpoint.base.recipe import Recipe
from counterpoint.brain.spec import BrainEncoder, BrainViews
from counterpoint.recipes._brains import simulated


def tiny() -> Recipe:
    """A simulated person, 400 pictures; seconds on two cores, no download."""
    return simulated(epochs=0, encoder=BrainEncoder(name="linear"), views=BrainViews(components=64), method={},
                     validation=0.0, repeats="mean", train=400, test=120, voxels=1000)


def default() -> Recipe:
    """A simulated person, 1,000 pictures of three showings; for your own data: ``--data nsd:FOLDER``."""
    return simulated(epochs=0, encoder=BrainEncoder(name="linear"), views=BrainViews(), method={}, validation=0.0,
                     repeats="mean", train=1000, train_repeats=3, test=300, voxels=2000)


def paper() -> Recipe:
    """NSD subject 1, the embeddings of EfficientNet-Lite0, averaged training responses."""
    recipe = default()
    return replace(recipe, data=replace(recipe.data, source="nsd:nsd", subjects=("1",), options={}))
