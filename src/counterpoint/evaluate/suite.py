"""All scores of one model at once: rows with protocol, split, n, seed and interval, and the geometry beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.core.errors import unknown
from counterpoint.evaluate._arrays import Array, as_labels, as_rows, as_tensor, check_finite
from counterpoint.evaluate.geometry import alignment, effective_rank, feature_std, uniformity
from counterpoint.evaluate.neighbours import nearest, pixel_knn, weighted_knn
from counterpoint.evaluate.probes import linear_probe
from counterpoint.evaluate.statistics import binomial_interval

_K, _TEMPERATURE, _PIXEL_K = 20, 0.1, 6
_SAMPLE = 10_000
"""Rows that uniformity is measured on; its cost grows with their square."""


class Scores(NamedTuple):
    """Rows for ``evaluation.json``, and the linear probe's predictions where it ran; see :func:`score_features`."""

    rows: list[dict[str, Any]]
    predictions: NDArray[np.int64] | None


class _Labelled(NamedTuple):
    """Features and classes of both parts, rows of unknown class left out."""

    train: Tensor
    train_y: Tensor
    test: Tensor
    test_y: Tensor
    classes: int
    seed: int
    pixels: bool


def score_features(
    train: Array,
    train_y: Array | None,
    test: Array,
    test_y: Array | None,
    *,
    seed: int,
    num_classes: int | None = None,
    model: str = "encoder",
    split: str = "test",
    metrics: Sequence[str] = ("knn", "linear"),
) -> Scores:
    """Scores of one model's frozen features, each with its protocol and a 95 % Wilson interval over test samples.

    Parameters
    ----------
    train, test : array
        ``(samples, dim)`` features: the bank and training set of the probe, and the samples that are scored.
    train_y, test_y : array or None
        ``(samples,)`` integer classes; -1 marks an unknown class, and such rows are left out. None, real-valued
        targets, fewer than two training classes or no labelled test sample leave nothing to score: no rows.
    seed : int
        Of the probe's held-out part; noted in the rows.
    num_classes : int, optional
        The largest label plus one by default.
    model : str
        Name for the rows and for error messages. ``"pixels"`` takes raw pictures as rows and scores kNN by
        :func:`pixel_knn`, a harder baseline on pixels than the cosine is.
    split : str
        Name of the scored part.
    metrics : sequence of str
        Of ``knn`` (:func:`weighted_knn`, k = 20, T = 0.1), ``linear`` (:func:`linear_probe` to the optimum),
        ``linear_sgd`` (the same by SGD) and ``retrieval_r1`` (is the nearest other test sample of the same class).

    Returns
    -------
    Scores
        ``rows``: dictionaries with metric, model, value, low, high, protocol, split, n, seed. ``predictions``: the
        linear probe's, for the labelled test samples in their order, or None.

    Raises
    ------
    CounterpointError
        NaN or infinite features (the message names the model), shapes that do not fit, an unknown metric.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.repeat(np.eye(2), 30, axis=0), np.repeat([0, 1], 30)
    >>> row = score_features(x, y, x, y, seed=0, metrics=("knn",)).rows[0]
    >>> row["value"], row["protocol"]
    (1.0, 'cosine, k=20, T=0.1')
    """
    for metric in metrics:
        if metric not in _METRICS:
            raise unknown("metric", metric, _METRICS, "metrics=('knn', 'linear')")
    rows = as_rows(train, f"{model}: train", keep_integers=True)
    other = as_rows(test, f"{model}: test", keep_integers=True)
    check_finite(rows, f"features of {model} (training part)")
    check_finite(other, f"features of {model} ({split} part)")
    data = _labelled(rows, train_y, other, test_y, num_classes=num_classes, seed=seed, pixels=model == "pixels")
    found: list[dict[str, Any]] = []
    predictions = None
    if data is None:
        return Scores(found, predictions)
    for metric in metrics:
        guessed, truth, protocol = _METRICS[metric](data)
        correct = int((guessed == truth).sum())
        low, high = binomial_interval(correct, len(truth))
        found.append({"metric": metric, "model": model, "value": correct / len(truth), "low": low, "high": high,
                      "protocol": protocol, "split": split, "n": len(truth), "seed": seed})
        if metric == "linear":
            predictions = guessed.cpu().numpy()
    return Scores(found, predictions)


