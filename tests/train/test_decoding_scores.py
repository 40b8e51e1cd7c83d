"""Scores of predictions against plain loops, and what a decoder that knows nothing gets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from counterpoint.train.decoding.scores import (
    Categories,
    matched_row,
    pooled,
    score_embeddings,
    score_semantics,
)

RNG = np.random.default_rng


def pair(n=40, dim=12, noise=1.0, seed=0):
    rng = RNG(seed)
    target = rng.normal(size=(n, dim)).astype(np.float32)
    return (target + noise * rng.normal(size=(n, dim))).astype(np.float32), target


def of(rows, metric, model="decoder"):
    (found,) = [row for row in rows if (row["metric"], row["model"]) == (metric, model)]
    return found


def test_permutation_p_of_a_decoder_that_knows_nothing_is_not_small():
    values = [matched_row(RNG(seed).normal(size=(30, 8)), RNG(100 + seed).normal(size=(30, 8)), metric="p",
                          model="decoder", seed=seed)["value"] for seed in range(40)]
    assert 0.3 < np.mean(values) < 0.7
    assert np.mean(np.array(values) < 0.05) <= 0.15
    assert min(values) >= 1e-4


def test_permutation_p_of_a_good_decoder_is_the_smallest_possible():
    row = matched_row(*pair(), metric="permutation_p", model="decoder", seed=0)
    assert row["value"] == pytest.approx(1e-4)
    assert "9,999" in row["protocol"]


def test_retrieval_by_a_plain_loop():
    pred, target = pair(noise=1.5)
    rows = score_embeddings(pred, target, model="decoder", seed=0, candidates=300, chance=True)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (pred, target))
    similarity = a @ b.T
    forward = np.mean([similarity[i].argmax() == i for i in range(40)])
    backward = np.mean([similarity[:, i].argmax() == i for i in range(40)])
    assert of(rows, "brain_to_image_top1")["value"] == pytest.approx(forward)
    assert of(rows, "image_to_brain_top1")["value"] == pytest.approx(backward)
    assert of(rows, "brain_to_image_top1", "chance")["value"] == 1 / 40
    assert of(rows, "brain_to_image_top5", "chance")["value"] == 5 / 40
    assert of(rows, "two_way", "chance")["value"] == 0.5
    assert {row["model"] for row in score_embeddings(pred, target, model="ridge", seed=0, candidates=300)} == {"ridge"}


def test_distance_and_spread_of_perfect_embeddings():
    _, target = pair()
    rows = score_embeddings(target, target, model="decoder", seed=0, candidates=10)
    assert of(rows, "frechet")["value"] == pytest.approx(0, abs=1e-3)
    assert of(rows, "variance_ratio")["value"] == pytest.approx(1, abs=1e-5)
    assert of(rows, "brain_to_image_top1")["value"] == 1
    flat = score_embeddings(np.ones_like(target), target, model="decoder", seed=0, candidates=10, chance=True)
    assert of(flat, "variance_ratio")["value"] == pytest.approx(0, abs=1e-6)
    assert of(flat, "brain_to_image_top1")["value"] == pytest.approx(0.1, abs=0.02)


def test_a_prediction_with_fewer_tokens_meets_the_first_ones():
    rng = RNG(1)
    target = rng.normal(size=(30, 4, 6)).astype(np.float32)
    pred = target[:, :1] + 0.1 * rng.normal(size=(30, 1, 6)).astype(np.float32)
    rows = score_embeddings(pred, target, model="decoder", seed=0, candidates=30)
    assert rows == score_embeddings(pred, target[:, :1], model="decoder", seed=0, candidates=30)
    assert of(rows, "brain_to_image_top1")["value"] == 1
    assert matched_row(pred, target, metric="p", model="decoder", seed=0)["value"] < 0.01
    labels = np.arange(30) % 3
    few, same = (Categories.of(labels, train, labels) for train in (target, target[:, :1]))
    assert few.rows(pred, model="decoder", seed=0) == same.rows(pred, model="decoder", seed=0)
    np.testing.assert_array_equal(few.guess(pred), same.guess(pred))


def test_category_accuracy_by_a_plain_loop():
    rng = RNG(2)
    centres = rng.normal(size=(4, 6))
    train_labels, labels = rng.integers(-1, 4, 60), rng.integers(-1, 5, 25)
    train_labels[train_labels == 3] = 2
    train_labels[:2] = 3  # two pictures are too few for a category
    train = (centres[train_labels] + rng.normal(size=(60, 6))).astype(np.float32)[:, None]
    pred = (centres[labels % 4] + rng.normal(size=(25, 6))).astype(np.float32)[:, None]
    categories = Categories.of(labels, train, train_labels)
    rows, guessed = categories.rows(pred, model="decoder", seed=0), categories.guess(pred)
    hits, count, seen = 0, 0, []
    for z, truth in zip(pred[:, 0], labels, strict=True):
        if truth not in (0, 1, 2):
            assert guessed[len(seen)] == -1
            seen.append(None)
            continue
        cosines = []
        for k in (0, 1, 2):
            centre = np.mean([x for x, label in zip(train[:, 0], train_labels, strict=True) if label == k], axis=0)
            cosines.append(z @ centre / np.linalg.norm(z) / np.linalg.norm(centre))
        assert guessed[len(seen)] == int(np.argmax(cosines))
        seen.append(truth)
        hits, count = hits + (int(np.argmax(cosines)) == truth), count + 1
    assert of(rows, "category_accuracy")["value"] == pytest.approx(hits / count)
    assert of(rows, "category_accuracy")["n"] == count
    most = max(np.sum(labels == k) for k in (0, 1, 2))
    assert of(rows, "category_accuracy", "chance")["value"] == pytest.approx(most / count)


def test_categories_that_nobody_can_learn_give_no_score():
    assert Categories.of(np.zeros(10, int), pair(10)[1], np.zeros(10, int)) is None


def test_semantics_of_the_truth_itself_is_perfect():
    torch.manual_seed(0)
    classifier = torch.nn.Linear(12, 100)
    _, target = pair()
    rows = score_semantics(3 * target, 3 * target, classifier, model="decoder", seed=0)
    wrong = score_semantics(-3 * target, 3 * target, classifier, model="ridge", seed=0)
    assert of(rows, "n_way_top1")["value"] > 0.99
    assert of(wrong, "n_way_top1", "ridge")["value"] < 0.05
    assert of(rows, "n_way_top1", "chance")["value"] == 0.02


def test_people_are_pooled_by_their_mean():
    first = score_embeddings(*pair(seed=1), model="decoder", seed=0, candidates=20, chance=True)
    second = score_embeddings(*pair(seed=2, n=30), model="decoder", seed=0, candidates=20, chance=True)
    rows = pooled([*first, *second])
    assert len(rows) == len(first)
    both = [of(one, "two_way") for one in (first, second)]
    row = of(rows, "two_way")
    for key in ("value", "low", "high"):
        assert row[key] == pytest.approx(np.mean([one[key] for one in both]))
    assert row["n"] == 70
    assert row["protocol"].endswith("mean over 2 people")
    assert pooled(first) == first


def test_huddled_predictions_have_a_small_variance_ratio():
    _, target = pair()
    rows = score_embeddings(0.2 * target, target, model="ridge", seed=0, candidates=10)
    assert of(rows, "variance_ratio", "ridge")["value"] == pytest.approx(0.04, rel=1e-3)
