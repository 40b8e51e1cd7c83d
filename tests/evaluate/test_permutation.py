"""Permutation tests: counted by hand, exact where they can be, and uniform where nothing is there."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import (
    false_discovery,
    matched_permutation_test,
    permutation,
    permutation_p_value,
    sign_flip_p_value,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("alternative", "expected"), [("greater", 3 / 6), ("less", 5 / 6), ("two-sided", 4 / 6)])
def test_p_value_by_hand(alternative: str, expected: float) -> None:
    null = [-3.0, 0.0, 1.0, 2.0, 0.5]
    assert permutation_p_value(1.0, np.array(null), alternative=alternative) == pytest.approx(expected)
    assert permutation_p_value(torch.tensor(1.0), torch.tensor(null), alternative=alternative) == pytest.approx(
        expected
    )


@given(values=st.lists(st.floats(-5, 5), min_size=1, max_size=30), observed=st.floats(-9, 9))
def test_p_values_are_never_zero(values: list[float], observed: float) -> None:
    for alternative in ("greater", "less", "two-sided"):
        assert 1 / (1 + len(values)) <= permutation_p_value(observed, np.array(values), alternative=alternative) <= 1


def test_rounding_does_not_make_a_tie_less_extreme() -> None:
    assert permutation_p_value(0.1 + 0.2, np.array([0.3, 0.0])) == pytest.approx(2 / 3)


def test_matched_test_by_all_orders() -> None:
    table = RNG.normal(size=(5, 5)) + 0.5 * np.eye(5)
    orders = np.array(list(permutations(range(5)))[1:])
    null = [np.mean([table[i, order[i]] for i in range(5)]) for order in orders]
    found = matched_permutation_test(table, orders)
    assert found.statistic == pytest.approx(np.trace(table) / 5)
    assert found.p_value == pytest.approx((1 + sum(np.array(null) >= np.trace(table) / 5)) / 120)
    assert matched_permutation_test(table).p_value == pytest.approx(found.p_value, abs=0.02)
    below = matched_permutation_test(table, orders, alternative="less").p_value
    assert found.p_value + below == pytest.approx(1 + 1 / 120)


def test_two_sided_looks_from_the_mean() -> None:
    table = 5 + 0.1 * RNG.normal(size=(9, 9)) - np.eye(9)
    assert matched_permutation_test(table, alternative="two-sided", num_permutations=499).p_value == 1 / 500
    assert matched_permutation_test(table, num_permutations=499).p_value > 0.9


def test_draws_are_blocked_and_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    table = RNG.normal(size=(6, 6))
    whole = matched_permutation_test(table, num_permutations=200, seed=1)
    assert whole == matched_permutation_test(table, num_permutations=200, seed=1)
    monkeypatch.setattr(permutation, "_CELLS", 50)
    assert matched_permutation_test(table, num_permutations=200, seed=1) == whole


def test_groups_are_kept_apart() -> None:
    """Participants who differ for reasons other than the items look decodable to a free re-pairing only."""
    group = np.repeat([0, 1, 2], 5)
    table = RNG.normal(size=(15, 15)) * 0.1 + 3 * (group[:, None] == group)
    assert matched_permutation_test(table, num_permutations=999).p_value == 0.001
    assert matched_permutation_test(table, num_permutations=999, groups=group).p_value > 0.05
    orders = permutation._drawn(np.arange(15.0)[None].repeat(15, 0), group, 5, np.random.default_rng(0))
    assert orders.tolist() == pytest.approx([7.0] * 5)
    with pytest.raises(CounterpointError, match="different groups"):
        matched_permutation_test(table, np.arange(15)[None, ::-1].copy(), groups=group)


def test_p_values_are_uniform_under_the_null() -> None:
    """Laptop claim 2: 200 sets without any effect."""
    rng = np.random.default_rng(2)
    matched = [matched_permutation_test(rng.normal(size=(12, 12)), num_permutations=199, seed=i)[1] for i in range(200)]
    signs = [sign_flip_p_value(rng.normal(size=12), num_permutations=199, seed=i) for i in range(200)]
    for found in (matched, signs):
        assert stats.kstest(found, "uniform").pvalue > 0.01
        assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.04)


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_sign_flips_of_few_people_are_exact(alternative: str) -> None:
    values = RNG.normal(size=(6, 3)) + 0.5
    found = sign_flip_p_value(values, alternative=alternative)
    assert isinstance(found, np.ndarray)
    for test in range(3):
        null = np.array([np.mean(np.array(signs) * values[:, test]) for signs in product([1, -1], repeat=6)])
        mean = values[:, test].mean()
        extreme = {"greater": null >= mean - 1e-12, "less": null <= mean + 1e-12,
                   "two-sided": abs(null) >= abs(mean) - 1e-12}[alternative]  # fmt: skip
        assert found[test] == pytest.approx(extreme.mean())
        assert sign_flip_p_value(values[:, test], alternative=alternative) == pytest.approx(extreme.mean())


def test_sign_flips_of_many_people_are_scipys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permutation, "_CELLS", 1000)
    values = RNG.normal(size=40) + 0.3
    expected = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=9999, rng=0).pvalue
    assert sign_flip_p_value(values) == pytest.approx(expected, abs=0.02)
    assert sign_flip_p_value(np.zeros(30)) == 1.0


@settings(max_examples=25, deadline=None)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20), level=st.floats(0.01, 0.5))
def test_false_discovery_is_the_step_up_procedure(p: list[float], level: float) -> None:
    values = np.array(p)
    ordered = np.sort(values)
    passing = np.flatnonzero(ordered <= level * np.arange(1, len(p) + 1) / len(p) + 1e-15)
    cut = ordered[passing[-1]] if len(passing) else -1.0
    found = false_discovery(values, level=level)
    near = np.abs(found.adjusted - level) < 1e-12  # where rounding decides
    assert ((found.rejected == (values <= cut)) | near).all()
    assert (found.adjusted >= values - 1e-12).all()
    assert (false_discovery(values, level=level, method="by").adjusted >= found.adjusted - 1e-12).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: permutation_p_value(1.0, np.array([0.0]), alternative="more"), "alternative"),
        (lambda: permutation_p_value(np.nan, np.array([0.0])), "observed"),
        (lambda: permutation_p_value(1.0, np.array([0.0, np.nan])), "permutation 1"),
        (lambda: permutation_p_value(1.0, np.array([])), "null has shape"),
        (lambda: matched_permutation_test(np.ones((3, 4))), r"\(n, n\)"),
        (lambda: matched_permutation_test(np.eye(3), np.array([[0, 0, 1]])), "re-order"),
        (lambda: matched_permutation_test(np.eye(3), np.array([[0.0, 1.0, 2.0]])), "re-order"),
        (lambda: matched_permutation_test(np.eye(3), num_permutations=0), "num_permutations"),
        (lambda: matched_permutation_test(np.eye(3), groups=np.arange(3)), "no group has two"),
        (lambda: sign_flip_p_value(np.ones(1)), "1 participants"),
        (lambda: false_discovery([0.1, np.nan]), "0..1"),
        (lambda: false_discovery([0.1], method="bonferroni"), "method"),
        (lambda: false_discovery([0.1], level=0), "level"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call()
