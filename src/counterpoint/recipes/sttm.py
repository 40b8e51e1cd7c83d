"""STTM recipes and claim."""

from __future__ import annotations

from counterpoint.base.recipe import Recipe
from counterpoint.brain.spec import BrainEncoder, BrainViews
from counterpoint.recipes._brains import SMALL_PRIOR, simulated

ENCODER = BrainEncoder(name="adapter", hidden=192, blocks=2, token_width=64, attention_width=64)


def tiny() -> Recipe:
    """Two simulated people, 300 pictures each; under 90 s on two cores, no download."""
    return simulated(
        epochs=30, encoder=ENCODER, views=BrainViews(components=64, text="minilm"), repeats="mean",
        subjects=("1", "2"), method={"hidden": 256, **SMALL_PRIOR, "prior_depth": 1}, train=300, test=120, voxels=800)
