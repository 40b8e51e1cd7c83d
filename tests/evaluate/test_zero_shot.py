"""Class vectors from prompts, and classification by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import zero_shot_accuracy, zero_shot_classifier, zero_shot_predict

RNG = np.random.default_rng(0)


def test_classifier_is_that_of_a_loop() -> None:
    texts, ids = RNG.normal(size=(12, 5)), np.array([0, 2, 1, 1, 0, 2, 2, 0, 1, 1, 2, 0])
    expected = []
    for name in range(3):
        mean = np.mean([row / np.linalg.norm(row) for row in texts[ids == name]], axis=0)
        expected.append(mean / np.linalg.norm(mean))
    found = zero_shot_classifier(texts, ids)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    longer = zero_shot_classifier(texts * RNG.uniform(0.1, 9, size=(12, 1)), ids)
    np.testing.assert_allclose(longer.numpy(), expected, atol=1e-12)


def test_prediction_and_accuracy_are_those_of_a_sort() -> None:
    features, classifier, labels = RNG.normal(size=(40, 5)), RNG.normal(size=(6, 5)), RNG.integers(6, size=40)
    unit = classifier / np.linalg.norm(classifier, axis=1, keepdims=True)
    order = np.argsort(-features @ unit.T, axis=1)
    assert (zero_shot_predict(features, classifier, top=3).numpy() == order[:, :3]).all()
    for top in (1, 3, 6):
        expected = (order[:, :top] == labels[:, None]).any(1).mean()
        assert zero_shot_accuracy(features, labels, classifier=classifier, top=top) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: zero_shot_classifier(x, np.array([0, 2, 2, 0])), "class 1 has no prompt"),
        (lambda x: zero_shot_classifier(x, np.array([0, 1])), "class_ids"),
        (lambda x: zero_shot_classifier(x * np.nan, np.arange(4)), "text_embeddings"),
        (lambda x: zero_shot_predict(x, x[:, :2]), "number of columns"),
        (lambda x: zero_shot_predict(x, x, top=5), "top is 5"),
        (lambda x: zero_shot_accuracy(x, np.arange(4), classifier=x[:3]), "0 to 2"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(4, 3)))
