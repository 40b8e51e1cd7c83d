"""metrics.jsonl: one object per logged step and per epoch, only ever appended."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer

from counterpoint.base.learner import Learner
from counterpoint.train.run import Clock


def append(path: Path, row: dict[str, Any]) -> None:
    """Add one line to a JSON-lines file; numbers that are not finite become ``null``."""
    clean = {k: (None if isinstance(v, float) and not abs(v) < float("inf") else v) for k, v in row.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(clean) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """All rows of a JSON-lines file; a last line cut off by a kill is left out."""
    rows: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    return rows


def mend(path: Path) -> None:
    """Close a last line that a kill left without its end, so that appending starts on a line of its own."""
    if path.exists() and path.stat().st_size:
        with path.open("rb+") as file:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")


class MetricsLog(Callback):
    """Writes a ``"kind": "step"`` row every ``every`` optimiser steps."""

    def __init__(self, path: Path, *, every: int, clock: Clock) -> None:
        self.path, self.every, self.clock = path, max(every, 1), clock
        self.images, self.since = 0, time.monotonic()
        mend(path)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Learner, outputs: Any,  # type: ignore[override]
                           batch: Any, batch_idx: int) -> None:
        """Log this step when it is its turn."""
        self.images += len(batch["index"]) * trainer.world_size
        done = batch_idx + 1
        stepped = done % trainer.accumulate_grad_batches == 0 or done == trainer.num_training_batches
        due = trainer.global_step % self.every == 0 or trainer.global_step == pl_module.total_steps
        if not (stepped and due and trainer.is_global_zero):
            return
        seconds = time.monotonic() - self.since
        append(self.path, {
            "kind": "step", "step": trainer.global_step, "epoch": trainer.current_epoch,
            "seconds": round(self.clock.seconds(), 3), "loss": sum(outputs["terms"].values()),
            "terms": outputs["terms"], "notes": outputs["notes"],
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "gradient_norm": pl_module.gradient_norm, "images_per_second": round(self.images / max(seconds, 1e-9), 1),
        })
        self.images, self.since = 0, time.monotonic()
