"""Pictures: varied twice, probed by neighbours, scored beside the untrained encoder and raw pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import Callback
from torch import Tensor

from counterpoint.base.learner import Learner
from counterpoint.base.recipe import Recipe
from counterpoint.core.errors import CounterpointError
from counterpoint.data.loader import BatchLoader
from counterpoint.train.build import build_learner, check_data, fit_views
from counterpoint.train.callbacks.probe import Probe
from counterpoint.train.console import Output
from counterpoint.train.evaluation import METRICS as METRICS
from counterpoint.train.evaluation import evaluate_folder, evaluate_learner
from counterpoint.train.modalities import Earlier, Loaded, Plan, Reporting
from counterpoint.train.run import Run
from counterpoint.train.summary import image_lines

BASE = Recipe()


def load(recipe: Recipe) -> Loaded:
    """Both parts of the pictures; views without a size take theirs."""
    train, test = recipe.data.load("train"), recipe.data.load("test")
    recipe = fit_views(recipe, min(train.images.shape[2:]))
    check_data(recipe, train)
    return Loaded(recipe, train, test)


def headline(loaded: Loaded) -> str:
    """Name, number and size of the pictures."""
    train = loaded.train
    return f"{train.name}: {len(train)} pictures of {'x'.join(map(str, train.images.shape[1:]))}"


def data_stamp(loaded: Loaded) -> dict[str, Any]:
    """Name, counts and content hash."""
    return {"name": loaded.train.name, "train": len(loaded.train), "test": len(loaded.test),
            "hash": loaded.train.content_hash()}


def build(loaded: Loaded) -> Learner:
    """Encoder, method and views."""
    return build_learner(loaded.recipe, loaded.train.images.shape[1])


def training_data(loaded: Loaded) -> Any:
    """The training pictures."""
    return loaded.train


def loader(loaded: Loaded, *, rank: int, world_size: int, plan: Plan | None = None) -> BatchLoader:
    """Shuffled full batches, or those that the learner plans."""
    data = loaded.recipe.data
    planned = plan and plan(loaded.train, batch_size=data.batch_size, world_size=world_size)
    return BatchLoader(loaded.train, batch_size=data.batch_size, shuffle=True, seed=loaded.recipe.seed, drop_last=True,
                       rank=rank, world_size=world_size, workers=data.workers, batch_plan=planned)


def probe(loaded: Loaded, reporting: Reporting) -> Callback:
    """kNN and geometry on training pictures."""
    return Probe(loaded.train, every=loaded.recipe.probe_every, seed=loaded.recipe.seed, **reporting._asdict())


def describe_model(learner: Learner, loaded: Loaded) -> dict[str, Any]:
    """Channels and classes."""
    return {"channels": loaded.train.images.shape[1], "class_names": list(loaded.train.class_names)}


def rebuild(config: dict[str, Any], recipe: Recipe) -> Learner:
    """The learner for pictures of as many channels."""
    return build_learner(recipe, config["channels"])


def adopt(loaded: Loaded, earlier: Earlier) -> Loaded:
    """Pictures are the same to every model."""
    return loaded


def initialise(learner: Learner, tensors: dict[str, Tensor], where: str) -> None:
    """Take over the encoder; heads start afresh."""
    prefix = "encoder."
    try:
        learner.encoder.load_state_dict({k[len(prefix):]: v for k, v in tensors.items() if k.startswith(prefix)})
    except RuntimeError as error:
        raise CounterpointError(f"The encoder in {where} does not fit this recipe.", str(error).splitlines()[-1],
                                "--encoder.name and --encoder.width as in that run") from error


def evaluate(learner: Learner, loaded: Loaded, run: Run, output: Output, *, metrics: Sequence[str]) -> dict[str, Any]:
    """kNN, linear probe, retrieval and geometry."""
    return evaluate_learner(learner, loaded.train, loaded.test, run, output, metrics=metrics)


def evaluate_again(run: Run, *, data: str | None, metrics: Sequence[str], quiet: bool) -> dict[str, Any]:
    """On its own or on other pictures."""
    return evaluate_folder(run, data=data, metrics=metrics, quiet=quiet)


def last_words(run: Run) -> list[str]:
    """Result and baselines."""
    return image_lines(run)
