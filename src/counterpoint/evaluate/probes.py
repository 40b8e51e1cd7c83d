"""Linear probes: how much of the labels a linear map reads out of frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_labels, as_rows, check_finite, same_width
from counterpoint.evaluate._softmax import Fit, accuracy, fit_lbfgs, fit_sgd, standardise
from counterpoint.evaluate.statistics import Interval, binomial_interval

_GRID = tuple(10.0**power for power in (0, -1, -2, -3, -4, -5))
_CHOOSING = 20_000
"""At most this many training samples choose the weight decay; the choice is carried over by samples x decay."""


class LinearProbe(NamedTuple):
    """What :func:`linear_probe` found: the first number and all that it takes to judge it."""

    accuracy: float
    interval: Interval
    weight_decay: float
    predictions: Tensor
    iterations: int
    converged: bool


def linear_probe(
    train_x: Array,
    train_y: Array,
    test_x: Array,
    test_y: Array,
    *,
    solver: str = "lbfgs",
    weight_decay: float | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    max_iterations: int = 500,
    tolerance: float = 1e-4,
) -> LinearProbe:
    r"""Accuracy on the test part of a linear classifier fitted to frozen features of the training part.

    .. math:: \min_{W, b} \; \frac1N \sum_i -\log \mathrm{softmax}(W x_i + b)_{y_i}
              + \frac{\lambda}{2} \lVert W \rVert_F^2

    on features standardised by the training part's mean and deviation; the intercept is not penalised. scikit-learn's
    ``LogisticRegression(C=1 / (N * weight_decay))`` is the same problem. The test part takes no part in any choice.

    Parameters
    ----------
    train_x, test_x : array
        ``(samples, dim)``.
    train_y, test_y : array
        ``(samples,)`` integers from 0.
    solver : {"lbfgs", "sgd"}
        ``lbfgs`` goes to the optimum. ``sgd`` is the stochastic protocol of the papers: 30 passes in batches of 256,
        momentum 0.9, rate 0.1 with a cosine to 0; ``max_iterations`` and ``tolerance`` do not apply.
    weight_decay : float, optional
        Lambda. None: from 1, 0.1, ... 1e-5 the one with the best accuracy on a sixth of (at most 20,000 of) the
        training part, the larger one of equals, then a fit to the whole training part.
    num_classes : int, optional
        The largest label plus one by default.
    seed : int
        Of the held-out part and of the batches.
    max_iterations, tolerance : int, float
        L-BFGS stops when no entry of the gradient exceeds ``tolerance``, or says that it did not converge.

    Returns
    -------
    LinearProbe
        ``accuracy``, its 95 % Wilson ``interval`` over test samples, the ``weight_decay`` used, ``predictions
        (test samples,)``, ``iterations`` of the last fit, and whether it ``converged``.

    Raises
    ------
    CounterpointError
        Shapes or labels that do not fit, non-finite features, an unknown solver, a negative weight decay.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(900, 3))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> result = linear_probe(x[:600], y[:600], x[600:], y[600:])
    >>> result.accuracy > 0.9, result.converged
    (True, True)
    """
    fit = _solver(solver, seed=seed, max_iterations=max_iterations, tolerance=tolerance)
    rough = _solver(solver, seed=seed, max_iterations=max_iterations, tolerance=max(tolerance, 3e-4))
    if weight_decay is not None and not 0 <= weight_decay < float("inf"):
        raise CounterpointError(f"weight_decay is {weight_decay}.", "A number from 0 up, or None to choose it.")
    x, y, other, truth = _checked(train_x, train_y, test_x, test_y, num_classes=num_classes)
    classes = num_classes or int(max(y.max(), truth.max())) + 1
    start = None
    if weight_decay is None:
        weight_decay, start = _choose(x, y, classes, rough, seed=seed)
    mean, scale, ready = standardise(x)
    found = fit(ready, y, classes, weight_decay, start)
    del ready
    predictions = found.predict((other - mean) / scale)
    correct = int((predictions == truth).sum())
    return LinearProbe(
        correct / len(truth),
        binomial_interval(correct, len(truth)),
        weight_decay,
        predictions,
        found.iterations,
        found.converged,
    )


def few_label_probe(
    train_x: Array,
    train_y: Array,
    test_x: Array,
    test_y: Array,
    *,
    fractions: Sequence[float] = (0.01, 0.1),
    solver: str = "lbfgs",
    weight_decay: float | None = None,
    num_classes: int | None = None,
    seed: int = 0,
) -> dict[float, LinearProbe]:
    """:func:`linear_probe` with a share of the training labels, for every share in ``fractions``.

    Samples are drawn per class (at least one of each); a smaller share is part of a larger one with the same seed.

    Returns
    -------
    dict
        Share -> :class:`LinearProbe`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(300, 3))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> results = few_label_probe(x[:200], y[:200], x[200:], y[200:], fractions=(0.1, 0.5))
    >>> results[0.5].accuracy > 0.9
    True
    """
    wrong = [share for share in fractions if not 0 < share <= 1]
    if wrong:
        raise CounterpointError(f"fractions holds {wrong[0]}.", "Shares above 0 and at most 1 were expected.")
    x = as_rows(train_x, "train_x")
    y = as_labels(train_y, "train_y", length=len(x))
    order, rank, sizes = _by_class(y, seed=seed)
    results = {}
    for share in fractions:
        kept = torch.from_numpy(order[rank < np.ceil(share * sizes)])
        results[share] = linear_probe(
            x[kept.to(x.device)],
            y[kept.to(y.device)],
            test_x,
            test_y,
            solver=solver,
            weight_decay=weight_decay,
            num_classes=num_classes,
            seed=seed,
        )
    return results


def _solver(name: str, *, seed: int, max_iterations: int, tolerance: float) -> Fit:
    if name == "lbfgs":
        return partial(fit_lbfgs, max_iterations=max_iterations, tolerance=tolerance)
    if name == "sgd":
        return partial(fit_sgd, seed=seed)
    raise CounterpointError(f'No solver called "{name}".', 'Known: "lbfgs", "sgd".')


def _checked(
    train_x: Array, train_y: Array, test_x: Array, test_y: Array, *, num_classes: int | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x, other = as_rows(train_x, "train_x"), as_rows(test_x, "test_x")
    same_width("train_x", x, "test_x", other)
    check_finite(x, "train_x")
    check_finite(other, "test_x")
    y = as_labels(train_y, "train_y", length=len(x), num_classes=num_classes)
    truth = as_labels(test_y, "test_y", length=len(other), num_classes=num_classes)
    return x, y.to(x.device), other.to(x), truth.to(x.device)


def _choose(x: Tensor, y: Tensor, classes: int, fit: Fit, *, seed: int) -> tuple[float, Tensor | None]:
    """The weight decay for all of ``x``, and the weights found on the way, as a start."""
    order, rank, sizes = _by_class(y, seed=seed)
    keep = min(1.0, _CHOOSING / len(x))
    sizes = np.maximum(np.ceil(keep * sizes), 1)
    held = np.floor(sizes / 6)
    held_rows = torch.from_numpy(order[rank < held]).to(x.device)
    rows = torch.from_numpy(order[(rank >= held) & (rank < sizes)]).to(x.device)
    if not len(held_rows):
        return 1.0 / len(x), None  # too few to hold any out: scikit-learn's default, C = 1
    mean, scale, ready = standardise(x[rows])
    other, truth, mine = (x[held_rows] - mean) / scale, y[held_rows], y[rows]
    best, start, chosen, weights = -1.0, None, _GRID[0], None
    for candidate in _GRID:
        found = fit(ready, mine, classes, candidate * len(x) / len(rows), weights)
        weights, score = found.weights, accuracy(found.predict(other), truth)
        if score > best:
            best, start, chosen = score, weights, candidate
    return chosen, start


def _by_class(labels: Tensor, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in a seeded order, each one's place within its class, and the size of its class."""
    y = labels.cpu().numpy()
    order = np.random.default_rng(seed).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    _, first, counts = np.unique(y[order], return_index=True, return_counts=True)
    return order, np.arange(len(y)) - np.repeat(first, counts), np.repeat(counts, counts)
