"""All scores of a model at once: the rows, and every way in which there is nothing to score."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import (
    alignment,
    binomial_interval,
    chance_scores,
    confusion,
    effective_rank,
    geometry_of,
    knn_accuracy,
    linear_probe,
    pixel_knn,
    score_features,
    suite,
    uniformity,
)

KEYS = {"metric", "model", "value", "low", "high", "protocol", "split", "n", "seed"}


@pytest.fixture
def parts() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    centres, y = rng.normal(size=(4, 8)), rng.integers(4, size=260)
    x = (centres[y] + 0.8 * rng.normal(size=(260, 8))).astype(np.float32)
    return x[:200], y[:200], x[200:], y[200:]


def test_rows_hold_what_the_single_functions_find(parts: Any) -> None:
    x, y, other, truth = parts
    found = score_features(*parts, seed=3, model="head", metrics=("knn", "linear", "retrieval_r1"))
    rows = {row["metric"]: row for row in found.rows}
    assert all(set(row) == KEYS for row in found.rows)
    assert rows["knn"]["value"] == pytest.approx(knn_accuracy(other, truth, x, y))
    probe = linear_probe(x, y, other, truth, seed=3)
    assert rows["linear"]["value"] == probe.accuracy
    assert found.predictions is not None
    assert found.predictions.tolist() == probe.predictions.tolist()
    unit = other / np.linalg.norm(other, axis=1, keepdims=True)
    similar = unit @ unit.T
    np.fill_diagonal(similar, -1)
    assert rows["retrieval_r1"]["value"] == pytest.approx((truth[similar.argmax(1)] == truth).mean())
    for row in found.rows:
        assert (row["model"], row["split"], row["n"], row["seed"]) == ("head", "test", 60, 3)
        assert (row["low"], row["high"]) == binomial_interval(round(row["value"] * 60), 60)
    assert json.loads(json.dumps(found.rows)) == found.rows


def test_pixels_have_their_own_neighbours(parts: Any) -> None:
    x, y, other, truth = parts
    row = score_features(*parts, seed=0, model="pixels", metrics=("knn",)).rows[0]
    votes = pixel_knn(other, x, y, num_classes=4)
    assert row["value"] == pytest.approx(float((votes.numpy() == truth).mean()))
    assert row["protocol"] == "Euclidean on raw pixels, k=6, votes 1/distance"


def test_fewer_samples_than_k_are_said(parts: Any) -> None:
    x, y, other, truth = parts
    assert score_features(x[:7], y[:7], other, truth, seed=0).rows[0]["protocol"] == "cosine, k=7, T=0.1"


def test_unknown_classes_are_left_out(parts: Any) -> None:
    x, y, other, truth = parts
    y, truth = y.copy(), truth.copy()
    y[::2], truth[:20] = -1, -1
    found = score_features(x, y, other, truth, seed=0)
    clean = score_features(x[1::2], y[1::2], other[20:], truth[20:], seed=0)
    assert found.rows == clean.rows
    assert found.rows[0]["n"] == 40
    assert found.predictions is not None
    assert len(found.predictions) == 40


@pytest.mark.parametrize(
    "change",
    [
        lambda y, truth: (None, truth),
        lambda y, truth: (y, None),
        lambda y, truth: (y.astype(float), truth.astype(float)),
        lambda y, truth: (np.zeros_like(y), np.zeros_like(truth)),
        lambda y, truth: (y, np.full_like(truth, -1)),
    ],
    ids=["no training labels", "no test labels", "regression", "one class", "test all unknown"],
)
def test_nothing_to_score_gives_no_rows(parts: Any, change: Any) -> None:
    x, y, other, truth = parts
    y, truth = change(y, truth)
    assert score_features(x, y, other, truth, seed=0) == ([], None)


def test_constant_features_score_like_guessing(parts: Any) -> None:
    x, y, other, truth = parts
    rows = score_features(np.ones_like(x), y, np.ones_like(other), truth, seed=0).rows
    most = (truth == np.bincount(y).argmax()).mean()
    assert rows[1]["value"] == pytest.approx(most)
    assert 0 <= rows[0]["value"] <= 1


@pytest.mark.parametrize("where", ["train", "test"])
def test_broken_features_name_the_model(parts: Any, where: str) -> None:
    x, y, other, truth = (part.copy() for part in parts)
    (x if where == "train" else other)[2] = np.nan
    with pytest.raises(CounterpointError, match=r"features of untrained .*: 1 of"):
        score_features(x, y, other, truth, seed=0, model="untrained")
    with pytest.raises(CounterpointError, match="features of head: 1 of"):
        geometry_of(x if where == "train" else other, model="head")


def test_metrics_are_known_by_name(parts: Any) -> None:
    with pytest.raises(CounterpointError, match="Did you mean linear"):
        score_features(*parts, seed=0, metrics=("linaer",))
    assert score_features(*parts, seed=0, metrics=()).rows == []


def test_torch_and_numpy_agree(parts: Any) -> None:
    as_torch = [torch.from_numpy(part) for part in parts]
    assert score_features(*as_torch, seed=0).rows == score_features(*parts, seed=0).rows


def test_chance_is_the_most_frequent_training_class(parts: Any) -> None:
    _, y, _, truth = parts
    rows = chance_scores(y, truth, seed=0)
    assert [row["metric"] for row in rows] == ["knn", "linear"]
    assert all(set(row) == KEYS for row in rows)
    assert rows[0]["value"] == pytest.approx((truth == np.bincount(y).argmax()).mean())
    assert chance_scores(np.full(3, -1), truth, seed=0) == []


def test_geometry_holds_what_the_single_functions_find(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x, _, other, _ = parts
    found = geometry_of(x, other, other[::-1])
    assert found["alignment"] == pytest.approx(float(alignment(other, other[::-1].copy())))
    assert found["uniformity"] == pytest.approx(float(uniformity(x)))
    assert found["effective_rank"] == pytest.approx(float(effective_rank(x)))
    monkeypatch.setattr(suite, "_SAMPLE", 150)
    sampled = geometry_of(x)
    assert sampled["alignment"] is None
    assert sampled["uniformity"] == pytest.approx(found["uniformity"], abs=0.2)
    assert sampled["uniformity"] != found["uniformity"]


def test_geometry_of_collapse() -> None:
    found = geometry_of(np.full((30, 5), 2.0), np.ones((4, 5)), np.ones((4, 5)))
    assert found == pytest.approx(
        {"alignment": 0, "uniformity": 0, "effective_rank": 1, "std": 0, "std_ratio": 0}, abs=1e-5
    )


def test_confusion_counts_rows_by_truth() -> None:
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(4, size=(2, 50))
    expected = np.zeros((5, 5), int)
    for row, column in zip(truth, guess, strict=True):
        expected[row, column] += 1
    assert (confusion(truth, guess, num_classes=5) == expected).all()
    with pytest.raises(CounterpointError, match="predictions"):
        confusion(truth, guess[:3], num_classes=5)
