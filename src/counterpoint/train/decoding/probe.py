"""Retrieval on held-back training pictures after an epoch: the curve of a decoding run."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer

from counterpoint.base.decoder import Decoder
from counterpoint.evaluate.geometry import alignment, effective_rank, feature_std, uniformity
from counterpoint.evaluate.matching import retrieval_draws
from counterpoint.train.callbacks.log import append
from counterpoint.train.decoding.predictions import predict, target_of
from counterpoint.train.decoding.tables import top1
from counterpoint.train.decoding.world import World
from counterpoint.train.modalities import Reporting

LARGEST = 300


class DecodingProbe(Callback):
    """Logs top-1 among at most 300 held-back pictures, and the geometry of what is decoded.

    Without held-back pictures (``data.validation`` 0) training pictures stand in, and the row says so: their score
    shows memory, not decoding, and is left out.
    """

    def __init__(self, world: World, *, every: int, seed: int, reporting: Reporting) -> None:
        self.world, self.every, self.seed, self.reporting = world, every, seed, reporting
        held = [len(ids) >= 20 for ids in world.validation]
        self.held = all(held)
        source = world.validation if self.held else world.train
        self.ids = [np.sort(np.random.default_rng(seed).permutation(ids)[:LARGEST]) for ids in source]
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Collect the losses of the epoch."""
        self.losses.append(sum(outputs["terms"].values()))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Decoder) -> None:  # type: ignore[override]
        """Measure, log, and tell the checkpoints how good this epoch is."""
        loss = float(np.mean(self.losses)) if self.losses else None
        self.losses = []
        due = self.every and (trainer.current_epoch + 1) % self.every == 0
        if not trainer.is_global_zero or not due:
            self.reporting.checkpoints.score = None
            return
        row = {"kind": "epoch", "step": trainer.global_step, "epoch": trainer.current_epoch + 1,
               "seconds": round(self.reporting.clock.seconds(), 3), "loss": loss, **self.measure(pl_module)}
        append(self.reporting.path, row)
        self.reporting.checkpoints.score = row["top1"] if row["top1"] is not None else -(loss or 0.0)
        self.reporting.progress.epoch(row)

    def measure(self, learner: Decoder) -> dict[str, Any]:
        """The numbers of one epoch, means over people."""
        scores, z_a, z_b = [], [], []
        for person, ids in zip(self.world.people, self.ids, strict=True):
            pred = predict(learner, person, ids, sample=False)["retrieval"]
            target = target_of(self.world, ids)[:, :pred.shape[1]]
            scores.append(top1(pred, target, retrieval_draws(len(ids), candidates=LARGEST, seed=self.seed)))
            z_a.append(pred.reshape(len(pred), -1))
            z_b.append(target.reshape(len(target), -1))
        a, b = torch.from_numpy(np.concatenate(z_a)), torch.from_numpy(np.concatenate(z_b))
        spread = feature_std(a)
        return {"knn": None, "top1": float(np.mean(scores)) if self.held else None,
                "effective_rank": float(effective_rank(a)), "dim": a.shape[1], "std": float(spread.ratio),
                "alignment": float(alignment(a, b)), "uniformity": float(uniformity(a))}
