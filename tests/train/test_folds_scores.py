"""Accuracies of left-out trials with blocks as the unit, each beside loops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from counterpoint.train.decoding.folds_models import averaged
from counterpoint.train.decoding.folds_scores import (
    Guesses,
    blocks_of,
    clustered_interval,
    differences,
    fold_table,
    score_guesses,
)


def guesses(seed: int = 0, *, noise: float = 0.5) -> Guesses:
    """Five runs, three categories, blocks of one to four trials."""
    rng = np.random.default_rng(seed)
    label, group = [], []
    for run in range(5):
        for kind in range(3):
            size = int(rng.integers(1, 5))
            label += [kind] * size
            group += [run] * size
    true, part = np.array(label), np.array(group)
    wrong = rng.random(len(true)) < noise
    trials = np.where(wrong, rng.integers(0, 3, len(true)), true)
    kinds = np.tile(np.arange(3), 5)
    blocks = np.where(rng.random(15) < noise / 2, rng.integers(0, 3, 15), kinds)
    return Guesses(true, part, {"decoder": trials, "ridge": trials[::-1].copy()},
                   {"decoder": blocks, "ridge": blocks[::-1].copy()})


def test_blocks_are_category_in_run() -> None:
    found = guesses()
    number, first = blocks_of(found.group, found.label)
    seen = sorted({(run, kind) for run, kind in zip(found.group.tolist(), found.label.tolist(), strict=True)})
    assert [seen[k] for k in number] == list(zip(found.group.tolist(), found.label.tolist(), strict=True))
    assert [seen.index((found.group[k], found.label[k])) for k in first] == list(range(15))
    for k, (run, kind) in enumerate(seen):
        inside = (found.group == run) & (found.label == kind)
        assert found.hits("decoder")[k] == (found.trials["decoder"][inside] == kind).sum()


def test_averaging_scores_is_averaging_embeddings() -> None:
    rng = np.random.default_rng(0)
    z, centres, block = rng.normal(size=(9, 5)), rng.normal(size=(4, 5)), np.array([0, 1, 2, 0, 1, 2, 0, 0, 2])
    expected = [z[block == k].mean(0) @ centres.T for k in range(3)]
    np.testing.assert_allclose(averaged(z @ centres.T, block), expected)


def test_interval_draws_whole_blocks() -> None:
    hits, size = np.array([4, 0, 3, 1, 2, 0, 1]), np.array([4, 2, 3, 3, 2, 1, 4])
    rng = np.random.default_rng(5)
    drawn = []
    for _ in range(4000):
        right = total = 0
        for _ in range(7):
            k = rng.integers(7)
            right, total = right + hits[k], total + size[k]
        drawn.append(right / total)
    np.testing.assert_allclose(clustered_interval(hits, size, seed=0), np.quantile(drawn, [0.025, 0.975]), atol=0.03)


def test_p_values_permute_categories_within_runs() -> None:
    found = guesses(3, noise=0.8)
    rows = {(row["metric"], row["model"]): row for row in
            score_guesses(found, seed=0, group="run", permutations=2999)}
    rng = np.random.default_rng(1)
    null: dict[str, list[float]] = {"category_accuracy": [], "block_accuracy": []}
    for _ in range(2000):
        kinds = np.concatenate([rng.permutation(3) for _ in range(5)])
        null["category_accuracy"].append(float((kinds[found.block] == found.trials["decoder"]).mean()))
        null["block_accuracy"].append(float((kinds == found.blocks["decoder"]).mean()))
    for metric, values in null.items():
        row = rows[metric, "decoder"]
        assert row["p"] == pytest.approx(np.mean(np.array(values) >= row["value"] - 1e-12), abs=0.04)
        assert row["permutations"] == 2999


def test_differences_are_paired() -> None:
    found = guesses(2)
    same = dataclasses.replace(found, trials={"decoder": found.trials["decoder"], "ridge": found.trials["decoder"]},
                               blocks={"decoder": found.blocks["decoder"], "ridge": found.blocks["decoder"]})
    assert all(row["low"] == row["value"] == row["high"] == 0 for row in differences(same, seed=0))
    assert [row["trials"] for row in fold_table(found, {k: f"run {k}" for k in range(5)})] == \
        np.bincount(found.group).tolist()
