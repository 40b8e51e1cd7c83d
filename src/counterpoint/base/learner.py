"""The learner: what every trained system is. It asks a system for its terms and its embedding."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from counterpoint.base.ema import Ema
from counterpoint.base.findings import Examined, Findings
from counterpoint.base.optim import build_optimizer, build_schedule, parameter_groups
from counterpoint.base.recipe import Recipe
from counterpoint.core.errors import CounterpointError
from counterpoint.core.typing import Batch
from counterpoint.data.order import BatchPlan


class NonFinite(CounterpointError):
    """A term of the loss became NaN or infinite."""


class Learner(LightningModule, ABC):
    """Sums named terms, logs, schedules, steps EMA teachers and makes views; systems do the rest.

    A system is a final class with keyword-only settings after ``encoder``. It holds parts (heads, teacher, queue)
    and answers :meth:`terms` and :meth:`embed`. Every term it returns is summed into the loss; numbers that are
    only worth logging go through :meth:`note`.

    Parameters
    ----------
    encoder : nn.Module
    """

    constant_rate: tuple[str, ...] = ()
    """Prefixes of parameters whose learning rate is not scheduled."""
    staged: bool = False
    """Whether some parameters rest for part of the training, which several processes have to be told."""
    needs_labels: bool = False
    """Whether every batch must carry labels."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.projector: Any = None  # the head whose output the objective sees; evaluated beside the encoder
        self.loader: Callable[[], Iterable[Batch]] | None = None
        self.recipe: Recipe | None = None
        self.view_maker: Any = None
        self.batches_seen = 0
        self.total_steps = 0
        self.gradient_norm = float("nan")
        self.notes: dict[str, float] = {}

    @abstractmethod
    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Named scalar terms of the loss for one batch with its views."""

    @abstractmethod
    def embed(self, batch: Batch) -> Tensor:
        """``(batch, dim)`` features a user keeps, of plain (not varied) input, in evaluation mode."""

    def solve(self, data: Any) -> None:
        """Find what has a closed form, before the first step of a new run; most systems have nothing to solve."""
        return

    def batch_plan(self, source: Any, *, batch_size: int, world_size: int) -> BatchPlan | None:
        """Which samples make up each batch, for systems that choose; by default a shuffle of all."""
        return None

    def examine(self, examined: Examined) -> Findings:
        """Scores, tables and pictures of this system's own, beside those that every system gets; often none."""
        return Findings()

    def note(self, name: str, value: Tensor | float) -> None:
        """Log a number that is no part of the loss."""
        self.notes[name] = float(value.detach() if isinstance(value, Tensor) else value)

    @property
    def noting(self) -> bool:
        """Whether this step's notes will be logged, for those that cost something to compute."""
        return self._trainer is None or (self.global_step + 1) % max(self.settings.log_every, 1) == 0

    def attach(self, recipe: Recipe, view_maker: Any) -> None:
        """Give the learner its recipe and its view maker before training or embedding."""
        self.recipe, self.view_maker = recipe, view_maker

    # ---- views ------------------------------------------------------------------------------------------------

    def make_views(self, batch: Batch) -> Batch:
        """The batch with ``views`` and ``coords``, from a generator that depends on seed, step and rank alone."""
        if self.view_maker is None or "image" not in batch:
            return batch
        seed = step_seed(self.settings.seed, self.batches_seen, self.global_rank)
        generator = torch.Generator().manual_seed(seed)  # on the processor: the same views on every device
        views, coords = self.view_maker(batch["image"], generator)
        return cast(Batch, {**batch, "views": views, "coords": coords})

    @property
    def settings(self) -> Recipe:
        """The recipe that was attached."""
        if self.recipe is None:
            raise CounterpointError("This learner has no recipe yet.", "attach(recipe, view_maker) comes first.")
        return self.recipe

    # ---- one step ---------------------------------------------------------------------------------------------

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Views, terms, their sum; a term that is not finite stops the run with its name."""
        self.notes = {}
        terms = self.terms(self.make_views(batch))
        loss = torch.stack([value.float() for value in terms.values()]).sum()
        if not torch.isfinite(loss):
            bad = next((name for name, value in terms.items() if not torch.isfinite(value)), "the sum of terms")
            raise NonFinite(
                f"{bad} became {float(terms[bad]) if bad in terms else float(loss)} at step {self.global_step} "
                f"(gradient norm before it: {self.gradient_norm:.4g}).", "Terms must stay finite.",
                f"--optimizer.learning_rate {self.settings.optimizer.learning_rate / 3:.2g} or --precision 32-true")
        self.batches_seen += 1
        return {"loss": loss, "terms": {name: float(value.detach()) for name, value in terms.items()},
                "notes": self.notes}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Remember the gradient norm; clip if the recipe asks for it."""
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.settings.optimizer.clip:
            torch.nn.utils.clip_grads_with_norm_(
                [p for p in self.parameters() if p.grad is not None], self.settings.optimizer.clip, norm)
        self.gradient_norm = float(norm)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """One optimiser step, then every held :class:`Ema` follows."""
        super().optimizer_step(*args, **kwargs)
        for part in self.modules():
            if isinstance(part, Ema):
                part.step(self.global_step, self.total_steps)

    def train_dataloader(self) -> Any:
        """The loader of this process, made when rank and world size are known."""
        if self.loader is None:
            raise CounterpointError("This learner has no loader yet.")
        return self.loader()

    def configure_optimizers(self) -> Any:
        """Optimiser and per-step schedule from the recipe."""
        settings, trainer = self.settings.optimizer, self.trainer
        batch = self.settings.data.batch_size * self.settings.accumulate * trainer.world_size
        optimizer = build_optimizer(parameter_groups(self, settings, self.constant_rate), settings, batch)
        # not trainer.estimated_stepping_batches, which sets the loader up before a checkpoint can restore its place
        steps_per_epoch = math.ceil(len(self.train_dataloader()) / self.settings.accumulate)
        self.total_steps = steps_per_epoch * self.settings.epochs
        if self.settings.max_steps:
            self.total_steps = min(self.total_steps, self.settings.max_steps)
        schedule = build_schedule(optimizer, settings, total=self.total_steps, steps_per_epoch=steps_per_epoch)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    # ---- exact resume -----------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the count of batches, from which the seeds of later views follow, and torch's generators."""
        checkpoint["batches_seen"] = self.batches_seen
        checkpoint["torch_rng"] = torch.get_rng_state()
        if torch.cuda.is_available():
            checkpoint["cuda_rng"] = torch.cuda.get_rng_state_all()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore what :meth:`on_save_checkpoint` kept; generators are set when training starts."""
        self.batches_seen = checkpoint["batches_seen"]
        self._saved_rng = (checkpoint["torch_rng"], checkpoint.get("cuda_rng"))

    def on_train_start(self) -> None:
        """After a resume, put torch's generators where they stood."""
        saved = self.__dict__.pop("_saved_rng", None)
        if saved:
            torch.set_rng_state(saved[0].cpu())
            if saved[1] is not None and torch.cuda.is_available():
                torch.cuda.set_rng_state_all([state.cpu() for state in saved[1]])


def step_seed(seed: int, step: int, rank: int) -> int:
    """A 63-bit seed that depends on all three numbers and on nothing else."""
    digest = hashlib.blake2b(f"{seed}/{step}/{rank}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
