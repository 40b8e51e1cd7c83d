"""Scores of predictions beside ridge, the untrained decoder, shuffled pairs and chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import combine_pvalues

from counterpoint.evaluate.decoding import decoding_scores
from counterpoint.evaluate.frechet import frechet_distance, variance_ratio
from counterpoint.evaluate.identification import n_way_top_k
from counterpoint.evaluate.permutation import matched_permutation_test
from counterpoint.evaluate.statistics import binomial_interval, bootstrap_interval

FRECHET_COMPONENTS = 32
Row = dict[str, Any]


def score_embeddings(pred: np.ndarray, target: np.ndarray, *, model: str, seed: int, candidates: int,
                     draws: int = 30, chance: bool = False) -> list[Row]:
    """Retrieval both ways, two-way identification; distance and spread of the embeddings as a set.

    A prediction with fewer tokens than the target is compared with the target's first ones.
    """
    target = target[:, :pred.shape[1]] if pred.ndim == 3 else target
    pred, target = pred.reshape(len(pred), -1), target.reshape(len(target), -1)
    rows = decoding_scores(pred, target, candidates=candidates, draws=draws, seed=seed, model=model)
    rows = [row for row in rows if chance or row["model"] != "chance"]
    few = min(FRECHET_COMPONENTS, target.shape[1], len(target) - 1)
    value = frechet_distance(target, pred, components=few)
    rows.append(_row("frechet", model, value, (value, value), f"embeddings in the first {few} principal directions of "
                     f"the {len(target)} true ones; lower is better", len(pred), seed))
    spread = variance_ratio(target, pred)
    rows.append(_row("variance_ratio", model, spread, (spread, spread), "variance of predictions over that of the true "
                     "embeddings; 1 is right", len(pred), seed))
    return rows


@dataclass(frozen=True)
class Categories:
    """Categories as places among embeddings: each is the mean embedding of its training pictures.

    No response is involved. A prediction points at the category with the highest cosine; chance is the most frequent
    test category.
    """

    names: np.ndarray
    centres: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, train: np.ndarray, train_labels: np.ndarray) -> Categories | None:
        """Those with at least three training pictures, or None where there is nothing to tell apart."""
        kept = np.array([k for k in np.unique(train_labels) if k >= 0 and (train_labels == k).sum() >= 3], np.int64)
        if len(kept) < 2 or np.isin(labels, kept).sum() < 2:
            return None
        return cls(kept, np.stack([train[train_labels == k].mean(0) for k in kept]), labels)

    @property
    def known(self) -> np.ndarray:
        """Test pictures whose category is one of these."""
        return np.isin(self.labels, self.names)

    def guess(self, pred: np.ndarray) -> np.ndarray:
        """The category that each prediction points at; -1 where the picture's own is not among them.

        Predictions with fewer tokens than the target are compared with its first ones.
        """
        centres = (self.centres[:, :pred.shape[1]] if pred.ndim == 3 else self.centres).reshape(len(self.centres), -1)
        similarity = pred.reshape(len(pred), -1) @ (centres / np.linalg.norm(centres, axis=1, keepdims=True)).T
        return np.where(self.known, self.names[similarity.argmax(1)], -1)

    def accuracy(self, pred: np.ndarray) -> float:
        """Share of the test pictures whose category was found."""
        return float((self.guess(pred) == self.labels)[self.known].mean())

    def rows(self, pred: np.ndarray, *, model: str, seed: int) -> list[Row]:
        """Accuracy of the category with its interval, and chance beside the decoder."""
        value, n = self.accuracy(pred), int(self.known.sum())
        protocol = f"cosine with the mean embedding of each of {len(self.names)} categories of training pictures"
        rows = [_row("category_accuracy", model, value, binomial_interval(round(value * n), n), protocol, n, seed)]
        if model == "decoder":
            most = int(np.bincount(self.labels[self.known]).max())
            rows.append(_row("category_accuracy", "chance", most / n, (most / n, most / n), "most frequent category",
                             n, seed))
        return rows


def score_semantics(pred: np.ndarray, true: np.ndarray, classifier: Any, *, model: str, seed: int,
                    n_way: int = 50) -> list[Row]:
    """n-way top-1 over the classes that the picture network's own classifier reads from an embedding, exact."""
    with torch.no_grad():
        probabilities = classifier(torch.from_numpy(pred)).softmax(1).numpy()
        targets = classifier(torch.from_numpy(true)).argmax(1).numpy()
    values = n_way_top_k(probabilities, targets, n_way=n_way)
    protocol = (f"{n_way}-way over ImageNet classes read from the embedding by EfficientNet-Lite0's classifier, exact "
                "expectation")
    rows = [_row("n_way_top1", model, float(values.mean()), bootstrap_interval(values, seed=seed), protocol,
                 len(values), seed)]
    if model == "decoder":
        rows.append(_row("n_way_top1", "chance", 1 / n_way, (1 / n_way, 1 / n_way), f"1 of {n_way}", len(values), seed))
    return rows


def matched_row(pred: np.ndarray, target: np.ndarray, *, metric: str, model: str, seed: int) -> Row:
    """Is the match better than chance? Permutation p-value of the mean matched cosine."""
    target = target[:, :pred.shape[1]] if target.ndim == 3 else target
    a, b = (x.reshape(len(x), -1) / np.linalg.norm(x.reshape(len(x), -1), axis=1, keepdims=True).clip(1e-12)
            for x in (pred, target))
    found = matched_permutation_test(a @ b.T, num_permutations=9999, seed=seed)
    return _row(metric, model, float(found.p_value), (float(found.p_value),) * 2,
                f"mean matched cosine {float(found.statistic):.4f} against 9,999 re-pairings of the same predictions; "
                "lower is better", len(pred), seed)


def pooled(rows: Iterable[Row]) -> list[Row]:
    """Rows of several people as one: means of value and interval, protocols as of the first, n summed."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["metric"], row["model"]), []).append(row)
    found = []
    for same in groups.values():
        row = dict(same[0])
        if len(same) > 1:
            for key in ("value", "low", "high"):
                row[key] = float(np.mean([one[key] for one in same]))
            row["n"] = sum(one["n"] for one in same)
            how = f"mean over {len(same)} people"
            if row["metric"].endswith("_p"):
                row["value"] = row["low"] = row["high"] = float(combine_pvalues([one["value"] for one in same]).pvalue)
                how = f"{len(same)} people by Fisher's method"
            row["protocol"] += f"; {how}"
        found.append(row)
    return found


def _row(metric: str, model: str, value: float, interval: Any, protocol: str, n: int, seed: int) -> Row:
    return {"metric": metric, "model": model, "value": float(value), "low": float(interval[0]),
            "high": float(interval[1]), "protocol": protocol, "split": "test", "n": n, "seed": seed}