def geometry_of(
    features: Array,
    views_a: Array | None = None,
    views_b: Array | None = None,
    *,
    model: str = "encoder",
    seed: int = 0,
) -> dict[str, float | None]:
    """Alignment, uniformity, effective rank and spread of one model's features.

    Parameters
    ----------
    features : array
        ``(samples, dim)``, 2 rows or more, of plain pictures. Uniformity is taken on 10,000 of them at most.
    views_a, views_b : array, optional
        ``(samples, dim)`` features of two views, row i with row i; without them ``alignment`` is None.
    model : str
        Name for error messages.
    seed : int
        Of the sample for uniformity.

    Returns
    -------
    dict
        ``alignment``, ``uniformity``, ``effective_rank``, ``std`` (:func:`feature_std`) and ``std_ratio``.

    Examples
    --------
    >>> import numpy as np
    >>> found = geometry_of(np.ones((5, 4)))
    >>> round(found["effective_rank"], 3), abs(round(found["uniformity"], 3)), found["std"], found["alignment"]
    (1.0, 0.0, 0.0, None)
    """
    rows = as_rows(features, f"features of {model}", smallest=2)
    check_finite(rows, f"features of {model}")
    near = None
    if views_a is not None and views_b is not None:
        for name, views in (("first", views_a), ("second", views_b)):
            check_finite(as_rows(views, f"{name} views of {model}"), f"{name} views of {model}")
        near = float(alignment(views_a, views_b))
    sample = rows
    if len(rows) > _SAMPLE:
        sample = rows[torch.from_numpy(np.random.default_rng(seed).permutation(len(rows))[:_SAMPLE]).to(rows.device)]
    spread = feature_std(rows)
    return {
        "alignment": near,
        "uniformity": float(uniformity(sample)),
        "effective_rank": float(effective_rank(rows)),
        "std": float(spread.std),
        "std_ratio": float(spread.ratio),
    }


def _labelled(
    train: Tensor,
    train_y: Array | None,
    test: Tensor,
    test_y: Array | None,
    *,
    num_classes: int | None,
    seed: int,
    pixels: bool,
) -> _Labelled | None:
    if train_y is None or test_y is None:
        return None
    y, truth = as_tensor(train_y, "train_y"), as_tensor(test_y, "test_y")
    if y.is_floating_point() or truth.is_floating_point():
        return None
    limit = num_classes
    y = as_labels(y + 1, "train_y + 1", length=len(train), num_classes=limit and limit + 1).to(train.device) - 1
    truth = as_labels(truth + 1, "test_y + 1", length=len(test), num_classes=limit and limit + 1).to(test.device) - 1
    if len(y[y >= 0].unique()) < 2 or not bool((truth >= 0).any()):
        return None
    classes = num_classes or int(max(y.max(), truth.max())) + 1
    fit, tell = y >= 0, truth >= 0
    if not bool(fit.all()):
        train, y = train[fit], y[fit]
    if not bool(tell.all()):
        test, truth = test[tell], truth[tell]
    return _Labelled(train, y, test, truth, classes=classes, seed=seed, pixels=pixels)


def _knn(data: _Labelled) -> tuple[Tensor, Tensor, str]:
    if data.pixels:
        k = min(_PIXEL_K, len(data.train))
        guessed = pixel_knn(data.test, data.train, data.train_y, num_classes=data.classes, k=k)
        return guessed, data.test_y, f"Euclidean on raw pixels, k={k}, votes 1/distance"
    k = min(_K, len(data.train))
    guessed = weighted_knn(data.test, data.train, data.train_y, num_classes=data.classes, k=k, temperature=_TEMPERATURE)
    return guessed, data.test_y, f"cosine, k={k}, T={_TEMPERATURE:g}"


def _linear(data: _Labelled) -> tuple[Tensor, Tensor, str]:
    probe = linear_probe(data.train, data.train_y, data.test, data.test_y, num_classes=data.classes, seed=data.seed)
    ended = "" if probe.converged else f", not converged after {probe.iterations} iterations"
    protocol = (f"L-BFGS on standardised features, weight decay {probe.weight_decay:g} from a held-out part of the "
                f"training part{ended}")
    return probe.predictions, data.test_y, protocol


def _linear_sgd(data: _Labelled) -> tuple[Tensor, Tensor, str]:
    probe = linear_probe(data.train, data.train_y, data.test, data.test_y, num_classes=data.classes, seed=data.seed,
                         solver="sgd")
    protocol = f"SGD on standardised features, 30 epochs, weight decay {probe.weight_decay:g}"
    return probe.predictions, data.test_y, protocol


def _retrieval(data: _Labelled) -> tuple[Tensor, Tensor, str]:
    if len(data.test) < 2:
        return torch.full_like(data.test_y, -1), data.test_y, "cosine, no other sample"
    index = nearest(data.test, data.test, 1, exclude_self=True).indices[:, 0]
    return data.test_y[index], data.test_y, "cosine, nearest other sample of the scored part"


_METRICS: dict[str, Callable[[_Labelled], tuple[Tensor, Tensor, str]]] = {
    "knn": _knn,
    "linear": _linear,
    "linear_sgd": _linear_sgd,
    "retrieval_r1": _retrieval,
}
