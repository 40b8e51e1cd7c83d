"""Representational similarity against SciPy and loops; p-values of unrelated systems are uniform."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import pdist, squareform

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import brain_correlation, rsa, rsa_p_value

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("metric", ["correlation", "cosine", "euclidean", "sqeuclidean", "cityblock"])
@pytest.mark.parametrize("comparison", ["spearman", "pearson"])
def test_rsa_is_scipys(metric: str, comparison: str) -> None:
    a, b = RNG.normal(size=(10, 6)), RNG.normal(size=(10, 8))
    found = rsa(a, torch.from_numpy(b), metric=metric, comparison=comparison)
    np.testing.assert_allclose(found.rdm_a, pdist(a, metric))
    np.testing.assert_allclose(found.rdm_b, pdist(b, metric))
    compare = stats.spearmanr if comparison == "spearman" else stats.pearsonr
    assert found.score == pytest.approx(compare(found.rdm_a, found.rdm_b).statistic)


def test_rank_ties_are_shared() -> None:
    a = np.array([[0.0], [1.0], [2.0], [4.0]])
    found = rsa(a, a**2, metric="euclidean")
    assert found.score == pytest.approx(stats.spearmanr(pdist(a), pdist(a**2)).statistic)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10), shift=st.floats(-10, 10))
def test_patterns_may_be_scaled_and_voxels_re_ordered(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(8, 6)), rng.normal(size=(8, 5))
    expected = rsa(a, b, comparison="pearson").score
    moved = (scale * a + shift)[:, rng.permutation(6)]
    assert rsa(moved, b, comparison="pearson").score == pytest.approx(expected, abs=1e-8)
    assert rsa(b, a, comparison="pearson").score == pytest.approx(expected)


def test_relabelling_moves_rows_and_columns_together() -> None:
    a, b = RNG.normal(size=(7, 5)), RNG.normal(size=(7, 5))
    found = rsa(a, b)
    rng, null = np.random.default_rng(3), []
    for _ in range(99):
        order = rng.permutation(7)
        moved = squareform(squareform(found.rdm_b)[np.ix_(order, order)])
        null.append(stats.spearmanr(found.rdm_a, moved).statistic)
    expected = (1 + sum(np.array(null) >= found.score - 1e-12)) / 100
    assert rsa_p_value(found.rdm_a, found.rdm_b, num_permutations=99, seed=3) == pytest.approx(expected)


def test_p_values_are_uniform_under_the_null() -> None:
    """Laptop claim 2: 200 pairs of unrelated systems."""
    rng, found = np.random.default_rng(4), []
    for seed in range(200):
        _, rdm_a, rdm_b = rsa(rng.normal(size=(10, 15)), rng.normal(size=(10, 15)))
        found.append(rsa_p_value(rdm_a, rdm_b, num_permutations=199, seed=seed))
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_an_rdm_without_variance_says_nothing() -> None:
    flat = rsa(np.eye(5), RNG.normal(size=(5, 4)))
    assert flat.score == 0
    assert rsa_p_value(flat.rdm_a, flat.rdm_b, num_permutations=19) == 1.0


def test_brain_correlation_is_per_picture() -> None:
    a, b = RNG.normal(size=(6, 40)), RNG.normal(size=(6, 40))
    found = brain_correlation(a, torch.from_numpy(b))
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(found.per_sample, expected)
    assert found.mean == pytest.approx(np.mean(expected))
    assert brain_correlation(a, 2 * a + 1).mean == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: rsa(x, x[:4]), "5 stimuli and x_b 4"),
        (lambda x: rsa(x[:2], x[:2]), "3 or more"),
        (lambda x: rsa(x, x, metric="corelation"), "Did you mean correlation"),
        (lambda x: rsa(x, x, comparison="kendal"), "comparison"),
        (lambda x: rsa(np.where(x == x[1, 1], np.nan, x), x), "stimulus 1, feature 1"),
        (lambda x: rsa(x, np.ones((5, 3))), "x_b holds a constant pattern"),
        (lambda x: rsa_p_value(np.ones(3), np.ones(3)), "4 stimuli"),
        (lambda x: rsa_p_value(np.ones(7), np.ones(7)), "Condensed"),
        (lambda x: rsa_p_value(np.ones(6), np.ones(10)), "same"),
        (lambda x: rsa_p_value(np.ones(6), np.full(6, np.nan)), "NaN"),
        (lambda x: rsa_p_value(np.ones(6), np.ones(6), num_permutations=0), "num_permutations"),
        (lambda x: brain_correlation(x, x[:, :2]), "must be equal"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(5, 4)))
