"""MindEye recipes and claim."""

from __future__ import annotations

from counterpoint.base.recipe import Recipe
from counterpoint.brain.spec import BrainEncoder, BrainViews
from counterpoint.recipes._brains import SMALL_PRIOR, simulated


def tiny() -> Recipe:
    """A simulated person, 400 pictures; under 90 s on two cores, no download."""
    return simulated(
        epochs=30, encoder=BrainEncoder(hidden=192, blocks=2), views=BrainViews(components=64),
        method={"hidden": 256, **SMALL_PRIOR, "prior_depth": 1}, train=400, test=120, voxels=1000)
