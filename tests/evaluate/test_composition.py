"""Composition scores, arithmetic of embeddings and the plane between two modalities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import aro_accuracy, embedding_arithmetic, linear_separability

RNG = np.random.default_rng(0)


def test_accuracies_are_those_of_a_loop() -> None:
    scores, groups = RNG.integers(4, size=(60, 5)).astype(float), RNG.choice([0, 1, 4], size=60)
    for true_index in (0, 1, 4):
        right = np.array([list(row).index(max(row)) == true_index for row in scores])
        found = aro_accuracy(scores, groups, true_index=true_index)
        assert float(found.accuracy) == pytest.approx(right.mean())
        assert float(found.macro_accuracy) == pytest.approx(np.mean([right[groups == g].mean() for g in (0, 1, 4)]))


def test_a_tie_goes_to_the_first_option() -> None:
    tie = np.ones((3, 2))
    assert float(aro_accuracy(tie).accuracy) == 0.0
    assert float(aro_accuracy(tie, true_index=0).macro_accuracy) == 1.0


def test_arithmetic_is_that_of_a_loop() -> None:
    a, source, target, gallery = (RNG.normal(size=(n, 6)) for n in (7, 7, 1, 20))
    unit = lambda z: z / np.linalg.norm(z, axis=1, keepdims=True)  # noqa: E731
    for weight in (0.0, 1.0, 2.5):
        point = unit(a) + weight * (unit(target) - unit(source))
        expected = [int(np.argmax(unit(gallery) @ row)) for row in point]
        assert embedding_arithmetic(a, source, target, gallery, weight=weight).tolist() == expected


def test_separability_of_one_cloud_and_of_two() -> None:
    a, b = RNG.normal(size=(2, 400, 6))
    assert linear_separability(a, b) == pytest.approx(0.5, abs=0.1)
    assert linear_separability(a, b + 4 * np.eye(6)[0]) > 0.9
    assert linear_separability(a, a, seed=3) == 0.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: aro_accuracy(x, true_index=4), "true_index"),
        (lambda x: aro_accuracy(x, np.arange(3)), "groups"),
        (lambda x: aro_accuracy(x * np.nan), "scores"),
        (lambda x: embedding_arithmetic(x, x[:2], x, x), "z_source has 2 rows"),
        (lambda x: embedding_arithmetic(x, x, x, x[:, :2]), "gallery"),
        (lambda x: linear_separability(x, x[:2]), "must be equal"),
        (lambda x: linear_separability(x, x, train_fraction=1.0), "train_fraction"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(5, 4)))
