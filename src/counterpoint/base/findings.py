"""What a system says of itself on pictures it never saw: scores, tables and pictures of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from torch import Tensor

from counterpoint.data.source import ImageSource

Part = Literal["train", "test"]


class Score(NamedTuple):
    """One number with what is needed to read it.

    ``model`` says whose it is ("encoder", or one of the report's baselines: "untrained", "pixels", "chance");
    ``interval`` is its 95 % interval where there is one, ``n`` how many samples stand behind it.
    """

    metric: str
    value: float
    protocol: str
    interval: tuple[float, float] | None = None
    n: int = 0
    model: str = "encoder"

    def row(self, seed: int) -> dict[str, Any]:
        """The row of evaluation.json."""
        low, high = self.interval or (self.value, self.value)
        return {"metric": self.metric, "model": self.model, "value": float(self.value), "low": float(low),
                "high": float(high), "protocol": self.protocol, "split": "test", "n": self.n, "seed": seed}


class Grid(NamedTuple):
    """Pictures that the report draws: ``(rows, columns, channels, height, width)``, uint8 or float in 0..1."""

    title: str
    rows: tuple[str, ...]
    pictures: np.ndarray
    words: str
    """What is to be seen, one sentence."""


class Findings(NamedTuple):
    """What :meth:`Learner.examine` returns.

    Attributes
    ----------
    scores : list of Score
        Rows beside kNN and the linear probe; a claim names them ``arm:metric``.
    tables : dict
        Name to rows, under ``tables`` of evaluation.json.
    grids : list of Grid
        Pictures for the report.
    """

    scores: tuple[Score, ...] = ()
    tables: Mapping[str, list[dict[str, Any]]] = {}
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True)
class Examined:
    """The data that a system is examined on, and how to run a function over them.

    Attributes
    ----------
    train, test : ImageSource
        Training pictures (bank, training set of probes) and those that are scored.
    features : dict
        ``(n, dim)`` float32 of both parts under "encoder", "untrained" and, with a projector, "head".
    collect : callable
        ``collect(function, part, indices=None)``: ``function(batch) -> Tensor`` over a part in evaluation mode without
        gradient, block by block; the rows as one array. The batch has the plain picture as its only view.
    views : callable
        ``views(indices) -> list of Tensor``: training views, seeded, of test pictures.
    seed : int
    """

    train: ImageSource
    test: ImageSource
    features: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(repr=False)
    collect: Callable[..., np.ndarray] = field(repr=False)
    views: Callable[[np.ndarray], list[Tensor]] = field(repr=False)
    seed: int = 0

    def sample(self, count: int, part: Part = "test") -> np.ndarray:
        """Positions of at most ``count`` pictures, a seeded choice in ascending order."""
        total = len(self.test if part == "test" else self.train)
        return np.sort(np.random.default_rng(self.seed).permutation(total)[:count])

