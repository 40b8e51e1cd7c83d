"""From a recipe to the learner it describes, with every setting checked before anything is built."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import torch

from counterpoint.base.learner import Learner
from counterpoint.base.recipe import Recipe
from counterpoint.core.discovery import method_class
from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.source import ImageSource


def method_settings(name: str) -> dict[str, inspect.Parameter]:
    """The keyword-only settings of a method, as its class declares them."""
    parameters = inspect.signature(method_class(name)).parameters
    return {key: item for key, item in parameters.items() if item.kind is inspect.Parameter.KEYWORD_ONLY}


def check_method(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that the method does not have, with the closest name."""
    known = method_settings(name)
    for key in settings:
        if key not in known:
            raise unknown(f"setting of {name}", key, known, f"counterpoint show {name}")


def fit_views(recipe: Recipe, size: int) -> Recipe:
    """The recipe with its views' size settled: their own, or the pictures' size when they name none."""
    if recipe.views.size is not None:
        return recipe
    return dataclasses.replace(recipe, views=dataclasses.replace(recipe.views, size=size))


def check_data(recipe: Recipe, source: ImageSource) -> None:
    """Refuse data that the method cannot learn from, before a model is built."""
    batch = recipe.data.batch_size
    if batch < 2:
        raise CounterpointError(f"A batch of {batch} has no negatives and no batch statistics.",
                                "Two or more pictures are needed.", "--data.batch_size 64")
    if len(source) < 2:
        raise CounterpointError(f"{source.name} holds {len(source)} training picture.",
                                "Two or more are needed to contrast them.", "--data ANOTHER_FOLDER")
    if len(source) < batch:
        raise CounterpointError(f"{source.name} holds {len(source)} training pictures, fewer than a batch of {batch}.",
                                "An epoch needs at least one full batch.",
                                f"--data.batch_size {max(2, len(source) // 2)}")
    if getattr(method_class(recipe.name), "needs_labels", False) and source.labels is None:
        raise CounterpointError(f"{recipe.name} learns from labels and {source.name} has none.",
                                "Put each class in a folder of its own, or name a label column.",
                                f"counterpoint fit simclr --data {recipe.data.source}")


def build_encoder(recipe: Recipe, channels: int) -> torch.nn.Module:
    """The encoder at its first weights, which the recipe's seed decides."""
    torch.manual_seed(recipe.seed)
    size = recipe.views.size
    if size is None:
        raise CounterpointError("The size of the views is not settled.", "", "--views.size 32")
    return recipe.encoder.build(channels=channels, size=size)


def build_learner(recipe: Recipe, channels: int) -> Learner:
    """Encoder, method and views of a recipe whose views' size is settled."""
    check_method(recipe.name, recipe.method)
    encoder = build_encoder(recipe, channels)
    learner: Learner = method_class(recipe.name)(encoder, **recipe.method)
    learner.attach(recipe, recipe.views.build())
    return learner
