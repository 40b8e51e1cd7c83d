"""A run in memory: what its folder holds, under names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.discovery import systems
from counterpoint.core.errors import CounterpointError
from counterpoint.report.metrics import may_be_share

_WARNING = re.compile(r"(?<!Future)(?<!Deprecation)warning\b", re.IGNORECASE)
BASELINES = ("ridge", "logistic", "untrained", "shuffled", "pixels", "chance")
DECODERS = ("decoder", "prior", "backbone")


def number(value: Any) -> float:
    """``value`` as a float; anything that is not a number becomes NaN.

    >>> number(3), number(None), number("high")
    (3.0, nan, nan)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value)


def column(rows: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """One key of many rows as floats, NaN where it is absent or no number."""
    return np.array([number(row.get(key)) for row in rows], dtype=float)


@dataclass(frozen=True)
class Score:
    """One row of ``evaluation.json``.

    ``p`` is a permutation p-value out of ``permutations``; ``candidates``, ``draws`` and ``repeats`` (averaged
    showings) belong to retrieval. NaN or 0 where absent: most evaluations say these in the protocol.
    """

    metric: str
    model: str
    value: float
    low: float = math.nan
    high: float = math.nan
    protocol: str = ""
    split: str = ""
    n: int = 0
    seed: str = ""
    p: float = math.nan
    permutations: int = 0
    candidates: int = 0
    draws: int = 0
    repeats: int = 0

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Score:
        """A row as written, with NaN or empty text where a field is absent."""
        return cls(
            metric=str(row.get("metric", "")),
            model=str(row.get("model", "")),
            value=number(row.get("value")),
            low=number(row.get("low")),
            high=number(row.get("high")),
            protocol=str(row.get("protocol", "")),
            split=str(row.get("split", "")),
            n=_count(row.get("n")),
            seed=str(row.get("seed", "")),
            p=number(row.get("p")),
            permutations=_count(row.get("permutations")),
            candidates=_count(row.get("candidates")),
            draws=_count(row.get("draws")),
            repeats=_count(row.get("repeats")),
        )

    @property
    def is_share(self) -> bool:
        """Whether the value is a share of 1 and may be printed in per cent."""
        return 0 <= self.value <= 1 and may_be_share(self.metric)


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
    arrays, brain, examples : embeddings.npz, brain.npz and examples.npz; empty where absent.
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
    brain: dict[str, np.ndarray] = field(default_factory=dict)
    examples: dict[str, np.ndarray] = field(default_factory=dict)
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
        order = ("encoder", *DECODERS, "head", "", *BASELINES)
        places = {model: place for place, model in enumerate(order)}
        return sorted(scores, key=lambda score: (metrics.index(score.metric), places.get(score.model, places[""])))

    @cached_property
    def is_brain(self) -> bool:
        """Whether the run decodes brain responses: by its arrays, its scores, or its system's modality."""
        if self.brain or any(row.model in DECODERS for row in self.scores):
            return True
        try:
            found = systems().get(self.name)
        except CounterpointError:
            return False
        return found is not None and found.modality in ("brain", "fmri")

    @cached_property
    def own_scores(self) -> list[Score]:
        """What the trained model itself reached: rows of the encoder; of a brain run the decoder, else the prior."""
        if not self.is_brain:
            return [row for row in self.scores if row.model == "encoder"]
        first: dict[str, str] = {}
        for row in self.scores:  # sorted: the decoder comes first
            if row.model in ("encoder", *DECODERS):
                first.setdefault(row.metric, row.model)
        return [row for row in self.scores if first.get(row.metric) == row.model]

    def score(self, metric: str, model: str = "") -> Score | None:
        """The first row with this metric and model; without a model, of the trained model itself."""
        rows = [row for row in self.scores if row.model == model] if model else self.own_scores
        return next((row for row in rows if row.metric == metric), None)

    def table(self, name: str) -> list[dict[str, Any]]:
        """Rows of one of the tables of evaluation.json; empty where it is absent."""
        rows = self.section("tables").get(name)
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    @property
    def data_name(self) -> str:
        """Name of the data, or the last part of their path."""
        name = self.section("data").get("name") or self.settings.get("data.source") or ""
        return str(name).rstrip("/").rsplit("/", 1)[-1]

    @cached_property
    def class_names(self) -> list[str]:
        """Names of the classes, from the embeddings, the brain arrays or the evaluation."""
        for arrays in (self.arrays, self.brain):
            if "class_names" in arrays:
                return [str(name) for name in arrays["class_names"]]
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


def _count(value: Any) -> int:
    found = number(value)
    return int(found) if math.isfinite(found) and found > 0 else 0


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
