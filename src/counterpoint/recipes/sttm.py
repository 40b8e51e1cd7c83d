"""STTM recipes and claim."""

from __future__ import annotations

from dataclasses import replace

from counterpoint.base.recipe import Expected, Optimizer, Recipe
from counterpoint.brain.spec import BrainData, BrainEncoder, BrainViews
from counterpoint.recipes._brains import SMALL_PRIOR, simulated

ENCODER = BrainEncoder(name="adapter", hidden=192, blocks=2, token_width=64, attention_width=64, dropout=0.3,
                       block_dropout=0.1)
VIEWS = BrainViews(components=48, text="minilm", noise=0.3)
"""So few directions that somebody with 60 pictures can join: a person must span all of them."""
HEAT = {"temperature": 0.1, "soft_start": 0.1, "soft_end": 0.1, "mix_share": 0.2}
"""For one token of a small network; the paper's 0.006 is made for 257 tokens."""
VOXELS = {"1": 1000, "2": 850, "3": 1150, "4": 900}


def tiny() -> Recipe:
    """Two simulated people, 300 pictures each; under 90 s on two cores, no download. Ridge is ahead."""
    return simulated(
        epochs=60, encoder=ENCODER, views=VIEWS, repeats="mean", subjects=("1", "2"), learning_rate=3e-3,
        weight_decay=1.0, method={"hidden": 256, **HEAT, **SMALL_PRIOR, "prior_depth": 1}, train=300, train_repeats=3,
        test=120, voxels={"1": 800, "2": 700})


def default() -> Recipe:
    """Three simulated people with 1,000 pictures of their own, three showings; a few minutes on two cores.

    Your own people instead: ``--data nsd:FOLDER --data.subjects '["1", "2", "5", "7"]'``. Somebody who comes later
    joins with :func:`transfer`.
    """
    return simulated(
        epochs=60, encoder=ENCODER, views=VIEWS, repeats="mean", subjects=("1", "2", "3"), learning_rate=3e-3,
        weight_decay=1.0, minutes=6, method={"hidden": 256, **HEAT, **SMALL_PRIOR},
        train=1000, train_repeats=3, test=300, voxels=VOXELS)


def transfer() -> Recipe:
    """A fourth person with 200 pictures: a new adapter in front of a finished run, whose weights stay as they are.

    ``counterpoint decode fit sttm.transfer --init-from runs/sttm/default-0001``; your own person with
    ``--data nsd:FOLDER --data.subjects '["8"]'``. Everything but data, length and optimiser is as in that run. A new
    person needs more pictures than ``views.components``.
    """
    base = default()
    return replace(
        base, epochs=200, probe_every=20, minutes=2, method={**base.method, "freeze_shared": True, "mix_share": 1.0},
        data=replace(base.data, subjects=("4",), limit=200, batch_size=40),
        optimizer=replace(base.optimizer, learning_rate=1e-2, weight_decay=10.0))


def paper() -> Recipe:
    """NSD, four people at once, 257 tokens of CLIP ViT-L/14, 50 epochs at 16 samples of everybody (authors' defaults).

    Set ``views.picture`` and ``views.text`` to ``clip:FOLDER``, a local folder of the transformers library. Needs a
    GPU of 80 GB or several; the authors gave each of four processes one person, here every process has all four. The
    pixel branch is a run of its own at the authors; ``--method.low_level_weight 0.5 --views.latent true`` adds one.
    """
    return Recipe(
        data=BrainData(source="nsd:nsd", subjects=("1", "2", "5", "7"), batch_size=16, repeats="mean",
                       zscore="subject"),
        encoder=BrainEncoder(name="adapter", hidden=4096, blocks=4, dropout=0.5, block_dropout=0.15, adapter_blocks=1,
                             token_width=128, attention_width=768, heads=8),
        views=BrainViews(picture="clip:clip-vit-large-patch14", layer="map", text="clip:clip-vit-large-patch14",
                         centre=False, noise=0.01),
        method={}, optimizer=Optimizer(name="adamw", learning_rate=3e-4, weight_decay=1e-2, warmup=2), epochs=50,
        precision="16-mixed", devices=1, probe_every=5,
        expected=(Expected("pixcorr", 0.333, "reported", "mean of the four, as quoted by later papers"),
                  Expected("ssim", 0.334, "reported", "mean of the four, as quoted by later papers")))
