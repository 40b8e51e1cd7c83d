"""Health of the representation after an epoch, on training pictures only: kNN, rank, alignment, uniformity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer

from counterpoint.base.learner import Learner
from counterpoint.data.source import ImageSource
from counterpoint.evaluate.geometry import alignment, effective_rank, feature_std, uniformity
from counterpoint.evaluate.neighbours import knn_accuracy
from counterpoint.train.callbacks.checkpoint import Checkpoints
from counterpoint.train.callbacks.log import append
from counterpoint.train.callbacks.progress import ProgressLines
from counterpoint.train.features import embed_source, evaluating
from counterpoint.train.run import Clock

BANK, QUERIES, VIEWED = 4000, 1000, 512


class Probe(Callback):
    """Looks at a fixed, seeded choice of training pictures after every ``every`` epochs.

    Queries and bank are disjoint parts of the training pictures; the test pictures are not touched. A rank
    below 2 or a spread below a tenth of that of an even distribution is noted as collapse.
    """

    def __init__(self, source: ImageSource, *, every: int, seed: int, path: Path, clock: Clock,
                 checkpoints: Checkpoints, progress: ProgressLines, warn: Any) -> None:
        known = np.arange(len(source)) if source.labels is None else np.flatnonzero(source.labels >= 0)
        order = np.random.default_rng(seed).permutation(known if len(known) > 1 else np.arange(len(source)))
        queries = min(QUERIES, max(len(source) // 5, 1))
        self.queries, self.bank = order[:queries], order[queries:queries + BANK]
        self.source, self.every, self.seed = source, every, seed
        self.path, self.clock, self.checkpoints, self.progress, self.warn = path, clock, checkpoints, progress, warn
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Collect the losses of the epoch."""
        self.losses.append(sum(outputs["terms"].values()))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        """Measure, log, warn, and tell the checkpoints how good this epoch is."""
        loss = float(np.mean(self.losses)) if self.losses else None
        self.losses = []
        due = self.every and (trainer.current_epoch + 1) % self.every == 0
        if not trainer.is_global_zero or not due:
            self.checkpoints.score = None
            return
        row = {"kind": "epoch", "step": trainer.global_step, "epoch": trainer.current_epoch + 1,
               "seconds": round(self.clock.seconds(), 3), "loss": loss, **self.measure(pl_module)}
        append(self.path, row)
        self.checkpoints.score = row["knn"] if row["knn"] is not None else -(loss or 0.0)
        self.progress.epoch(row)
        if row["effective_rank"] < 2 or row["std"] < 0.1:
            self.warn(f"effective rank {row['effective_rank']:.1f} of {row['dim']}, spread {row['std']:.2f} of an even "
                      f"distribution after epoch {row['epoch']}: the representation is collapsing. "
                      "Lower the learning rate or check the views.")

    def measure(self, learner: Learner) -> dict[str, Any]:
        """The numbers of one epoch."""
        bank = torch.as_tensor(embed_source(learner, self.source, self.bank))
        queries = torch.as_tensor(embed_source(learner, self.source, self.queries))
        labels, knn = self.source.labels, None
        if labels is not None and labels[self.bank].min(initial=0) >= 0 and len(self.bank):
            knn = float(knn_accuracy(queries, torch.as_tensor(labels[self.queries]), bank,
                                     torch.as_tensor(labels[self.bank]), k=min(20, len(self.bank)), temperature=0.1))
        z_a, z_b = two_views(learner, self.source, self.queries[:VIEWED], seed=self.seed)
        spread = feature_std(bank)
        return {"knn": knn, "effective_rank": float(effective_rank(bank)), "dim": bank.shape[1],
                "std": float(spread.ratio),
                "alignment": float(alignment(z_a, z_b)), "uniformity": float(uniformity(z_a))}


def two_views(learner: Learner, source: ImageSource, indices: np.ndarray, *, seed: int,
              network: Any = None) -> tuple[Any, Any]:
    """Embeddings of two views of the same pictures by ``network``.

    Without one: what the objective compares, the outputs of encoder and projector.
    """
    images = torch.as_tensor(np.ascontiguousarray(source.images[indices])).to(learner.device)
    generator = torch.Generator().manual_seed(seed)
    with evaluating(learner):
        views, _ = learner.view_maker(images, generator)
        if network is None:
            head = learner.projector or torch.nn.Identity()
            z_a, z_b = (head(learner.encoder(view)).float().cpu() for view in views[:2])
        else:
            with evaluating(network):
                z_a, z_b = (network(view).float().cpu() for view in views[:2])
    return z_a, z_b
