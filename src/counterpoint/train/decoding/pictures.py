"""Pictures again: reconstructions from decoded embeddings, and the examples that the report shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from counterpoint.base.recipe import Recipe
from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.targets import PictureTarget
from counterpoint.evaluate.matching import rank_of_match
from counterpoint.train.decoding.world import World

SIDE, SAMPLES, PIPELINE_SAMPLES, STRENGTH = 64, 4, 2, 0.85
MOST = 60
"""Reconstructed test pictures that are scored; the choice is seeded."""


class Painter:
    """A generator behind a run's targets: decoded embeddings become pictures.

    Parameters
    ----------
    recipe : Recipe
    world : World
        Its targets say how embeddings were centred.
    pipeline : str
        ``KIND:FOLDER`` of a diffusers pipeline (``unclip``, ``versatile``, ``sdxl-unclip``); empty: the shipped
        generator, which draws 64 pixels from pooled EfficientNet-Lite0 embeddings.
    """

    def __init__(self, recipe: Recipe, world: World, pipeline: str = "") -> None:
        from counterpoint.brain.generator import load_generator

        views = recipe.views
        self.target = PictureTarget(views.picture, views.picture_weights, views.picture_size, views.layer)
        self.world, self.pipeline = world, pipeline
        self.generator: Any = diffusers_generator(pipeline) if pipeline else load_generator()
        self.samples = PIPELINE_SAMPLES if pipeline else SAMPLES
        self.embedder = self.target.build()

    @staticmethod
    def possible(recipe: Recipe) -> bool:
        """Whether the shipped generator reads these targets: pooled EfficientNet-Lite0 at 128 pixels, not whitened."""
        views = recipe.views
        return (views.picture, views.layer, views.picture_size) == ("efficientnet_lite0", "pooled", 128) \
            and not views.whiten

    def paint(self, embedding: np.ndarray, query: np.ndarray, *, latent: np.ndarray | None, seed: int) -> np.ndarray:
        """``(n, 3, height, width)`` uint8: several draws each, the one nearest to ``query`` is kept.

        ``query`` is the retrieval embedding; the picture that was seen takes no part in the choice. With a low-level
        latent, drawing starts from its picture (strength 0.85: the paper's).
        """
        from counterpoint.brain.selection import pick_best

        raw = self.world.targets.raw(embedding)
        noise = torch.Generator().manual_seed(seed)
        drawn = self.generator.generate(raw, low_level=self.start(latent), samples=self.samples, generator=noise,
                                        strength=STRENGTH if latent is not None else 1.0)
        again = self.world.targets.centred(self.embedder.embed(drawn.reshape(-1, *drawn.shape[2:])))
        again = again.reshape(len(drawn), self.samples, *again.shape[1:])[:, :, :query.shape[1]]
        best = pick_best(again.reshape(len(drawn), self.samples, -1), query.reshape(len(query), -1))
        found: np.ndarray = drawn[np.arange(len(drawn)), best]
        return found

    def start(self, latent: np.ndarray | None) -> Any:
        """What drawing starts from: the shipped generator's own latent, or for a pipeline the picture it stands for."""
        if latent is None or not self.pipeline:
            return latent
        from counterpoint.brain.autoencoder import load_autoencoder

        with torch.no_grad():
            return load_autoencoder().decode(torch.from_numpy(latent))


def diffusers_generator(pipeline: str) -> Any:
    """The pipeline that ``KIND:FOLDER`` names."""
    from counterpoint.brain.pipelines import DiffusersGenerator

    kind, colon, folder = pipeline.partition(":")
    if not colon:
        raise CounterpointError(f"--generator {pipeline} names no folder.", "KIND:FOLDER was expected.",
                                "--generator versatile:FOLDER")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return DiffusersGenerator(kind, folder, device=device)


def try_painter(recipe: Recipe, world: World) -> tuple[Painter | None, str]:
    """The painter with the shipped generator, or none and why."""
    if not Painter.possible(recipe):
        return None, "no reconstructions: the shipped generator reads pooled EfficientNet-Lite0 embeddings only"
    try:
        return Painter(recipe, world), ""
    except CounterpointError as error:
        return None, f"no reconstructions: {error.given}"


def chosen_examples(retrieval: np.ndarray, target: np.ndarray, *, each: int = 3) -> dict[str, np.ndarray]:
    """Rows of the best, median and worst test pictures by the rank of the match among all; ties in order of rows."""
    target = target[:, :retrieval.shape[1]]
    ranks = rank_of_match(retrieval.reshape(len(retrieval), -1), target.reshape(len(target), -1))
    order, n = np.argsort(ranks, kind="stable"), len(ranks)
    each = min(each, n // 3) or 1
    middle = (n - each) // 2
    rows = np.concatenate([order[:each], order[middle:middle + each], order[n - each:]])
    return {"row": rows, "example_rank": ranks[rows],
            "example_kind": np.repeat(np.array(["best", "median", "worst"]), each)}


def nearest_pictures(retrieval: np.ndarray, target: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """For each of ``rows`` the row of the test picture that was retrieved."""
    target = target[:, :retrieval.shape[1]]
    a = retrieval.reshape(len(retrieval), -1)[rows]
    b = target.reshape(len(target), -1)
    found: np.ndarray = (a @ (b / np.linalg.norm(b, axis=1, keepdims=True).clip(1e-12)).T).argmax(1)
    return found


def small(images: Any) -> np.ndarray:
    """uint8 pictures at 64 pixels."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).float()
    shrunk = torch.nn.functional.interpolate(tensor, size=(SIDE, SIDE), mode="bilinear", antialias=True)
    return shrunk.round().clamp(0, 255).to(torch.uint8).numpy()
