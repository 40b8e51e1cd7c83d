"""The rows of a decoder: each is its part's number, chance beside it; averaged repeats raise all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import (
    decoding,
    decoding_scores,
    draw_interval,
    learning_curve_table,
    paired_interval,
    retrieval_accuracy,
    retrieval_draws,
    two_way_identification,
)

RNG = np.random.default_rng(0)


def by_name(rows: list[dict[str, Any]], model: str = "decoder") -> dict[str, float]:
    return {row["metric"]: row["value"] for row in rows if row["model"] == model}


def test_rows_are_their_parts() -> None:
    target = RNG.normal(size=(60, 8))
    pred = target + 2 * RNG.normal(size=target.shape)
    rows = decoding_scores(torch.from_numpy(pred), target, candidates=20, draws=9, seed=4)
    sets = retrieval_draws(60, candidates=20, draws=9, seed=4)
    found = by_name(rows)
    assert list(found) == ["brain_to_image_top1", "image_to_brain_top1", "brain_to_image_top5", "image_to_brain_top5",
                           "two_way"]  # fmt: skip
    one = retrieval_accuracy(pred, target, sets)
    assert found["brain_to_image_top1"] == pytest.approx(one.forward)
    assert found["image_to_brain_top1"] == pytest.approx(one.backward)
    assert (rows[0]["low"], rows[0]["high"]) == pytest.approx(draw_interval(one.forward_per_set))
    assert found["two_way"] == pytest.approx(two_way_identification(pred, target).mean)
    assert list(by_name(rows, "chance").values()) == [0.05, 0.05, 0.25, 0.25, 0.5]
    keys = {"metric", "model", "value", "low", "high", "protocol", "split", "n", "seed"}
    assert all(set(row) == keys for row in rows)
    assert "20 candidates, 9 draws" in rows[0]["protocol"]


def test_few_items_are_all_candidates() -> None:
    rows = decoding_scores(np.eye(4), np.eye(4), k=(1, 4, 9))
    assert list(by_name(rows)) == ["brain_to_image_top1", "image_to_brain_top1", "two_way"]
    assert "all 4 items" in rows[0]["protocol"]
    assert 0 < rows[0]["low"] < 1 == rows[0]["high"]


def test_noise_and_collapse_score_chance() -> None:
    target = RNG.normal(size=(200, 16))
    noise = by_name(decoding_scores(RNG.normal(size=target.shape), target, candidates=50))
    assert noise["brain_to_image_top1"] == pytest.approx(1 / 50, abs=0.03)
    assert noise["two_way"] == pytest.approx(0.5, abs=0.05)
    labels = RNG.integers(4, size=200)
    collapsed = decoding_scores(np.ones(target.shape), np.ones(target.shape), candidates=50, labels=labels)
    assert by_name(collapsed)["brain_to_image_top5"] == pytest.approx(0.1)
    assert by_name(collapsed)["same_class_top1"] == pytest.approx(by_name(collapsed, "chance")["same_class_top1"])


@pytest.mark.parametrize("rows", [4, 2048])
def test_class_of_the_most_similar_other(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(decoding, "_ROWS", rows)
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 3, 3, 3, 3])
    target = RNG.normal(size=(11, 5)) + 2 * np.eye(5)[labels]
    pred = target + RNG.normal(size=target.shape)
    similar = (pred / np.linalg.norm(pred, axis=1, keepdims=True)) @ (
        target / np.linalg.norm(target, axis=1, keepdims=True)).T  # fmt: skip
    np.fill_diagonal(similar, -np.inf)
    company = [i for i in range(11) if (labels == labels[i]).sum() > 1]
    found = decoding_scores(pred, target, labels=labels)
    assert by_name(found)["same_class_top1"] == pytest.approx(
        np.mean([labels[similar[i].argmax()] == labels[i] for i in company]))  # fmt: skip
    expected = np.mean([((labels == labels[i]).sum() - 1) / 10 for i in company])
    assert by_name(found, "chance")["same_class_top1"] == pytest.approx(expected)
    assert "same_class_top1" not in by_name(decoding_scores(pred, target, labels=np.arange(11)))


def test_repeated_targets_are_told() -> None:
    target = RNG.normal(size=(6, 4))
    target[3] = target[1]
    assert "1 of 6 targets repeat another" in decoding_scores(target, target)[0]["protocol"]


def test_scores_rise_with_averaged_repeats() -> None:
    """Laptop claim 3: a ridge decoder on 1, 2 and 3 averaged repeats."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(800, 12))
    clean = features @ rng.normal(size=(12, 100))
    train = clean[:500] + 12 * rng.normal(size=(500, 100))
    test = clean[500:] + 12 * rng.normal(size=(3, 300, 100))
    weights = np.linalg.solve(train.T @ train + 1e4 * np.eye(100), train.T @ features[:500])
    scores = [by_name(decoding_scores(test[:n].mean(0) @ weights, features[500:], candidates=100)) for n in (1, 2, 3)]
    for metric in ("brain_to_image_top1", "image_to_brain_top1", "two_way"):
        one, two, three = (score[metric] for score in scores)
        assert one < two < three


def test_learning_curve() -> None:
    rows = learning_curve_table({400: [0.5, 0.6], 50: [0.1, 0.2], 100: [0.3]}, metric="two_way")
    assert [row["size"] for row in rows] == [50, 100, 400]
    assert [row["seeds"] for row in rows] == [2, 1, 2]
    assert (rows[0]["low"], rows[0]["high"]) == pytest.approx(paired_interval([0.1, 0.2]))
    assert rows[0]["per_doubling"] is None
    assert rows[1]["per_doubling"] == pytest.approx(0.15)
    assert rows[2]["per_doubling"] == pytest.approx(0.125)
    assert rows[1]["low"] == -np.inf


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: decoding_scores(x, x[:3]), "must be equal"),
        (lambda x: decoding_scores(x[:1], x[:1]), "At least 2"),
        (lambda x: decoding_scores(x, x, k=(0,)), "Cut-offs"),
        (lambda x: decoding_scores(x, x, labels=np.arange(4)), "labels has shape"),
        (lambda x: decoding_scores(np.where(x == x[4, 0], np.nan, x), x), "sample 4, feature 0"),
        (lambda x: learning_curve_table({}), "Sizes above 0"),
        (lambda x: learning_curve_table({0: [0.1]}), "Sizes above 0"),
        (lambda x: learning_curve_table({5: []}), "differences has shape"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(5, 4)))
