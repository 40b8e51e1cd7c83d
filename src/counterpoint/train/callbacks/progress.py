"""Progress: a bar in a terminal, otherwise one plain line per twentieth of the run or per minute."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch import Callback, Trainer
from rich.progress import BarColumn, Progress, TextColumn

from counterpoint.base.learner import Learner
from counterpoint.train.console import Output, duration


class ProgressLines(Callback):
    """``epoch 3/10  step 420  loss 2.31 (nt_xent 2.31)  412 img/s  left 1 min 12 s``."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.bar: Progress | None = None
        self.rank = ""

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Remember where this session of the run begins; open the bar in a terminal."""
        self.begun, self.first = time.monotonic(), trainer.global_step
        self.shown_at, self.shown_step = time.monotonic(), trainer.global_step
        self.total = int(pl_module.total_steps)
        if self.output.is_terminal and trainer.is_global_zero:
            self.bar = Progress(BarColumn(bar_width=24), TextColumn("{task.percentage:>3.0f}%"),
                                TextColumn("{task.description}"), console=self.output.console, transient=True)
            self.bar.start()
            self.task = self.bar.add_task("", total=self.total, completed=self.first)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Learner, outputs: Any,  # type: ignore[override]
                           batch: Any, batch_idx: int) -> None:
        """Move the bar, or print a line when one is due."""
        if not trainer.is_global_zero:
            return
        step, late = trainer.global_step, time.monotonic() - self.shown_at
        if self.bar:
            if late > 0.3:
                self.bar.update(self.task, completed=step, description=self.line(trainer, outputs, batch))
                self.shown_at = time.monotonic()
        elif step - self.shown_step >= self.total / 20 or late > 60:
            self.output.print(self.line(trainer, outputs, batch))
            self.shown_at, self.shown_step = time.monotonic(), step

    def line(self, trainer: Trainer, outputs: Any, batch: Any) -> str:
        """One line of progress."""
        step = trainer.global_step
        spent = time.monotonic() - self.begun
        rate = max(step - self.first, 1) / max(spent, 1e-9)
        terms = outputs["terms"]
        detail = f" ({', '.join(f'{k} {v:.3g}' for k, v in terms.items())})" if len(terms) > 1 else ""
        images = rate * len(batch["index"]) * trainer.accumulate_grad_batches * trainer.world_size
        return (f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  step {step}  "
                f"loss {sum(terms.values()):.3f}{detail}{self.rank}  {images:.0f} img/s  "
                f"left {duration(max(self.total - step, 0) / rate)}")

    def epoch(self, row: dict[str, Any]) -> None:
        """Show an epoch's probe; called by the probe callback."""
        self.rank = f"  rank {row['effective_rank']:.0f}" if row.get("effective_rank") else ""
        shown = "  ".join(f"{key.replace('_', ' ')} {value:.3f}" for key, value in row.items()
                          if key in ("knn", "effective_rank", "alignment", "uniformity") and value is not None)
        self.output.print(f"after epoch {row['epoch']}: {shown}")

    def teardown(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Close the bar."""
        if self.bar:
            self.bar.stop()
            self.bar = None
