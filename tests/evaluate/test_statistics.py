"""Intervals against SciPy and against what they promise to cover."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import binomial_interval, bootstrap_interval, paired_interval


@given(trials=st.integers(1, 5000), share=st.floats(0, 1), level=st.floats(0.5, 0.999))
def test_wilson_is_scipys(trials: int, share: float, level: float) -> None:
    successes = round(share * trials)
    expected = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    found = binomial_interval(successes, trials, level=level)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= found.low <= successes / trials <= found.high <= 1


def test_wilson_at_the_ends() -> None:
    assert binomial_interval(0, 10).low == 0
    assert binomial_interval(10, 10).high == 1
    assert binomial_interval(10, 10).low < 0.8


@given(values=st.lists(st.floats(-10, 10), min_size=2, max_size=12), level=st.floats(0.5, 0.99))
def test_paired_is_scipys(values: list[float], level: float) -> None:
    sample = np.array(values)
    error = sample.std(ddof=1) / math.sqrt(len(sample))
    low, high = paired_interval(values, level=level)
    if error:
        assert (low, high) == pytest.approx(stats.t.interval(level, len(sample) - 1, sample.mean(), error), abs=1e-7)
    else:
        assert low == high == pytest.approx(sample.mean())


def test_one_seed_says_nothing_about_spread() -> None:
    assert paired_interval([0.3]) == (-math.inf, math.inf)


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0.2, 1.0, size=(2000, 4))
    covered = np.mean([low <= 0.2 <= high for low, high in map(paired_interval, samples)])
    assert covered == pytest.approx(0.95, abs=0.015)
    boots = [bootstrap_interval(row, resamples=200, seed=1) for row in rng.exponential(1.0, size=(400, 60))]
    assert np.mean([low <= 1.0 <= high for low, high in boots]) == pytest.approx(0.93, abs=0.04)


def test_bootstrap_takes_any_statistic_and_is_seeded() -> None:
    values = np.random.default_rng(0).normal(size=300)
    mean = bootstrap_interval(values, seed=3)
    assert mean == bootstrap_interval(values, seed=3)
    assert mean == pytest.approx(bootstrap_interval(values, statistic=np.mean, seed=3), abs=1e-12)
    half = 1.96 * values.std() / math.sqrt(300)
    assert mean == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)
    low, high = bootstrap_interval(values, statistic=np.median)
    assert low < np.median(values) < high


def test_bootstrap_in_blocks_is_bootstrap_at_once() -> None:
    values = np.random.default_rng(0).normal(size=150_000)
    low, high = bootstrap_interval(values, resamples=30)
    assert low < values.mean() < high


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: binomial_interval(3, 0), "3 successes in 0"),
        (lambda: binomial_interval(3, 2), "3 successes in 2"),
        (lambda: binomial_interval(1, 2, level=95), "level"),
        (lambda: paired_interval([]), "shape"),
        (lambda: paired_interval([0.1, math.nan]), "1 NaN"),
        (lambda: bootstrap_interval([[1.0]]), "shape"),
        (lambda: bootstrap_interval([1.0], resamples=0), "resamples"),
    ],
)
def test_what_does_not_fit_is_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call()
