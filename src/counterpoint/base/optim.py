"""Optimiser, parameter groups and schedule from a recipe's :class:`Optimizer`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from counterpoint.base.recipe import Optimizer


def parameter_groups(module: nn.Module, settings: Optimizer, constant: Iterable[str]) -> list[dict[str, Any]]:
    """Groups split by weight decay (not for vectors and scalars) and by schedule.

    Parameters
    ----------
    constant : prefixes of parameter names whose rate stays at its peak (SimSiam's predictor).
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    prefixes = tuple(constant)
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            held = bool(prefixes) and name.startswith(prefixes)
            groups.setdefault((parameter.ndim > 1, held), []).append(parameter)
    bias_scale = settings.bias_rate / settings.learning_rate if settings.bias_rate else 1.0
    return [{"params": parameters, "weight_decay": settings.weight_decay if weights else 0.0,
             "scale": 1.0 if weights else bias_scale, "held": held}
            for (weights, held), parameters in groups.items()]


def build_optimizer(groups: list[dict[str, Any]], settings: Optimizer, batch: int) -> torch.optim.Optimizer:
    """The optimiser with its rate scaled for ``batch`` samples a step (over all processes)."""
    rate = settings.learning_rate * (batch / settings.per_batch if settings.per_batch else 1.0)
    groups = [{**group, "lr": rate * group["scale"]} for group in groups]
    if settings.name == "adamw":
        return torch.optim.AdamW(groups, lr=rate)
    if settings.name == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum)
    from timm.optim import Lars

    return Lars(groups, lr=rate, momentum=settings.momentum)  # its trust ratio skips groups without decay


def rate_factor(step: int, *, total: int, warmup: int, cosine: bool) -> float:
    """Multiplier of the peak rate at optimiser step ``step``: linear warm-up, then cosine to zero or constant.

    >>> [round(rate_factor(s, total=10, warmup=2, cosine=True), 2) for s in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    if not cosine:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min((step - warmup) / max(total - warmup, 1), 1.0)))


def build_schedule(optimizer: torch.optim.Optimizer, settings: Optimizer, *, total: int,
                   steps_per_epoch: float) -> torch.optim.lr_scheduler.LambdaLR:
    """Per-step schedule; groups marked ``held`` keep their peak rate."""
    warmup = round(settings.warmup * steps_per_epoch)
    cosine = settings.schedule == "cosine"

    def factor_for(held: bool) -> Any:
        return lambda step: 1.0 if held else rate_factor(step, total=total, warmup=warmup, cosine=cosine)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, [factor_for(g["held"]) for g in optimizer.param_groups])
