"""Claims: the central sentence of a paper as an experiment with arms, a margin, seeds and a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from counterpoint.base.recipe import Recipe

Scores = Mapping[str, Mapping[str, float]]
"""Arm name -> metric name -> value, for one seed."""


@dataclass(frozen=True)
class Contrast:
    """One number per seed that the claim says is at least ``margin``.

    ``plus`` and ``minus`` name ``arm:metric`` terms that are added and subtracted; with
    ``("dcl16:knn",)`` and ``("infonce16:knn",)`` the number is the kNN gain of DCL at batch 16. ``times`` multiplies
    what is subtracted: "at least half as much again" is ``times=1.5`` with a margin of 0.
    """

    name: str
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()
    margin: float = 0.0
    times: float = 1.0

    def value(self, scores: Scores) -> float:
        """The contrast of one seed."""
        def read(term: str) -> float:
            arm, metric = term.split(":")
            return float(scores[arm][metric])

        return sum(map(read, self.plus)) - self.times * sum(map(read, self.minus))


@dataclass(frozen=True)
class Claim:
    """The experiment behind a verdict.

    Attributes
    ----------
    statement : the sentence, in words.
    arms : arm name to the settings that differ from ``recipe`` (dotted; ``{"system": "simclr"}`` changes the method,
        ``{"init_from": "ARM"}`` starts from the weights of an earlier arm of the same seed).
    contrasts : all must hold.
    seeds : fresh seeds; those used while choosing settings are in ``tuning_seeds`` and never reported.
    metrics : names to report per arm.
    parts : parts of the evaluation that the arms need; by default the probes that contrasts and metrics name.
    version : raised whenever arms, metric, margin or seeds change; verdicts of older versions stay on file.
    """

    statement: str
    recipe: Recipe
    arms: Mapping[str, Mapping[str, Any]]
    contrasts: tuple[Contrast, ...]
    seeds: tuple[int, ...]
    tuning_seeds: tuple[int, ...] = ()
    metrics: tuple[str, ...] = ("knn",)
    parts: tuple[str, ...] = ()
    fast: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    minutes: float = 0.0


Verdict = Literal["holds", "does not hold", "inconclusive"]


def judge(values: list[float], interval: tuple[float, float], margin: float) -> Verdict:
    """Verdict on one contrast from its per-seed values and the paired interval of their mean.

    ``holds``: the mean reaches the margin and the interval lies above zero, or above a margin that is negative ("no
    worse by more than"). ``does not hold``: the whole interval lies below the margin or that bound. Otherwise
    ``inconclusive``.
    """
    low, high = interval
    bound = min(margin, 0.0)
    if sum(values) / len(values) >= margin and low > bound:
        return "holds"
    return "does not hold" if high < margin or high <= bound else "inconclusive"
