"""Scores of one model's features: rows of evaluation.json, each with protocol, split, n, seed and interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from counterpoint.evaluate.geometry import alignment, effective_rank, feature_std, uniformity
from counterpoint.evaluate.neighbours import knn_accuracy
from counterpoint.evaluate.probes import linear_probe
from counterpoint.evaluate.statistics import binomial_interval


class Scores(NamedTuple):
    """Rows of scores, and the linear probe's predictions where it was asked for."""

    rows: list[dict[str, Any]]
    predictions: np.ndarray | None


def score_features(train: np.ndarray, train_y: np.ndarray, test: np.ndarray, test_y: np.ndarray, *, seed: int,
                   num_classes: int, model: str, metrics: Sequence[str]) -> Scores:
    """kNN and linear probe of frozen features; intervals are Wilson's over test samples.

    Parameters
    ----------
    train, test : ndarray ``(samples, dim)``
    train_y, test_y : ndarray ``(samples,)``
    metrics : of "knn" (cosine, votes exp(similarity / 0.1)) and "linear" (L-BFGS to the optimum, weight decay chosen
        on a held-out part of the training samples).
    """
    x, y, other, truth = (torch.as_tensor(value) for value in (train, train_y, test, test_y))
    common = {"model": model, "split": "test", "n": len(test), "seed": seed}
    rows: list[dict[str, Any]] = []
    predictions = None
    if "knn" in metrics:
        k = min(20, len(train))
        value = knn_accuracy(other, truth, x, y, num_classes=num_classes, k=k, temperature=0.1)
        low, high = binomial_interval(round(value * len(test)), len(test))[:2]
        rows.append({"metric": "knn", "value": value, "low": low, "high": high,
                     "protocol": f"cosine, k={k}, T=0.1", **common})
    if "linear" in metrics:
        probe = linear_probe(x, y, other, truth, num_classes=num_classes, seed=seed)
        predictions = probe.predictions.numpy()
        rows.append({"metric": "linear", "value": probe.accuracy, "low": probe.interval[0],
                     "high": probe.interval[1], "protocol": "L-BFGS on standardised features, weight decay "
                     f"{probe.weight_decay:g} from a held-out part of the training pictures", **common})
    return Scores(rows, predictions)


def geometry_of(features: np.ndarray, views_a: torch.Tensor, views_b: torch.Tensor) -> dict[str, float]:
    """Alignment and uniformity of two views, effective rank and spread of plain features."""
    values, spread = torch.as_tensor(features), feature_std(torch.as_tensor(features))
    return {"alignment": float(alignment(views_a, views_b)), "uniformity": float(uniformity(views_a)),
            "effective_rank": float(effective_rank(values)), "std": float(spread.std)}
