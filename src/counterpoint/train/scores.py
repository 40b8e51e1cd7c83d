"""Rows of scores of one model's features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from counterpoint.evaluate.geometry import alignment, effective_rank, feature_std, uniformity
from counterpoint.evaluate.neighbours import knn_accuracy
from counterpoint.evaluate.probes import linear_probe
from counterpoint.evaluate.statistics import binomial_interval


class Scores(NamedTuple):
    rows: list[dict[str, Any]]
    predictions: np.ndarray


def score_features(train: np.ndarray, train_y: np.ndarray, test: np.ndarray, test_y: np.ndarray, *, seed: int,
                   num_classes: int, model: str) -> Scores:
    k = min(20, len(train))
    x, y, t, ty = (torch.as_tensor(v) for v in (train, train_y, test, test_y))
    knn = knn_accuracy(t, ty, x, y, num_classes=num_classes, k=k, temperature=0.1)
    probe = linear_probe(x, y, t, ty, num_classes=num_classes, seed=seed)
    low, high = binomial_interval(round(knn * len(t)), len(t))
    rows = [{"metric": "knn", "model": model, "value": knn, "low": low, "high": high,
             "protocol": f"cosine, k={k}, T=0.1", "split": "test", "n": len(t), "seed": seed},
            {"metric": "linear", "model": model, "value": probe.accuracy, "low": probe.interval.low,
             "high": probe.interval.high, "protocol": f"L-BFGS, weight decay {probe.weight_decay:g}",
             "split": "test", "n": len(t), "seed": seed}]
    return Scores(rows, np.asarray(probe.predictions))


def geometry_of(features: np.ndarray, views_a: Any, views_b: Any) -> dict[str, float]:
    spread = feature_std(torch.as_tensor(features))
    return {"alignment": float(alignment(views_a, views_b)), "uniformity": float(uniformity(views_a)),
            "effective_rank": float(effective_rank(torch.as_tensor(features))), "std": float(spread.std)}
