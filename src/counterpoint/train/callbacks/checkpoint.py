"""Checkpoints that are whole or absent, and a stop that leaves a run that can go on."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, Trainer

from counterpoint.core.errors import CounterpointError
from counterpoint.train.run import Run


class Interrupted(BaseException):
    """The run was asked to stop and has saved where it stands."""


class Checkpoints(Callback):
    """``last.ckpt`` after every epoch and on a stop, ``best.ckpt`` when the probe improves.

    Ctrl-C and SIGTERM are noted and acted upon after the step in progress; a second one stops at once.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.asked, self.best = run, 0, float("-inf")
        self.score: float | None = None
        self.previous: dict[int, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """The best probe so far belongs to the run."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the best probe so far."""
        self.best = state_dict["best"]

    def save(self, trainer: Trainer, name: str) -> None:
        """Write a checkpoint beside its final place, then rename it; every process takes part."""
        path = self.run.checkpoints / name
        temporary = path.with_name(f".{name}.writing")
        try:
            trainer.save_checkpoint(temporary)
            if trainer.is_global_zero:
                os.replace(temporary, path)
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, RuntimeError) and "Writer" not in str(error):  # torch's zip writer, on a full disk
                raise
            raise CounterpointError(f"{path} could not be written: {error}.",
                                    "The checkpoint before it is still whole.",
                                    "free some space, then add --resume") from error

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Listen for Ctrl-C and SIGTERM (in the main thread only)."""
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.previous[number] = signal.signal(number, self._note)
            except ValueError:
                return

    def teardown(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Give the signals back."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked += 1
        if self.asked > 1:
            raise Interrupted

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save and stop when a stop was asked for."""
        if trainer.strategy.reduce_boolean_decision(bool(self.asked), all=False):
            self.save(trainer, "last.ckpt")
            raise Interrupted

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Save the epoch; keep a second copy when it is the best."""
        if trainer.is_global_zero:
            self.run.update(step=trainer.global_step, epoch=trainer.current_epoch + 1)
        score = trainer.strategy.broadcast(self.score)  # measured by the first process, decided for all
        best = max(self.best, float("-inf") if score is None else score)
        improved, self.best = best > self.best, best
        self.save(trainer, "last.ckpt")
        if improved:
            self.save(trainer, "best.ckpt")
