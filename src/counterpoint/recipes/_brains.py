"""What the recipes of brain methods have in common."""

from __future__ import annotations

from typing import Any

from counterpoint.base.recipe import Optimizer, Recipe
from counterpoint.brain.spec import BrainData, BrainEncoder, BrainViews

SMALL_PRIOR = {"prior_depth": 2, "prior_heads": 4, "timesteps": 50}


def simulated(*, epochs: int, method: dict[str, Any], encoder: BrainEncoder, views: BrainViews, batch_size: int = 64,
              learning_rate: float = 1e-3, weight_decay: float = 1e-2, validation: float = 0.1,
              repeats: Any = "one", subjects: tuple[str, ...] = (), minutes: float = 1, log_every: int = 10,
              **options: Any) -> Recipe:
    """A simulated person on the cortical surface; ``options`` are the simulation's."""
    return Recipe(
        data=BrainData(source="simulated", subjects=subjects, batch_size=batch_size, repeats=repeats,
                       validation=validation, options=options),
        encoder=encoder, views=views, method=method,
        optimizer=Optimizer(name="adamw", learning_rate=learning_rate, weight_decay=weight_decay, warmup=2.0),
        epochs=epochs, probe_every=max(1, epochs // 10), log_every=log_every, minutes=minutes)
