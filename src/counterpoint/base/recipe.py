"""Recipes: a method with everything it needs to run, as frozen dataclasses that import no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

from counterpoint.core.discovery import recipe_module, system
from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.spec import ImageData
from counterpoint.encoders.spec import ImageEncoder
from counterpoint.views.spec import ImageViews

NOT_VARIANTS = {"claim"}


@dataclass(frozen=True)
class Optimizer:
    """Optimiser and schedule. Rates are stored as the paper states them and scaled when the run starts.

    Attributes
    ----------
    name : "adamw", "sgd" or "lars" (layer-wise scaling; biases and norms are left out of it and of decay).
    learning_rate : peak rate.
    per_batch : the batch size that the rate is stated for (linear scaling); 0 takes the rate as it stands.
    bias_rate : separate peak rate of biases and norms (Barlow Twins); 0 means the same.
    weight_decay : not applied to biases and norm gains.
    momentum : of SGD and LARS.
    warmup : epochs of linear warm-up.
    schedule : "cosine" to zero, or "constant".
    clip : largest gradient norm; 0 leaves it alone.
    """

    name: Literal["adamw", "sgd", "lars"] = "adamw"
    learning_rate: float = 1e-3
    per_batch: int = 0
    bias_rate: float = 0.0
    weight_decay: float = 1e-4
    momentum: float = 0.9
    warmup: float = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"
    clip: float = 0.0


@dataclass(frozen=True)
class Expected:
    """A number to expect, and where it comes from ("measured": by this project; else "reported" by a source)."""

    metric: str
    value: float
    source: str
    note: str = ""


@dataclass(frozen=True)
class Recipe:
    """A method plus data, encoder, views, optimiser, length, seed and the number to expect.

    Attributes
    ----------
    data : where samples come from, and the batch: ImageData, or BrainData for brains.
    encoder : the network whose features are kept: ImageEncoder, BrainEncoder.
    views : how each sample is varied, and what it is matched with: ImageViews, BrainViews.
    method : settings of the method that differ from its own defaults (its keyword arguments).
    optimizer : optimiser and schedule.
    epochs : passes over the training pictures.
    max_steps : end after so many optimiser steps, within the epochs; 0 for no such limit.
    seed : of weights, order of samples and views.
    precision : "32-true", "bf16-mixed" or "16-mixed".
    accumulate : batches per optimiser step.
    devices : how many, or "auto".
    accelerator : "auto", "cpu", "gpu" ...
    strategy : Lightning's, for instance "ddp".
    probe_every : epochs between probes on training pictures held back from the probe's bank; 0 for none.
    log_every : optimiser steps between lines of metrics.jsonl.
    expected : numbers to expect.
    minutes : on the hardware named in the recipe's docstring.
    name, variant : filled when a recipe is looked up.
    """

    data: Any = field(default_factory=ImageData)
    encoder: Any = field(default_factory=ImageEncoder)
    views: Any = field(default_factory=ImageViews)
    method: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Optimizer = field(default_factory=Optimizer)
    epochs: int = 10
    max_steps: int = 0
    seed: int = 0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    accumulate: int = 1
    devices: int | str = 1
    accelerator: str = "auto"
    strategy: str = "auto"
    probe_every: int = 1
    log_every: int = 10
    expected: tuple[Expected, ...] = ()
    minutes: float = 0.0
    name: str = ""
    variant: str = ""


def variants(module: ModuleType) -> list[str]:
    """The variants a recipe file offers, in the order they are written: its public functions but ``claim``."""
    return [key for key, value in vars(module).items()
            if callable(value) and not key.startswith("_") and key not in NOT_VARIANTS
            and getattr(value, "__module__", "") == module.__name__ and not isinstance(value, type)]


def lookup(spec: str) -> Recipe:
    """The recipe ``NAME`` (its default) or ``NAME.VARIANT``."""
    name, _, variant = spec.partition(".")
    system(name)
    module = recipe_module(name)
    variant = variant or "default"
    if variant not in variants(module):
        raise unknown(f"variant of {name}", variant, variants(module), f"counterpoint show {name}")
    return dataclasses.replace(getattr(module, variant)(), name=name, variant=variant)


def override(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """``recipe`` with dotted settings changed: ``{"method.temperature": 0.2, "data.source": "digits"}``.

    A plain value for a part sets its first field, so ``{"data": "digits"}`` means ``data.source``. Options of a data
    set are its own: another source starts without any.
    """
    source = changes.get("data.source", changes.get("data", recipe.data.source))
    if source != recipe.data.source and "data.options" not in changes:
        changes = {"data.options": {}, **changes}
    for path, value in changes.items():
        recipe = _set(recipe, path.split("."), value, path)
    return recipe


def _set(part: Any, keys: list[str], value: Any, path: str) -> Any:
    if isinstance(part, Mapping):
        return {**part, ".".join(keys): value}
    known = [item.name for item in dataclasses.fields(part)]
    if keys[0] not in known:
        raise unknown("setting", path, known, "counterpoint show NAME --recipe")
    current = getattr(part, keys[0])
    if len(keys) > 1:
        if not (dataclasses.is_dataclass(current) or isinstance(current, Mapping)):
            raise CounterpointError(f"{path} goes too deep: {keys[0]} is a plain setting.")
        value = _set(current, keys[1:], value, path)
    elif dataclasses.is_dataclass(current) and not dataclasses.is_dataclass(value):
        value = _set(current, [dataclasses.fields(current)[0].name], value, path)
    return dataclasses.replace(part, **{keys[0]: value})
