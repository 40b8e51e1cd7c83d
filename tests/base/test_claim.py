"""Verdicts: what holds, what does not, what cannot be told."""

from __future__ import annotations

import pytest

from counterpoint.base.claim import Contrast, judge


@pytest.mark.parametrize(("values", "interval", "margin", "expected"), [
    ([0.02, 0.03, 0.02], (0.01, 0.04), 0.01, "holds"),
    ([0.02, 0.03, 0.02], (-0.01, 0.05), 0.01, "inconclusive"),
    ([0.001, 0.002, 0.0], (-0.002, 0.004), 0.01, "does not hold"),
    ([0.005, 0.02, 0.001], (-0.02, 0.04), 0.01, "inconclusive"),
    ([-0.02, -0.03, -0.02], (-0.04, -0.01), 0.0, "does not hold"),
    ([0.0, 0.0, 0.0], (0.0, 0.0), 0.0, "does not hold"),
    ([-0.002, -0.004, 0.001], (-0.008, 0.004), -0.01, "holds"),
    ([-0.002, -0.004, 0.001], (-0.02, 0.01), -0.01, "inconclusive"),
    ([-0.03, -0.04, -0.03], (-0.05, -0.02), -0.01, "does not hold"),
])
def test_judge(values, interval, margin, expected):
    assert judge(values, interval, margin) == expected


def test_contrast_adds_and_subtracts_arms():
    scores = {"a": {"knn": 0.9}, "b": {"knn": 0.7}, "c": {"knn": 0.1}}
    assert Contrast("x", ("a:knn", "c:knn"), ("b:knn",)).value(scores) == pytest.approx(0.3)
