"""Tables of a decoding run: people, showings, networks, regions, hours of data, and the map of what carried it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

from counterpoint.base.decoder import Decoder
from counterpoint.brain.ridge import RidgeDecoder
from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate.matching import retrieval_accuracy, retrieval_draws
from counterpoint.evaluate.statistics import binomial_interval
from counterpoint.train.decoding.predictions import fit_ridge, predict, target_of
from counterpoint.train.decoding.scores import Categories
from counterpoint.train.decoding.world import World
from counterpoint.train.features import evaluating

CONTROLS = 10
SECONDS_PER_TRIAL = 4.0
"""A picture of 3 s and a gap of 1 s, as in the Natural Scenes Dataset; for hours in the learning curve."""


def top1(pred: np.ndarray, target: np.ndarray, sets: np.ndarray) -> float:
    """Brain-to-image top-1 over the given candidate sets."""
    target = target[:, :pred.shape[1]] if target.ndim == 3 else target
    found = retrieval_accuracy(pred.reshape(len(pred), -1), target.reshape(len(target), -1), sets, ties="expected")
    return float(found.forward)


def categories_of(world: World, number: int) -> Categories | None:
    """Categories of one person's test pictures, where the data name any."""
    targets = world.targets
    if targets.labels is None:
        return None
    train = targets.rows(world.train[number])
    return Categories.of(targets.labels[targets.rows(world.test[number])], targets.picture[train],
                         targets.labels[train])


class Measure:
    """Retrieval and categories of one person under changes of the input, all on the same candidate sets."""

    def __init__(self, learner: Decoder, world: World, number: int, *, candidates: int, seed: int) -> None:
        self.learner, self.world, self.number, self.seed = learner, world, number, seed
        self.person, self.ids = world.people[number], world.test[number]
        self.target = target_of(world, self.ids)
        self.sets = retrieval_draws(len(self.ids), candidates=candidates, draws=30, seed=seed)
        self.categories = categories_of(world, number)

    def decoder(self, *, repeats: int | None = None, alter: Callable[[np.ndarray], np.ndarray] | None = None) -> float:
        """Of the decoder."""
        return self.both(repeats=repeats, alter=alter)[0]

    def both(self, *, repeats: int | None = None,
             alter: Callable[[np.ndarray], np.ndarray] | None = None) -> tuple[float, float]:
        """Top-1 of the decoder, and its accuracy of categories (not a number where pictures have none)."""
        found = predict(self.learner, self.person, self.ids, repeats=repeats, sample=False, alter=alter)["retrieval"]
        category = np.nan if self.categories is None else self.categories.accuracy(found)
        return top1(found, self.target, self.sets), category

    def ridge(self, ridge: RidgeDecoder, *, repeats: int | None = None, voxels: np.ndarray | None = None) -> float:
        """Of a ridge decoder."""
        x = self.person.mean(self.ids, repeats=repeats)
        return top1(ridge.predict(x if voxels is None else x[..., voxels]), self.target, self.sets)


def repeats_table(measure: Measure, ridge: RidgeDecoder) -> list[dict[str, Any]]:
    """Score against the number of showings that are averaged."""
    most = int((measure.person.trials_of(measure.ids) >= 0).sum(1).max())
    return [{"repeats": k, "top1": measure.decoder(repeats=k), "ridge": measure.ridge(ridge, repeats=k)}
            for k in range(1, most + 1)] if most > 1 else []


def masked(labels: np.ndarray, chosen: np.ndarray | int) -> Callable[[np.ndarray], np.ndarray]:
    """Set the entries whose label is ``chosen`` (or where a bool mask says so) to zero, their mean."""
    drop = labels == chosen if np.ndim(chosen) == 0 else np.asarray(chosen)

    def alter(x: np.ndarray) -> np.ndarray:
        return np.where(drop, np.float32(0), x)

    return alter


def networks_table(measure: Measure) -> list[dict[str, Any]]:
    """Test-time ablation: what is lost without a network, and without as many random parcels of the others.

    Lost are top-1 retrieval (``value``) and, where pictures have categories, the accuracy of the category
    (``category``): a network that codes meaning alone is needed for the second. Networks differ in size, so each
    stands beside a control of its own size: voxels (or parcels) drawn from outside it, ten times; a network larger
    than all others together has none. The interval of a control is its 2.5 and 97.5 percentiles over draws.
    """
    data, kept = measure.person.data, measure.person.kept
    if data.networks is None:
        return []
    networks, rng = data.networks[kept], np.random.default_rng(measure.seed)
    whole, rows = np.array(measure.both()), []
    for label in np.unique(networks[networks > 0]):
        inside = np.flatnonzero(networks == label)
        outside = np.flatnonzero(networks != label)
        drop = whole - measure.both(alter=masked(networks, int(label)))
        controls = []
        for _ in range(CONTROLS if len(outside) >= len(inside) else 0):
            mask = np.zeros(len(networks), bool)
            mask[rng.choice(outside, len(inside), replace=False)] = True
            controls.append(whole - measure.both(alter=masked(networks, mask)))
        row = {"name": data.network_names.get(int(label), str(label)), "label": int(label), "parcels": len(inside)}
        row |= _loss("", whole[0], drop[0], [control[0] for control in controls])
        if measure.categories is not None:
            row |= _loss("category_", whole[1], drop[1], [control[1] for control in controls])
        rows.append(row)
    return sorted(rows, key=lambda row: -row["value"])


