"""A trained model for use: load it from a run or a model folder, give it arrays, get embeddings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from counterpoint.base.learner import Learner
from counterpoint.base.recipe import Recipe, override
from counterpoint.core.discovery import system
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json, write_json
from counterpoint.data.source import ImageSource
from counterpoint.train.features import embed_source
from counterpoint.train.modalities import modality_of
from counterpoint.train.run import open_run

FORMAT = 1


def recipe_values(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain values, without what only describes it."""
    values = dataclasses.asdict(recipe)
    for key in ("expected", "minutes"):
        values.pop(key)
    return values


def recipe_from(values: dict[str, Any]) -> Recipe:
    """The recipe that :func:`recipe_values` wrote down."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and key not in ("method",):
            flat |= {f"{key}.{inner}": tuple(v) if isinstance(v, list) else v for inner, v in value.items()}
        else:
            flat[key] = value
    return override(modality_of(values["name"]).BASE, flat)


def save_model(learner: Learner, folder: Path, about: Mapping[str, Any]) -> Path:
    """Weights as safetensors and what is needed to build the model again; nothing is pickled."""
    from safetensors.torch import save

    from counterpoint.core.files import write_atomic

    folder.mkdir(exist_ok=True)
    tensors = {key: value.detach().cpu().contiguous() for key, value in learner.state_dict().items()}
    write_atomic(folder / "model.safetensors", save(tensors, metadata={"format": "pt"}))
    return write_json(folder / "config.json", {
        "format": FORMAT, "system": learner.settings.name, **about, "recipe": recipe_values(learner.settings)})


class Model:
    """A trained system, ready to embed.

    Attributes
    ----------
    learner : Learner
    channels : int
        Channels of the pictures it was trained on.
    class_names : tuple of str
    """

    def __init__(self, learner: Learner, *, channels: int, class_names: tuple[str, ...] = ()) -> None:
        self.learner, self.channels, self.class_names = learner.eval(), channels, class_names

    @property
    def recipe(self) -> Recipe:
        """The recipe it was trained with."""
        return self.learner.settings

    def embed(self, images: Any) -> np.ndarray:
        """Embeddings of pictures.

        Parameters
        ----------
        images : array ``(n, channels, height, width)`` or ``(n, height, width, channels)``, tensor, or ImageSource
            uint8 in 0..255 or float in 0..1; pictures of another size than the model's are resized.

        Returns
        -------
        numpy.ndarray ``(n, dim)`` float32
        """
        from counterpoint.data.source import arrays

        source = images if isinstance(images, ImageSource) else arrays(_to_numpy(images))
        found = source.images.shape[1]
        if found != self.channels:
            raise CounterpointError(f"The pictures have {found} channels and this model reads {self.channels}.", "",
                                    f"--data.channels {self.channels}")
        return embed_source(self.learner, source)


def as_channels(found: int) -> Literal[0, 1, 3]:
    """The data setting that reads pictures with ``found`` channels."""
    return 1 if found == 1 else 3 if found == 3 else 0


def _to_numpy(images: Any) -> np.ndarray:
    return images.detach().cpu().numpy() if isinstance(images, torch.Tensor) else np.asarray(images)


def load(where: str | Path) -> Model:
    """The model of a run (folder, ``NAME`` or ``NAME/VARIANT-0001``) or of a ``model/`` folder that was sent.

    Only ``config.json`` and ``model.safetensors`` are read; nothing is unpickled.
    """
    folder = Path(where)
    if not (folder / "config.json").is_file():
        folder = open_run(where).model
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else None
    if config is None:
        raise CounterpointError(f"{folder.parent} holds no finished model.", "",
                                f"counterpoint fit --resume --out {folder.parent}")
    if config.get("format") != FORMAT:
        raise CounterpointError(f"{folder} has model format {config.get('format')}.", f"Format {FORMAT} is read here.",
                                "pip install --upgrade counterpoint")
    system(config["system"])
    recipe = recipe_from(config["recipe"])
    learner = modality_of(recipe.name).rebuild(config, recipe)
    load_weights(learner, folder / "model.safetensors")
    return Model(learner, channels=config.get("channels", 0), class_names=tuple(config.get("class_names", ())))


def load_weights(learner: Learner, path: Path) -> None:
    """Put the tensors of a safetensors file into a learner; any missing, extra or misshapen tensor is refused."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        learner.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CounterpointError(f"{path} does not fit this model: {str(error).splitlines()[-1].strip()}",
                                "Weights and config.json must come from the same run.") from error
