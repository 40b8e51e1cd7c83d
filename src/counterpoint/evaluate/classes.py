"""What class counts alone say: the level of chance, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from counterpoint.evaluate._arrays import Array, as_labels, as_tensor
from counterpoint.evaluate.statistics import binomial_interval


def chance_scores(
    train_y: Array, test_y: Array, *, seed: int, split: str = "test", metrics: Sequence[str] = ("knn", "linear")
) -> list[dict[str, Any]]:
    """Rows of model ``chance``: the accuracy of always naming the most frequent training class.

    Labels of -1 (unknown) are left out. No labelled sample on either side: no rows.

    Examples
    --------
    >>> import numpy as np
    >>> chance_scores(np.array([0, 0, 1]), np.array([0, 1, 1, 1]), seed=0, metrics=("knn",))[0]["value"]
    0.25
    """
    known, truth = (labels[labels >= 0] for labels in (as_tensor(train_y, "train_y"), as_tensor(test_y, "test_y")))
    if not len(known) or not len(truth):
        return []
    value = float((truth == torch.bincount(known.long()).argmax()).double().mean())
    low, high = binomial_interval(round(value * len(truth)), len(truth))
    return [
        {
            "metric": metric,
            "model": "chance",
            "value": value,
            "low": low,
            "high": high,
            "protocol": "most frequent training class",
            "split": split,
            "n": len(truth),
            "seed": seed,
        }
        for metric in metrics
    ]


def confusion(labels: Array, predictions: Array, *, num_classes: int) -> NDArray[np.int64]:
    """Counts ``(num_classes, num_classes)``: row the true class, column the predicted one.

    >>> import numpy as np
    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), num_classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    truth = as_labels(labels, "labels", length=len(labels), num_classes=num_classes).cpu()
    guessed = as_labels(predictions, "predictions", length=len(truth), num_classes=num_classes).cpu()
    counts = torch.bincount(truth * num_classes + guessed, minlength=num_classes**2)
    return counts.view(num_classes, num_classes).numpy()
