"""How the work of one run is spread over devices."""

from __future__ import annotations

import torch

from counterpoint.base.learner import Learner


def strategy_for(learner: Learner) -> str:
    """The recipe's strategy; on several devices with the search for parameters that rest, where some do."""
    recipe = learner.settings
    several = recipe.devices not in (1, "1") and (recipe.devices != "auto" or torch.cuda.device_count() > 1)
    if learner.staged and several and recipe.strategy in ("auto", "ddp"):
        return "ddp_find_unused_parameters_true"
    return recipe.strategy
