"""Identification against loops and SciPy, its invariances, its ties, and n-way accuracy against random trials."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import correlation
from scipy.stats import pearsonr

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import correlation_distance, identification, n_way_top_k, two_way_identification

RNG = np.random.default_rng(0)


def naive_two_way(pred: np.ndarray, target: np.ndarray) -> list[float]:
    n, found = len(pred), []
    for j in range(n):
        r = [pearsonr(target[i], pred[j]).statistic for i in range(n)]
        found.append(sum(r[i] < r[j] for i in range(n) if i != j) / (n - 1))
    return found


@pytest.mark.parametrize("rows", [4, 2048])
def test_two_way_is_that_of_a_loop(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(identification, "_ROWS", rows)
    target = RNG.normal(size=(11, 30))
    pred = target + 2 * RNG.normal(size=target.shape)
    found = two_way_identification(pred, target)
    np.testing.assert_allclose(found.per_sample, naive_two_way(pred, target), atol=1e-12)
    assert found.mean == pytest.approx(found.per_sample.mean())
    again = two_way_identification(torch.from_numpy(pred).reshape(11, 5, 6), torch.from_numpy(target).reshape(11, 5, 6))
    assert again.per_sample.tolist() == found.per_sample.tolist()


def test_two_way_compares_targets_not_predictions() -> None:
    target = RNG.normal(size=(6, 9))
    pred = np.repeat(target[:1], 6, axis=0)  # always the first picture
    assert two_way_identification(pred, target).per_sample[0] == 1.0
    assert two_way_identification(pred, target).mean == pytest.approx(0.5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 50), shift=st.floats(-100, 100))
def test_affine_changes_of_rows_change_nothing(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(8, 12))
    pred = target + rng.normal(size=target.shape)
    moved = scale * pred + shift
    assert two_way_identification(moved, target).per_sample.tolist() == pytest.approx(
        two_way_identification(pred, target).per_sample.tolist())  # fmt: skip
    np.testing.assert_allclose(
        correlation_distance(moved, target).per_sample, correlation_distance(pred, target).per_sample, atol=1e-8
    )


def test_chance_and_ties() -> None:
    draws = [RNG.normal(size=(2, 500, 64)) for _ in range(10)]
    assert np.mean([two_way_identification(a, b).mean for a, b in draws]) == pytest.approx(0.5, abs=0.02)
    b = draws[0][1]
    assert two_way_identification(np.full((6, 9), 0.1), b[:6, :9]).mean == 0  # without variance: all ties, all failures
    assert two_way_identification(b, b).mean == 1.0


def test_many_columns_are_summed_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from counterpoint.evaluate import _doubles

    a, b = RNG.normal(size=(7, 50)) + 3, RNG.normal(size=(7, 50))
    whole = correlation_distance(a, b).per_sample
    monkeypatch.setattr(_doubles, "_COLUMNS", 8)
    np.testing.assert_allclose(correlation_distance(a, b).per_sample, whole, atol=1e-14)


def test_distance_is_scipys() -> None:
    a, b = RNG.normal(size=(9, 14)), RNG.normal(size=(9, 14))
    found = correlation_distance(a, b)
    np.testing.assert_allclose(found.per_sample, [correlation(x, y) for x, y in zip(a, b, strict=True)], atol=1e-12)
    assert found.mean == pytest.approx(found.per_sample.mean())
    assert correlation_distance(np.full((2, 3), 0.3), a[:2, :3]).per_sample.tolist() == [1.0, 1.0]


def test_float32_with_a_large_mean_keeps_its_digits() -> None:
    a = RNG.normal(size=(4, 1000)).astype(np.float32) + np.float32(1000)
    b = RNG.normal(size=(4, 1000)).astype(np.float32)
    expected = [correlation(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(correlation_distance(a, b).per_sample, expected, atol=1e-10)


@pytest.mark.parametrize(("n_way", "top_k"), [(2, 1), (4, 1), (4, 3), (6, 2)])
def test_n_way_is_the_count_over_all_choices(n_way: int, top_k: int) -> None:
    probs = RNG.uniform(size=(5, 7))
    targets = RNG.integers(7, size=5)
    expected = []
    for row, target in zip(probs, targets, strict=True):
        others = [c for c in range(7) if c != target]
        hits = [sum(row[c] > row[target] for c in drawn) < top_k for drawn in combinations(others, n_way - 1)]
        expected.append(np.mean(hits))
    np.testing.assert_allclose(n_way_top_k(probs, targets, n_way=n_way, top_k=top_k), expected, atol=1e-12)


def test_n_way_is_what_random_trials_approach() -> None:
    probs, target, rng = RNG.dirichlet(np.ones(100)), 17, np.random.default_rng(1)
    others = np.delete(np.arange(100), target)
    trials = [(probs[rng.choice(others, 9, replace=False)] > probs[target]).sum() < 2 for _ in range(4000)]
    exact = n_way_top_k(probs[None], np.array([target]), n_way=10, top_k=2)[0]
    assert np.mean(trials) == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(4000))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_way=st.integers(1, 20))
def test_n_way_takes_logits_and_grows_with_k(seed: int, n_way: int) -> None:
    rng = np.random.default_rng(seed)
    logits, targets = rng.normal(size=(3, 20)), rng.integers(20, size=3)
    one = n_way_top_k(logits, targets, n_way=n_way)
    assert one.tolist() == n_way_top_k(np.exp(logits), targets, n_way=n_way).tolist()
    assert (n_way_top_k(logits, targets, n_way=n_way, top_k=n_way) == 1).all()
    assert (one >= n_way_top_k(logits, targets, n_way=min(20, n_way + 1)) - 1e-12).all()


def test_n_way_of_noise_is_chance() -> None:
    probs = RNG.uniform(size=(4000, 60))
    assert n_way_top_k(probs, RNG.integers(60, size=4000)).mean() == pytest.approx(1 / 50, abs=0.01)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: two_way_identification(x[:1], x[:1]), "At least 2"),
        (lambda x: two_way_identification(x, x[:, :3]), "must be equal"),
        (lambda x: correlation_distance(np.where(x == x[3, 2], np.inf, x), x), "sample 3, feature 2"),
        (lambda x: correlation_distance([["a"]], x), "numeric"),
        (lambda x: n_way_top_k(x, np.zeros(5, int), n_way=9), "top_k <= n_way <= classes"),
        (lambda x: n_way_top_k(x, np.zeros(5, int), n_way=2, top_k=3), "top_k is 3"),
        (lambda x: n_way_top_k(x, np.full(5, 4), n_way=2), "targets runs from 4"),
        (lambda x: n_way_top_k(x, np.zeros(4, int), n_way=2), "targets has shape"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(5, 4)))
