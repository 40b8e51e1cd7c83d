"""Retrieval against loops over queries, with matches of every form, and with ties."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import class_retrieval, retrieval, retrieval_precision, retrieval_recall

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "_BLOCK", 4)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


def naive_recall(similar: np.ndarray, match: np.ndarray, k: int) -> float:
    hits = [match[i, np.argsort(-row)[:k]].any() for i, row in enumerate(similar) if match[i].any()]
    return float(np.mean(hits))


def test_pairs_by_row() -> None:
    a, b = RNG.normal(size=(13, 3)), RNG.normal(size=(13, 3))
    found = retrieval_recall(a, b, ks=(1, 3, 13, 50))
    similar, match = cosine(a, b), np.eye(13, dtype=bool)
    for k in (1, 3, 13, 50):
        assert found[f"a_to_b_r{k}"] == pytest.approx(naive_recall(similar, match, k))
        assert found[f"b_to_a_r{k}"] == pytest.approx(naive_recall(similar.T, match, k))
    assert found["a_to_b_r50"] == 1.0


def test_ids_and_a_matrix_say_the_same() -> None:
    a, b = RNG.normal(size=(6, 4)), RNG.normal(size=(17, 4))
    ids_a, ids_b = np.arange(6), RNG.integers(8, size=17)
    match = ids_a[:, None] == ids_b
    by_ids = retrieval_recall(a, b, matches=(ids_a, ids_b))
    assert by_ids == retrieval_recall(a, b, matches=match) == retrieval_recall(a, b, matches=torch.from_numpy(match))
    for k in (1, 5, 10):
        assert by_ids[f"a_to_b_r{k}"] == pytest.approx(naive_recall(cosine(a, b), match, k))
        assert by_ids[f"b_to_a_r{k}"] == pytest.approx(naive_recall(cosine(b, a), match.T, k))


@pytest.mark.parametrize("k", [1, 2, 5, 9, 10])
def test_collapsed_embeddings_score_chance(k: int) -> None:
    assert retrieval_recall(np.ones((10, 4)), np.ones((10, 4)), ks=(k,))["a_to_b_r" + str(k)] == pytest.approx(k / 10)


@pytest.mark.parametrize(
    ("places", "tied", "good"), [(1, 4, 1), (2, 5, 2), (3, 5, 3), (3, 6, 2), (0, 3, 1), (-2, 3, 1)]
)
def test_ties_are_counted_over_all_orders(places: int, tied: int, good: int) -> None:
    orders = list(itertools.permutations(range(tied)))
    expected = np.mean([any(x < good for x in order[: max(places, 0)]) for order in orders])
    found = retrieval._hit_probability(torch.tensor([places]), torch.tensor([tied]), torch.tensor([good]))
    assert float(found) == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 15))
def test_recall_grows_with_k_and_ignores_order(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, order = rng.normal(size=(n, 4)), rng.normal(size=(n, 4)), rng.permutation(n)
    found = retrieval_recall(a, b, ks=(1, 2, n))
    assert found["a_to_b_r1"] <= found["a_to_b_r2"] <= found[f"a_to_b_r{n}"] == 1.0
    assert retrieval_recall(a[order], b[order], ks=(1, 2, n)) == pytest.approx(found)


def naive_classes(features: np.ndarray, labels: np.ndarray, k: int) -> tuple[float, float]:
    similar, hits, precisions = cosine(features, features), [], []
    np.fill_diagonal(similar, -np.inf)
    for i, row in enumerate(similar):
        relevant = int((labels == labels[i]).sum()) - 1
        if not relevant:
            continue
        same = (labels == labels[i])[np.argsort(-row)]
        hits.append(same[:k].any())
        precisions.append(sum(same[: j + 1].mean() * same[j] for j in range(relevant)) / relevant)
    return float(np.mean(hits)), float(np.mean(precisions))


@pytest.mark.parametrize("classes", [2, 5, 20])
def test_classes_are_those_of_a_loop(classes: int) -> None:
    features, labels = RNG.normal(size=(30, 4)), RNG.integers(classes, size=30)
    found = class_retrieval(features, labels, ks=(1, 4, 99))
    for k in (1, 4):
        recall, precision = naive_classes(features, labels, k)
        assert found[f"r{k}"] == pytest.approx(recall)
        assert found["map_at_r"] == pytest.approx(precision)
    assert found["queries"] == sum((labels == label).sum() > 1 for label in labels)
    assert found["r99"] == 1.0


def test_precision_divides_by_k_also_beyond_the_gallery() -> None:
    similarity = RNG.normal(size=(8, 12))
    queries, gallery = RNG.integers(3, size=8), RNG.integers(3, size=12)
    found = retrieval_precision(similarity, queries, gallery, ks=(1, 5, 20))
    expected = [
        np.mean(
            [(gallery[np.argsort(-row)[:k]] == label).sum() / k for row, label in zip(similarity, queries, strict=True)]
        )
        for k in (1, 5, 20)
    ]
    np.testing.assert_allclose(found.numpy(), expected)
    assert found.dtype == torch.float64


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: retrieval_recall(x, x[:3]), "row i belongs to row i"),
        (lambda x: retrieval_recall(x, x, ks=()), "ks"),
        (lambda x: retrieval_recall(x, x, ks=(0, 1)), "ks"),
        (lambda x: retrieval_recall(x, x, matches=np.ones((5, 5))), "boolean"),
        (lambda x: retrieval_recall(x, x, matches=np.zeros((5, 5), bool)), "no row"),
        (lambda x: retrieval_recall(x, x, matches=(np.arange(4), np.arange(5))), r"matches\[0\]"),
        (lambda x: retrieval_recall(x * np.nan, x), "z_a"),
        (lambda x: class_retrieval(x, np.arange(5)), "class of its own"),
        (lambda x: class_retrieval(x[:1], np.arange(1)), "At least 2"),
        (lambda x: retrieval_precision(x, np.arange(5), np.arange(5)), "gallery_labels"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(5, 4)))