def _loss(prefix: str, whole: float, drop: float, controls: list[float]) -> dict[str, Any]:
    """A score's columns in the table of networks."""
    low, high = np.percentile(controls, [2.5, 97.5]) if controls else (np.nan, np.nan)
    return {f"{prefix}value": float(drop), f"{prefix}control": float(np.mean(controls)) if controls else None,
            f"{prefix}control_low": float(low), f"{prefix}control_high": float(high), f"{prefix}whole": float(whole)}


def regions_table(measure: Measure, ceiling: np.ndarray | None, *, limit: int = 12) -> list[dict[str, Any]]:
    """Ridge from one region at a time, beside the region's median noise ceiling."""
    rows = []
    for name, mask in list(measure.person.rois.items())[:limit]:
        voxels = np.flatnonzero(mask)
        if len(voxels) < 5:
            continue
        value = measure.ridge(fit_ridge(measure.world, measure.number, voxels=voxels), voxels=voxels)
        low, high = binomial_interval(round(value * len(measure.ids)), len(measure.ids))
        rows.append({"name": name, "voxels": len(voxels), "top1": value, "low": low, "high": high,
                     "ceiling": None if ceiling is None else float(np.median(ceiling[voxels]))})
    return sorted(rows, key=lambda row: -row["top1"])


def learning_table(measure: Measure, refit: Callable[[int], Decoder] | None,
                   shares: Sequence[float] = (0.125, 0.25, 0.5, 1.0)) -> list[dict[str, Any]]:
    """Score against the amount of training data, ridge at every point, the decoder where ``refit`` trains one.

    Both learn from the same pictures, a seeded choice in which smaller ones are nested.
    """
    whole, rows = len(measure.world.train[measure.number]), []
    trials_of = measure.person.trials_of(measure.world.train[measure.number])
    per_picture = float((trials_of >= 0).sum(1).mean())
    for share in shares:
        count = round(share * whole)
        if count < 20:
            continue
        trials, ids = round(count * per_picture), measure.world.fewer(measure.number, count, measure.seed)
        row: dict[str, Any] = {"pictures": count, "trials": trials, "hours": trials * SECONDS_PER_TRIAL / 3600,
                               "ridge": measure.ridge(fit_ridge(measure.world, measure.number, ids=ids))}
        if share == 1.0:
            row["top1"] = measure.decoder()
        elif refit is not None:
            other = Measure(refit(count), measure.world, measure.number, candidates=measure.sets.shape[1],
                            seed=measure.seed)
            row["top1"] = other.decoder()
        rows.append(row)
    return rows


def contribution_map(learner: Decoder, world: World, number: int) -> np.ndarray:
    r"""``(voxels,)`` share of the matched similarity that each voxel carries, over test pictures.

    .. math:: c_v = \operatorname{mean}_i x_{iv} \, \partial s_i / \partial x_{iv}

    with :math:`s_i` the cosine between decoded and true embedding (gradient times input; Shrikumar et al., 2017), in
    which the length of the decoded embedding is held fixed: the shares of a linear decoder without bias then sum to
    the mean cosine (otherwise to 0, as a cosine does not change with the length of the input). It says what this
    decoder uses, not what the voxel codes: of two voxels that say the same it may use one.
    """
    person, ids = world.people[number], world.test[number]
    target = torch.from_numpy(target_of(world, ids)).to(learner.device)
    total = np.zeros(person.voxels)
    with evaluating(learner), torch.enable_grad():
        for start in range(0, len(ids), 64):
            x = torch.from_numpy(person.mean(ids[start:start + 64])).to(learner.device).requires_grad_()
            z = learner.decode({"responses": [x], "subject": [person.name]}, sample=False).retrieval
            flat = z.flatten(1)
            matched = (flat / flat.detach().norm(dim=1, keepdim=True).clamp_min(1e-12)
                       * normalize(target[start:start + 64, :z.shape[1]].flatten(1), dim=1)).sum()
            (gradient,) = torch.autograd.grad(matched, x)
            values = (gradient * x).detach()
            total += values.sum(tuple(range(values.ndim - 1))).cpu().numpy()
    return (total / len(ids)).astype(np.float32)


def ceiling_of(world: World, number: int) -> np.ndarray | None:
    """Noise ceilings in per cent of variance of the averaged test responses, where repeats or the data give them."""
    try:
        return world.people[number].noise_ceiling(split="test")
    except CounterpointError:
        return None
