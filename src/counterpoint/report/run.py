"""A run in memory: what its folder holds, under names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

_WARNING = re.compile(r"(?<!Future)(?<!Deprecation)warning\b", re.IGNORECASE)
BASELINES = ("untrained", "pixels", "chance")


def number(value: Any) -> float:
    """``value`` as a float; anything that is not a number becomes NaN.

    >>> number(3), number(None), number("high")
    (3.0, nan, nan)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value)


@dataclass(frozen=True)
class Score:
    """One row of ``evaluation.json``."""

    metric: str
    model: str
    value: float
    low: float = math.nan
    high: float = math.nan
    protocol: str = ""
    split: str = ""
    n: int = 0
    seed: str = ""

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Score:
        """A row as written, with NaN or empty text where a field is absent."""
        size = number(row.get("n"))
        return cls(
            metric=str(row.get("metric", "")),
            model=str(row.get("model", "")),
            value=number(row.get("value")),
            low=number(row.get("low")),
            high=number(row.get("high")),
            protocol=str(row.get("protocol", "")),
            split=str(row.get("split", "")),
            n=0 if math.isnan(size) else int(size),
            seed=str(row.get("seed", "")),
        )

    @property
    def is_share(self) -> bool:
        """Whether the value is a share of 1 and may be printed in per cent."""
        return 0 <= self.value <= 1


@dataclass(frozen=True)
class Run:
    """A run folder in memory.

    Attributes
    ----------
    folder : where it was read from.
    info : run.json.
    settings : recipe.yaml with nested keys joined by dots.
    stamp, evaluation : the JSON files; empty where absent.
    steps, epochs : lines of metrics.jsonl by kind.
    arrays : embeddings.npz; empty where absent.
    log : the last 200 kB of train.log.
    problems : files that are there but could not be read, in words.
    """

    folder: Path
    info: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    stamp: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    log: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """System name."""
        return str(self.info.get("name") or self.settings.get("name") or self.folder.parent.name)

    @property
    def variant(self) -> str:
        """Recipe variant."""
        return str(self.info.get("variant") or self.settings.get("variant") or "default")

    @property
    def seed(self) -> str:
        """Seed as text; empty when it was not recorded."""
        recorded = self.section("run").get("seed")
        for value in (self.settings.get("seed"), recorded, self.info.get("seed")):
            if value is not None:
                return str(value)
        return ""

    @property
    def status(self) -> str:
        """done, failed, interrupted or running."""
        return str(self.info.get("status", "unknown"))

    @cached_property
    def scores(self) -> list[Score]:
        """Rows of evaluation.json that carry a finite value, by metric, the encoder first and baselines last."""
        rows = self.evaluation.get("scores") or []
        scores = [Score.read(row) for row in rows if isinstance(row, dict)]
        scores = [score for score in scores if math.isfinite(score.value)]
        metrics = list(dict.fromkeys(score.metric for score in scores))
        places = {model: place for place, model in enumerate(("encoder", "head", *BASELINES))}
        return sorted(scores, key=lambda score: (metrics.index(score.metric), places.get(score.model, 1.5)))

    def score(self, metric: str, model: str = "encoder") -> Score | None:
        """The first row with this metric and model."""
        return next((row for row in self.scores if (row.metric, row.model) == (metric, model)), None)

    @property
    def data_name(self) -> str:
        """Name of the data, or the last part of their path."""
        name = self.section("data").get("name") or self.settings.get("data.source") or ""
        return str(name).rstrip("/").rsplit("/", 1)[-1]

    @cached_property
    def class_names(self) -> list[str]:
        """Names of the classes, from the evaluation or the embeddings."""
        if "class_names" in self.arrays:
            return [str(name) for name in self.arrays["class_names"]]
        return [str(name) for name in self.section("data").get("classes") or []]

    def class_name(self, label: int) -> str:
        """The name of a class, or ``class 3`` where there is none."""
        name = self.class_names[label] if 0 <= label < len(self.class_names) else ""
        return name or ("unknown" if label < 0 else f"class {label}")

    def section(self, *keys: str) -> dict[str, Any]:
        """A nested dictionary of the evaluation, empty where it is absent."""
        value: Any = self.evaluation
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}

    def traceback(self) -> str:
        """The last traceback of the log, else the end of the log; empty for a run that ended well."""
        if self.status not in ("failed", "interrupted"):
            return ""
        start = self.log.rfind("Traceback (most recent call last)")
        return (self.log[start:] if start >= 0 else "\n".join(self.log.splitlines()[-40:])).strip()[-12_000:]

    def warnings(self) -> list[str]:
        """Warnings of every source, each once, at most 40."""
        kept = [*_texts(self.info.get("warnings")), *_texts(self.evaluation.get("warnings")), *self.notices]
        lines = [line.strip().removeprefix("warning: ") for line in self.log.splitlines() if _WARNING.search(line)]
        return list(dict.fromkeys([*self.problems, *kept, *lines]))[:40]


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
