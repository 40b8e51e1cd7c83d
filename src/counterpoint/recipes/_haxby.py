"""Real responses: eight categories of Haxby et al. 2001, matched with their names."""

from __future__ import annotations

from counterpoint.base.recipe import Optimizer, Recipe
from counterpoint.brain.spec import BrainData, BrainEncoder, BrainViews


def haxby(source: str = "haxby:haxby2001_slice") -> Recipe:
    """MindEye's contrastive half on one slice of Haxby et al. 2001; a minute for twelve folds on two cores.

    Single volumes, each run standardised by itself, matched with sentence embeddings of the category names. The
    pictures are not part of the data, hence neither prior nor reconstruction. Eight texts stand for all samples, and
    a batch holds each of them several times: SoftCLIP, which shares its target among equal texts, is used from the
    first step, and BiMixCo, for which they would be false negatives, is not. The temperature is far above the paper's
    (0.5 against 0.004): with eight targets at nearly right angles a small one asks for margins that only noise gives.
    One linear layer and a linear map to the embedding; deeper networks did worse.

    Settings were chosen by leaving out one of runs 0 to 5 after the other, training on the other five of them; runs 6
    to 11 took no part.
    """
    return Recipe(
        data=BrainData(source=source, batch_size=64, repeats="all", zscore="run", fit_on="all", options={"ids": "run"}),
        encoder=BrainEncoder(name="mixer", hidden=1024, blocks=0),
        views=BrainViews(picture="", text="minilm"),
        method={"prior_weight": 0.0, "mix_share": 0.0, "soft_start": 0.5, "soft_end": 0.5, "hidden": 256},
        optimizer=Optimizer(name="adamw", learning_rate=1e-3, weight_decay=1e-2, warmup=1.0),
        epochs=15, probe_every=5, log_every=10, minutes=1)
