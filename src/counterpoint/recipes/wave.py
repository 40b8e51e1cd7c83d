"""WAVE recipes and claim."""

from __future__ import annotations

from counterpoint.base.recipe import Recipe
from counterpoint.brain.spec import BrainEncoder, BrainViews
from counterpoint.recipes._brains import SMALL_PRIOR, simulated


def tiny() -> Recipe:
    """A simulated person's parcel time series, 400 trials; under 90 s on two cores, no download."""
    return simulated(
        epochs=30, encoder=BrainEncoder(name="causal", hidden=128, blocks=2, heads=4),
        views=BrainViews(components=64, text="minilm", drop_entries=0.2),
        method={**SMALL_PRIOR, "prior_depth": 1}, train=400, test=120, kind="timeseries")
