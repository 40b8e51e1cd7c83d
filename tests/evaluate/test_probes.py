"""Linear probes against scikit-learn, and what they may look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import _softmax, few_label_probe, linear_probe, probes
from counterpoint.evaluate.statistics import binomial_interval

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def digits() -> Data:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    return x[:1200], y[:1200], x[1200:], y[1200:]


@pytest.mark.parametrize("weight_decay", [1e-1, 1e-3])
def test_the_optimum_is_scikit_learns(digits: Data, weight_decay: float) -> None:
    x, y, other, truth = digits
    _, _, ready = _softmax.standardise(torch.from_numpy(x))
    found = _softmax.fit_lbfgs(ready, torch.from_numpy(y), 10, weight_decay, None, max_iterations=2000, tolerance=1e-8)
    assert found.converged
    judge = LogisticRegression(C=1 / (len(x) * weight_decay), tol=1e-10, max_iter=5000)
    scaler = StandardScaler().fit(x)
    judge.fit(scaler.transform(x), y)
    np.testing.assert_allclose(found.weights[:, :-1].numpy(), judge.coef_, atol=2e-5)
    bias = found.weights[:, -1].numpy()
    np.testing.assert_allclose(bias - bias.mean(), judge.intercept_ - judge.intercept_.mean(), atol=2e-4)
    result = linear_probe(x, y, other, truth, weight_decay=weight_decay, tolerance=1e-7)
    assert result.predictions.tolist() == judge.predict(scaler.transform(other)).tolist()
    assert result.accuracy == pytest.approx(judge.score(scaler.transform(other), truth))
    assert result.weight_decay == weight_decay


def test_loss_and_gradient_are_autograds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_softmax, "_BLOCK", 7)
    rng = np.random.default_rng(0)
    x, y = torch.from_numpy(rng.normal(size=(25, 4))), torch.from_numpy(rng.integers(3, size=25))
    weights = torch.from_numpy(rng.normal(size=(3, 4))).requires_grad_()
    value = torch.nn.functional.cross_entropy(x @ weights.T, y) + 0.15 * weights[:, :-1].square().sum()
    value.backward()
    with torch.no_grad():
        got, gradient = _softmax.loss_and_gradient(weights, x, y, 0.3)
    torch.testing.assert_close(got, value.detach())
    torch.testing.assert_close(gradient, weights.grad)


def test_the_weight_decay_is_chosen_and_named(digits: Data) -> None:
    result = linear_probe(*digits)
    best = max(linear_probe(*digits, weight_decay=value).accuracy for value in probes._GRID)
    assert result.weight_decay in probes._GRID
    assert result.accuracy > best - 0.01
    assert result.converged
    assert result.interval == binomial_interval(round(result.accuracy * 597), 597)
    assert linear_probe(*digits).predictions.equal(result.predictions)


def test_float32_reaches_the_same_accuracy(digits: Data) -> None:
    x, y, other, truth = digits
    exact = linear_probe(x, y, other, truth, weight_decay=0.01)
    single = linear_probe(x.astype(np.float32), y, other.astype(np.float32), truth, weight_decay=0.01)
    assert single.converged
    assert single.accuracy == pytest.approx(exact.accuracy, abs=0.003)


def test_the_test_part_takes_no_part_in_the_fit(digits: Data) -> None:
    x, y, other, truth = digits
    plain = linear_probe(x, y, other, truth)
    shuffled = linear_probe(x, y, other, np.random.default_rng(0).permutation(truth))
    alone = linear_probe(x, y, other[:1], truth[:1])
    assert plain.weight_decay == shuffled.weight_decay == alone.weight_decay
    assert plain.predictions.equal(shuffled.predictions)
    assert alone.predictions[0] == plain.predictions[0]


def test_units_of_a_feature_do_not_matter(digits: Data) -> None:
    x, y, other, truth = digits
    scale, shift = np.geomspace(1e-3, 1e3, 64), np.linspace(-50, 50, 64)
    plain = linear_probe(x, y, other, truth, weight_decay=0.01, tolerance=1e-6)
    moved = linear_probe(x * scale + shift, y, other * scale + shift, truth, weight_decay=0.01, tolerance=1e-6)
    assert plain.predictions.equal(moved.predictions)


def test_a_subsample_chooses_where_the_training_part_is_large(digits: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_CHOOSING", 600)
    seen = []
    original = probes.fit_lbfgs

    def spy(x: torch.Tensor, y: torch.Tensor, classes: int, weight_decay: float, start: Any, **rest: Any) -> Any:
        seen.append((len(x), weight_decay))
        return original(x, y, classes, weight_decay, start, **rest)

    monkeypatch.setattr(probes, "fit_lbfgs", spy)
    result = linear_probe(*digits)
    assert seen[-1] == (1200, result.weight_decay)
    assert all(480 < n < 530 for n, _ in seen[:-1])
    assert [wd * n for n, wd in seen[:-1]] == pytest.approx([1200 * wd for wd in probes._GRID])
    assert result.accuracy > 0.93


def test_stochastic_descent_comes_close_to_the_optimum(digits: Data) -> None:
    exact = linear_probe(*digits, weight_decay=0.001)
    stochastic = linear_probe(*digits, solver="sgd", weight_decay=0.001, seed=1)
    assert stochastic.accuracy == pytest.approx(exact.accuracy, abs=0.02)
    assert stochastic.iterations == 30 * (1200 // 256)
    again = linear_probe(*digits, solver="sgd", weight_decay=0.001, seed=1)
    assert again.predictions.equal(stochastic.predictions)


def test_few_labels_are_nested_and_hold_every_class(digits: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[set[bytes]] = []
    classes: list[int] = []

    def spy(x: torch.Tensor, y: torch.Tensor, *rest: Any, **settings: Any) -> Any:
        drawn.append({row.numpy().tobytes() for row in x})
        classes.append(len(y.unique()))
        return linear_probe(x, y, *rest, **settings)

    monkeypatch.setattr(probes, "linear_probe", spy)
    found = few_label_probe(*digits, fractions=(0.005, 0.05, 0.3), seed=4)
    assert classes == [10, 10, 10]
    assert drawn[0] < drawn[1] < drawn[2]
    assert found[0.005].accuracy < found[0.05].accuracy < found[0.3].accuracy


def test_degenerate_training_parts_are_defined() -> None:
    x, other = np.random.default_rng(0).normal(size=(2, 20, 3))
    one_class = linear_probe(x, np.ones(20, int), other, np.ones(20, int))
    assert one_class.accuracy == 1.0
    constant = linear_probe(np.ones((20, 3)), np.repeat([0, 1], [15, 5]), np.ones((20, 3)), np.zeros(20, int))
    assert constant.accuracy == 1.0
    single = linear_probe(x[:2], np.array([0, 1]), other, np.zeros(20, int))
    assert single.weight_decay == 0.5
    unseen = linear_probe(x, np.repeat([0, 1], 10), other, np.full(20, 2))
    assert unseen.accuracy == 0.0


def test_too_few_iterations_are_admitted(digits: Data) -> None:
    result = linear_probe(*digits, weight_decay=1e-5, max_iterations=2, tolerance=1e-9)
    assert not result.converged


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"solver": "adam"}, "adam"),
        ({"weight_decay": -1.0}, "weight_decay is -1"),
        ({"num_classes": 5}, "0 to 4"),
    ],
)
def test_settings_that_do_not_fit_are_named(digits: Data, change: dict[str, Any], words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        linear_probe(*digits, **change)


def test_arrays_that_do_not_fit_are_named(digits: Data) -> None:
    x, y, other, truth = digits
    broken = x.copy()
    broken[3, 2] = np.inf
    for call, words in (
        (lambda: linear_probe(broken, y, other, truth), "train_x: 1 of 1200"),
        (lambda: linear_probe(x, y[:-1], other, truth), "train_y has shape"),
        (lambda: linear_probe(x, y, other[:, :5], truth), "number of columns"),
        (lambda: few_label_probe(x, y, other, truth, fractions=(2.0,)), "fractions"),
    ):
        with pytest.raises(CounterpointError, match=words):
            call()
