"""Candidate retrieval against loops, its ties, its draws, and what chance and collapse score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import (
    draw_interval,
    matching,
    rank_of_match,
    retrieval_accuracy,
    retrieval_draws,
    retrieval_recall,
)

RNG = np.random.default_rng(0)


def naive(a: np.ndarray, b: np.ndarray, k: int) -> float:
    """Queries one by one: the match is found where fewer than k others score strictly higher."""
    found = []
    for i, query in enumerate(a):
        scores = [query @ row / np.linalg.norm(query) / np.linalg.norm(row) for row in b]
        found.append(sum(score > scores[i] + 1e-12 for score in scores) < k)
    return float(np.mean(found))


@pytest.mark.parametrize("rows", [3, 2048])
@pytest.mark.parametrize("k", [1, 3])
def test_draws_are_those_of_a_loop(monkeypatch: pytest.MonkeyPatch, rows: int, k: int) -> None:
    monkeypatch.setattr(matching, "_ROWS", rows)  # 3: no matrix of all pairs, several blocks
    a = RNG.normal(size=(20, 5))
    b = a + RNG.normal(size=a.shape)
    sets = retrieval_draws(20, candidates=8, draws=6, seed=3)
    found = retrieval_accuracy(a, b, sets, k=k)
    np.testing.assert_allclose(found.forward_per_set, [naive(a[s], b[s], k) for s in sets])
    np.testing.assert_allclose(found.backward_per_set, [naive(b[s], a[s], k) for s in sets])
    assert found.forward == pytest.approx(found.forward_per_set.mean())
    whole = retrieval_accuracy(torch.from_numpy(a), torch.from_numpy(b), k=k)
    assert (whole.forward, whole.backward) == (pytest.approx(naive(a, b, k)), pytest.approx(naive(b, a, k)))
    assert whole.forward == pytest.approx(retrieval_recall(a, b, ks=(k,))[f"a_to_b_r{k}"])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
def test_scores_ignore_order_and_length(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    a, b, order = rng.normal(size=(12, 4)), rng.normal(size=(12, 4)), rng.permutation(12)
    assert retrieval_accuracy(a, b)[:2] == retrieval_accuracy(a[order] * scale, b[order] / scale)[:2]


def test_ties() -> None:
    same = np.ones((10, 3))
    assert retrieval_accuracy(same, same).forward == 1.0  # nobody scores strictly higher
    assert retrieval_accuracy(same, same, ties="expected").forward == pytest.approx(0.1)
    assert retrieval_accuracy(same, RNG.normal(size=(10, 3)), ties="expected").forward == pytest.approx(0.1)
    a, b = RNG.normal(size=(30, 4)), RNG.normal(size=(30, 4))
    assert retrieval_accuracy(a, b, k=3)[:2] == retrieval_accuracy(a, b, k=3, ties="expected")[:2]  # no ties here


def test_a_repeated_picture_is_one_tie_among_two() -> None:
    b = RNG.normal(size=(6, 4))
    b[1] = b[0]
    assert retrieval_accuracy(b, b, ties="expected").forward == pytest.approx((4 + 2 * 0.5) / 6)


def test_chance() -> None:
    a, b = RNG.normal(size=(982, 16)), RNG.normal(size=(982, 16))
    found = retrieval_accuracy(a, b, retrieval_draws(982), k=5)
    assert found.forward == pytest.approx(5 / 300, abs=0.01)
    assert found.backward == pytest.approx(5 / 300, abs=0.01)


def test_direction_is_that_of_the_query() -> None:
    brain = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    image = np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    found = retrieval_accuracy(brain, image)
    assert found.forward == pytest.approx(naive(brain, image, 1))
    assert found.backward == pytest.approx(naive(image, brain, 1))


def test_draws_are_seeded_sets() -> None:
    sets = retrieval_draws(50, candidates=20, draws=7, seed=1)
    assert sets.shape == (7, 20)
    assert all(len(set(row)) == 20 for row in sets)
    assert (sets == retrieval_draws(50, candidates=20, draws=7, seed=1)).all()
    assert (sets != retrieval_draws(50, candidates=20, draws=7, seed=2)).any()
    assert retrieval_draws(20, candidates=20).tolist() == [list(range(20))]


def test_interval_over_draws() -> None:
    values = RNG.uniform(size=30)
    low, high = draw_interval(values)
    half = 1.96 * np.std(values) / np.sqrt(30)
    assert (low, high) == (pytest.approx(values.mean() - half), pytest.approx(values.mean() + half))
    assert draw_interval([0.4]) == (-np.inf, np.inf)


def test_rank_of_match() -> None:
    a, b = RNG.normal(size=(15, 3)), RNG.normal(size=(15, 3))
    unit = b / np.linalg.norm(b, axis=1, keepdims=True)
    expected = [1 + int((unit @ row > unit[i] @ row + 1e-12).sum()) for i, row in enumerate(a)]
    found = rank_of_match(a, b)
    assert found.tolist() == expected
    assert np.mean(found <= 4) == pytest.approx(retrieval_accuracy(a, b, k=4).forward)


def test_tokens_are_flattened() -> None:
    a, b = RNG.normal(size=(9, 3, 4)), RNG.normal(size=(9, 3, 4))
    assert rank_of_match(a, b).tolist() == rank_of_match(a.reshape(9, 12), b.reshape(9, 12)).tolist()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: retrieval_accuracy(x, x[:4]), "must be equal"),
        (lambda x: retrieval_accuracy(x, x, k=0), "k is 0"),
        (lambda x: retrieval_accuracy(x, x, k=6), "1 to 5"),
        (lambda x: retrieval_accuracy(x, x, ties="no"), "ties"),
        (lambda x: retrieval_accuracy(x, x, np.array([[0, 5]])), "Rows are 0 to 4"),
        (lambda x: retrieval_accuracy(x, x, np.array([[0, 1], [2, 2]])), "draw 1 holds a row twice"),
        (lambda x: retrieval_accuracy(x, x, np.array([0, 1])), "integers"),
        (lambda x: retrieval_accuracy(np.where(x == x[2, 1], np.nan, x), x), "sample 2, feature 1"),
        (lambda x: retrieval_draws(0), "1 or more"),
        (lambda x: draw_interval(x), "One finite number per draw"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(5, 4)))
