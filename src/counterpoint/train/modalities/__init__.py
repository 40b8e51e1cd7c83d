"""One file per kind of data: what ``fit`` asks of pictures, of brains, and of whatever comes next."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from lightning.pytorch import Callback
from torch import Tensor

from counterpoint.base.learner import Learner
from counterpoint.base.recipe import Recipe
from counterpoint.core.discovery import system
from counterpoint.data.order import BatchPlan
from counterpoint.train.callbacks.checkpoint import Checkpoints
from counterpoint.train.callbacks.progress import ProgressLines
from counterpoint.train.console import Output
from counterpoint.train.run import Clock, Run


class Loaded(NamedTuple):
    """A recipe whose open settings are settled, with its data."""

    recipe: Recipe
    train: Any
    test: Any


class Earlier(NamedTuple):
    """Weights that a run goes on from: where they are, and how they are read."""

    place: str
    read: Callable[[], dict[str, Tensor]]


class Reporting(NamedTuple):
    """Where a probe writes and whom it tells."""

    path: Path
    clock: Clock
    checkpoints: Checkpoints
    progress: ProgressLines
    warn: Callable[[str], None]


Plan = Callable[..., BatchPlan | None]
"""``Learner.batch_plan``."""


class Modality(Protocol):
    """The functions that a file of this folder defines."""

    METRICS: tuple[str, ...]
    """Scores of a plain ``fit``."""
    BASE: Recipe
    """An empty recipe of this modality, with its own kinds of data, encoder and views."""

    def load(self, recipe: Recipe) -> Loaded:
        """Read the data and refuse what cannot work, before a model is built."""

    def headline(self, loaded: Loaded) -> str:
        """What is about to be trained on, in words."""

    def data_stamp(self, loaded: Loaded) -> dict[str, Any]:
        """Name, counts and hash of the data."""

    def build(self, loaded: Loaded) -> Learner:
        """The learner at its first weights."""

    def training_data(self, loaded: Loaded) -> Any:
        """What a closed form is solved on."""

    def loader(self, loaded: Loaded, *, rank: int, world_size: int, plan: Plan | None = None) -> Any:
        """Training batches of one process, in the order of the learner's ``batch_plan`` where it has one."""

    def probe(self, loaded: Loaded, reporting: Reporting) -> Callback:
        """The callback that looks at the representation after an epoch."""

    def describe_model(self, learner: Learner, loaded: Loaded) -> dict[str, Any]:
        """What config.json needs beside the recipe to build the model again."""

    def rebuild(self, config: dict[str, Any], recipe: Recipe) -> Learner:
        """The learner that a config.json describes, weights not yet loaded."""

    def adopt(self, loaded: Loaded, earlier: Earlier) -> Loaded:
        """The data as a model that goes on from ``earlier`` has to see them, before it is built."""

    def initialise(self, learner: Learner, tensors: dict[str, Tensor], where: str) -> None:
        """Take over the weights of another run (``--init-from``)."""

    def evaluate(self, learner: Learner, loaded: Loaded, run: Run, output: Output, *,
                 metrics: Sequence[str]) -> dict[str, Any]:
        """Scores beside baselines; writes evaluation.json and what the report shows."""

    def evaluate_again(self, run: Run, *, data: str | None, metrics: Sequence[str], quiet: bool) -> dict[str, Any]:
        """A finished run evaluated again, also on other data (written to evaluation-DATA.json)."""

    def last_words(self, run: Run) -> list[str]:
        """The lines that end a command: result, baselines, next step."""


def modality_of(name: str) -> Modality:
    """The modality of a system, by the head of its file."""
    return cast(Modality, importlib.import_module(f"{__name__}.{system(name).modality.split(',')[0].strip()}"))
