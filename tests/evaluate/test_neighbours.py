"""Nearest neighbours and their votes, against loops and scikit-learn, and across block borders."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import knn_accuracy, nearest, neighbours, pixel_knn, weighted_knn


def naive_votes(features: Any, bank: Any, labels: Any, *, classes: int, k: int, temperature: float) -> list[int]:
    found = []
    for query in features:
        similar = [float(query @ row / (np.linalg.norm(query) * np.linalg.norm(row))) for row in bank]
        votes = [0.0] * classes
        for index in sorted(range(len(bank)), key=lambda i: -similar[i])[:k]:
            votes[labels[index]] += math.exp(similar[index] / temperature)
        found.append(votes.index(max(votes)))
    return found


@pytest.fixture
def cloud() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(23, 7)), rng.normal(size=(61, 7)), rng.integers(4, size=61)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_BANK_BLOCK", 9)
    monkeypatch.setattr(neighbours, "_QUERY_BLOCK", 5)


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.1), (5, 0.07), (60, 1.0), (61, 0.1), (200, 0.5)])
def test_votes_are_those_of_a_loop(cloud: Any, k: int, temperature: float) -> None:
    features, bank, labels = cloud
    got = weighted_knn(features, bank, labels, num_classes=4, k=k, temperature=temperature)
    assert got.tolist() == naive_votes(features, bank, labels, classes=4, k=k, temperature=temperature)
    assert got.dtype == torch.int64


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("metric", "sk"), [("cosine", "cosine"), ("euclidean", "euclidean")])
@pytest.mark.parametrize("k", [1, 8, 12, 61])
def test_blocks_do_not_show(cloud: Any, metric: str, sk: str, k: int) -> None:
    features, bank, _ = cloud
    distance, index = NearestNeighbors(n_neighbors=k, metric=sk, algorithm="brute").fit(bank).kneighbors(features)
    found = nearest(features, bank, k, metric=metric)
    assert (found.indices.numpy() == index).all()
    expected = 1 - distance if metric == "cosine" else -distance
    np.testing.assert_allclose(found.similarities.numpy(), expected, atol=1e-12)
    assert found.similarities.dtype == torch.float64


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_row_is_not_its_own_neighbour(cloud: Any, metric: str) -> None:
    bank = cloud[1]
    found = nearest(bank, bank, 60, metric=metric, exclude_self=True).indices
    for row, others in enumerate(found.tolist()):
        assert sorted(others) == [i for i in range(61) if i != row]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), bank_block=st.integers(1, 40), k=st.integers(1, 12))
def test_rotation_scale_order_and_blocks_change_nothing(seed: int, scale: float, bank_block: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    features, bank, labels = rng.normal(size=(11, 5)), rng.normal(size=(30, 5)), rng.integers(3, size=30)
    plain = weighted_knn(features, bank, labels, num_classes=3, k=k)
    turn, order = np.linalg.qr(rng.normal(size=(5, 5)))[0], rng.permutation(30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_BANK_BLOCK", bank_block)
        other = weighted_knn(scale * features @ turn, bank[order] @ turn, labels[order], num_classes=3, k=k)
    assert plain.tolist() == other.tolist()


def test_pixels_as_scikit_learn_has_them() -> None:
    rng = np.random.default_rng(1)
    bank = rng.integers(256, size=(150, 1, 6, 6), dtype=np.uint8)
    labels, queries = rng.integers(5, size=150), rng.integers(256, size=(40, 1, 6, 6), dtype=np.uint8)
    queries[0] = bank[77]
    judge = KNeighborsClassifier(6, weights="distance", algorithm="brute")
    expected = judge.fit(bank.reshape(150, -1).astype(float), labels).predict(queries.reshape(40, -1).astype(float))
    found = pixel_knn(queries, bank, labels, num_classes=5)
    assert found.tolist() == expected.tolist()
    assert found[0] == labels[77]
    as_float = pixel_knn(queries / 255.0, bank / 255.0, labels, num_classes=5)
    assert as_float.tolist() == expected.tolist()


def test_distance_survives_a_large_offset() -> None:
    """Squared lengths of 1e8 would swallow distances of 1 in float32."""
    rng = np.random.default_rng(2)
    bank = rng.normal(size=(50, 4))
    exact = nearest(bank, bank, 3, metric="euclidean").indices
    shifted = (bank + 1000).astype(np.float32)
    assert (nearest(shifted, shifted, 3, metric="euclidean").indices == exact).float().mean() > 0.98


def test_low_temperature_does_not_overflow() -> None:
    bank = torch.eye(3)
    found = weighted_knn(bank, bank, torch.arange(3), num_classes=3, k=3, temperature=0.001)
    assert found.tolist() == [0, 1, 2]


def test_ties_and_constant_features_are_defined() -> None:
    assert weighted_knn(np.ones((1, 2)), np.eye(2), np.array([1, 0]), num_classes=2, k=2).tolist() == [0]
    same = np.ones((30, 4))
    labels = np.repeat([0, 1, 1], 10)
    assert weighted_knn(same, same, labels, num_classes=2, k=200).tolist() == [1] * 30
    assert weighted_knn(np.zeros((2, 4)), same, labels, num_classes=2, k=5).shape == (2,)


def test_accuracy_is_the_share_of_right_votes(cloud: Any) -> None:
    features, bank, labels = cloud
    truth = np.random.default_rng(3).integers(4, size=23)
    votes = naive_votes(features, bank, labels, classes=4, k=20, temperature=0.1)
    assert knn_accuracy(features, truth, bank, labels) == pytest.approx(np.mean(np.array(votes) == truth))
    assert knn_accuracy(features, truth + 4, bank, labels) == 0.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_is_widened(dtype: torch.dtype) -> None:
    bank = torch.eye(4, dtype=dtype)
    assert nearest(bank, bank, 2).similarities.dtype == torch.float32


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: nearest(x, x[:, :3], 1), "number of columns"),
        (lambda x: nearest(x, x, 0), "k is 0"),
        (lambda x: nearest(x, x, 10, exclude_self=True), "1 to 9"),
        (lambda x: nearest(x, x, 1, metric="manhattan"), "manhattan"),
        (lambda x: nearest(x, x[:0], 1), "0 rows"),
        (lambda x: nearest(x[0], x, 1), "shape"),
        (lambda x: nearest(x * np.nan, x, 1), "features: 10 of 10 rows"),
        (lambda x: weighted_knn(x, x, np.arange(9), num_classes=10), "bank_labels"),
        (lambda x: weighted_knn(x, x, np.arange(10), num_classes=9), "0 to 8"),
        (lambda x: weighted_knn(x, x, np.arange(10) - 1, num_classes=9), "-1"),
        (lambda x: weighted_knn(x, x, np.arange(10.0), num_classes=10), "integers"),
        (lambda x: weighted_knn(x, x, np.arange(10), num_classes=10, temperature=0), "temperature"),
        (lambda x: pixel_knn(x, x[:, :2], np.arange(10), num_classes=10), "one shape"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(np.random.default_rng(0).normal(size=(10, 4)))
