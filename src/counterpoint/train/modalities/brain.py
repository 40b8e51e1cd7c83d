"""Brains: responses matched with what was seen, scored beside ridge, the untrained network and chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback
from torch import Tensor

from counterpoint.base.decoder import Decoder
from counterpoint.base.learner import Learner
from counterpoint.base.recipe import Recipe
from counterpoint.brain.spec import BrainData, BrainEncoder, BrainViews
from counterpoint.brain.targets import Targets
from counterpoint.core.discovery import method_class
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json
from counterpoint.data.loader import BatchLoader
from counterpoint.train.build import check_method
from counterpoint.train.console import Output
from counterpoint.train.decoding.evaluation import METRICS as METRICS
from counterpoint.train.decoding.evaluation import evaluate_decoder
from counterpoint.train.decoding.probe import DecodingProbe
from counterpoint.train.decoding.use import known_voxels
from counterpoint.train.decoding.world import World, fingerprint, load_world
from counterpoint.train.modalities import Earlier, Loaded, Plan, Reporting
from counterpoint.train.run import Run
from counterpoint.train.summary import relative, score

BASE = Recipe(data=BrainData(), encoder=BrainEncoder(), views=BrainViews())


def load(recipe: Recipe) -> Loaded:
    """People, parts and targets."""
    world = load_world(recipe)
    world.samples(recipe).plan(recipe.data.batch_size, 1)  # refuses a batch that nobody can fill
    return Loaded(recipe, world, world)


def headline(loaded: Loaded) -> str:
    """Who, how many pictures, how many voxels."""
    world: World = loaded.train
    people = ", ".join(f"{person.name} ({len(train)} pictures, {person.voxels} voxels)"
                       for person, train in zip(world.people, world.train, strict=True))
    return f"{people}, tested on {', '.join(str(len(ids)) for ids in world.test)}"


def data_stamp(loaded: Loaded) -> dict[str, Any]:
    """Names, counts and a fingerprint."""
    world: World = loaded.train
    return {"name": ", ".join(person.name for person in world.people), "train": sum(map(len, world.train)),
            "test": sum(map(len, world.test)), "hash": fingerprint(world)}


def build(loaded: Loaded) -> Decoder:
    """The decoder at its first weights, which the seed decides."""
    world: World = loaded.train
    text = world.targets.text
    t_r = next((person.data.t_r for person in world.people if person.data.t_r), None)
    shape = {"inputs": {person.name: person.voxels for person in world.people}, "tokens": world.targets.tokens,
             "dim": world.targets.dim, "text_dim": 0 if text is None else int(text.shape[-1]), "t_r": t_r or 2.0}
    targets = world.targets
    learner = make(loaded.recipe, shape, raw_dim=targets.mean.shape[-1], rotated=targets.rotation is not None)
    learner.target_mean.copy_(torch.from_numpy(targets.mean))
    learner.target_scale.fill_(targets.scale)
    if targets.rotation is not None:
        learner.target_rotation.copy_(torch.from_numpy(targets.rotation))
    return learner


def make(recipe: Recipe, shape: dict[str, Any], *, raw_dim: int, rotated: bool) -> Decoder:
    """Encoder and method for people and targets of this shape, with room for how targets were centred."""
    check_method(recipe.name, recipe.method)
    torch.manual_seed(recipe.seed)
    learner: Decoder = method_class(recipe.name)(recipe.encoder.build(**shape), **recipe.method)
    learner.attach(recipe, None)
    learner.register_buffer("target_mean", torch.zeros(shape["tokens"], raw_dim))
    learner.register_buffer("target_scale", torch.ones(()))
    learner.register_buffer("target_rotation", torch.zeros(raw_dim, shape["dim"]) if rotated else None)
    return learner


def training_data(loaded: Loaded) -> Any:
    """The training samples."""
    return loaded.train.samples(loaded.recipe)


def loader(loaded: Loaded, *, rank: int, world_size: int, plan: Plan | None = None) -> BatchLoader:
    """Batches with as many samples of everybody."""
    recipe, world = loaded.recipe, loaded.train
    samples = world.samples(recipe)
    return BatchLoader(samples, batch_size=recipe.data.batch_size, seed=recipe.seed, rank=rank, world_size=world_size,
                       batch_plan=samples.plan(recipe.data.batch_size, world_size))


def probe(loaded: Loaded, reporting: Reporting) -> Callback:
    """Retrieval on held-back training pictures."""
    return DecodingProbe(loaded.train, every=loaded.recipe.probe_every, seed=loaded.recipe.seed, reporting=reporting)


def describe_model(learner: Learner, loaded: Loaded) -> dict[str, Any]:
    """People with their voxels, the shape of targets and how they were centred."""
    targets = loaded.train.targets
    encoder = learner.encoder
    return {"shape": {"inputs": dict(encoder.inputs), "tokens": encoder.tokens, "dim": encoder.dim,
                      "text_dim": encoder.text_dim, "t_r": encoder.t_r},
            "raw_dim": targets.mean.shape[-1], "rotated": targets.rotation is not None,
            "class_names": list(targets.class_names)}


def rebuild(config: dict[str, Any], recipe: Recipe) -> Decoder:
    """The decoder for the same people and targets."""
    return make(recipe, config["shape"], raw_dim=config["raw_dim"], rotated=config["rotated"])


def adopt(loaded: Loaded, earlier: Earlier) -> Loaded:
    """Targets as the earlier run centred, turned and scaled them: a kept decoder decodes into the space it knows.

    A newcomer's own pictures may be too few to span that space.
    """
    kept, targets, views = earlier.read(), loaded.train.targets, loaded.recipe.views
    mean, rotation = kept["target_mean"].numpy(), kept.get("target_rotation")
    turned = bool(views.components or views.whiten)
    wide = rotation is not None and views.components and rotation.shape[1] > views.components
    if mean.shape != targets.mean.shape or turned != (rotation is not None) or wide:
        odd = "target_mean" if mean.shape != targets.mean.shape else "target_rotation"
        raise misfit(odd, earlier.place)
    world = dataclasses.replace(loaded.train, targets=targets.rebased(
        mean, None if rotation is None else rotation.numpy(), float(kept["target_scale"])))
    return Loaded(loaded.recipe, world, world)


def initialise(learner: Learner, tensors: dict[str, Tensor], where: str) -> None:
    """Take over every tensor but those of people who are not in both runs; what is shared must fit."""
    own = learner.state_dict()
    strangers = ("encoder.people.", "encoder.shared.adapters.", "low_people.")
    stray = [key for key in own if key not in tensors and not key.startswith(strangers)]
    odd = [key for key in own if key in tensors and own[key].shape != tensors[key].shape]
    if stray or odd:
        raise misfit((stray + odd)[0], where)
    learner.load_state_dict({key: tensors.get(key, value) for key, value in own.items()})


def misfit(tensor: str, where: str) -> CounterpointError:
    """The error for a model that another recipe made."""
    return CounterpointError(f"The model in {where} does not fit this recipe: {tensor} is absent or of another shape.",
                             "All but the people's own layers must agree.",
                             "--encoder, --views and --method settings as in that run")


def rebased(learner: Any, targets: Targets) -> Targets:
    """Targets as a decoder knows them."""
    rotation = learner.target_rotation
    return targets.rebased(learner.target_mean.cpu().numpy(), None if rotation is None else rotation.cpu().numpy(),
                           float(learner.target_scale))


def evaluate(learner: Learner, loaded: Loaded, run: Run, output: Output, *, metrics: Sequence[str]) -> dict[str, Any]:
    """Everything beside ridge."""
    assert isinstance(learner, Decoder)
    untrained = build(loaded).to(learner.device)
    return evaluate_decoder(learner, untrained, loaded.train, run, output, metrics=metrics,
                            refit=lambda pictures: refit(loaded, pictures))


def evaluate_again(run: Run, *, data: str | None, metrics: Sequence[str], quiet: bool) -> dict[str, Any]:
    """On the responses it was trained with, or on other ones of the same people."""
    from counterpoint.train.model import load as load_model

    model = load_model(run.path)
    learner, recipe = model.learner, model.recipe
    assert isinstance(learner, Decoder)
    if data is not None:
        recipe = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, source=data, options={}))
    world = load_world(recipe)
    world = dataclasses.replace(world, targets=rebased(learner, world.targets))
    for person in world.people:
        known_voxels(learner, person)
    name = "evaluation.json" if data is None else f"evaluation-{Path(data).name}.json"
    return evaluate_decoder(learner, build(Loaded(recipe, world, world)), world, run, Output(quiet=quiet),
                            metrics=metrics or METRICS, name=name,
                            refit=lambda pictures: refit(Loaded(recipe, world, world), pictures))


def refit(loaded: Loaded, pictures: int) -> Decoder:
    """The same recipe on ``pictures`` training pictures of each person, for as many steps."""
    from lightning.pytorch import Trainer

    recipe, world = loaded.recipe, loaded.train
    fewer = dataclasses.replace(world, train=[world.fewer(number, pictures, recipe.seed)
                                               for number in range(len(world.people))])
    batch = min(recipe.data.batch_size, max(2, pictures // 2))
    steps = recipe.epochs * max(len(ids) // recipe.data.batch_size for ids in world.train)
    epochs = max(min(1, recipe.epochs), round(steps / max(1, pictures // batch)))
    recipe = dataclasses.replace(recipe, epochs=epochs, data=dataclasses.replace(recipe.data, batch_size=batch))
    part = Loaded(recipe, fewer, fewer)
    learner = build(part)
    learner.solve(training_data(part))
    trainer = Trainer(max_epochs=epochs, accelerator=recipe.accelerator, devices=1, precision=recipe.precision,
                      logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                      use_distributed_sampler=False)
    learner.loader = lambda: loader(part, rank=0, world_size=1)
    trainer.fit(learner)
    return learner


def last_words(run: Run) -> list[str]:
    """Result, baselines, next command."""
    evaluation = read_json(run.path / "evaluation.json")
    shown = [(metric, words) for metric, words in (
        ("brain_to_image_top1", "brain to image"), ("image_to_brain_top1", "image to brain"),
        ("category_accuracy", "category")) if score(evaluation, metric, "decoder") is not None]
    row = next(row for row in evaluation["scores"] if row["metric"] == "brain_to_image_top1")
    result = ", ".join(f"{words} {100 * (score(evaluation, metric, 'decoder') or 0):.1f} %" for metric, words in shown)
    lines = [f"result     {result} ({row['protocol'].split(';')[0]})"]
    others = []
    for model, words in (("ridge", "ridge"), ("untrained", "untrained"), ("chance", "chance")):
        values = [score(evaluation, metric, model) for metric, _ in shown]
        others.append(f"{words} " + " / ".join(f"{100 * v:.1f}" if v is not None else "-" for v in values))
    p = score(evaluation, "permutation_p", "decoder")
    lines.append(f"baselines  {'; '.join(others)}; permutation p {p:.4f}")
    lines.append(f"next       counterpoint decode predict {relative(run.path)} --out decoded.npz")
    return lines
