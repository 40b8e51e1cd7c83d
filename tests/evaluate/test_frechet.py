"""The Fréchet distance against SciPy's matrix root, its short cuts, and its known values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import frechet_distance, variance_ratio

RNG = np.random.default_rng(0)


def naive(a: np.ndarray, b: np.ndarray, shrinkage: float = 0.0) -> float:
    def covariance(x: np.ndarray) -> np.ndarray:
        c = np.cov(x.T)
        return (1 - shrinkage) * c + shrinkage * np.trace(c) / len(c) * np.eye(len(c))

    s_a, s_b = covariance(a), covariance(b)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s_a + s_b - 2 * sqrtm(s_a @ s_b).real))


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_it_is_that_of_the_matrix_root(shrinkage: float) -> None:
    a, b = RNG.normal(size=(60, 5)) @ RNG.normal(size=(5, 5)), RNG.normal(size=(40, 5)) + 0.5
    found = frechet_distance(a, torch.from_numpy(b), shrinkage=shrinkage)
    assert found == pytest.approx(naive(a, b, shrinkage))
    assert frechet_distance(b, a, shrinkage=shrinkage) == pytest.approx(found)


def test_fewer_samples_than_dimensions() -> None:
    a, b = RNG.normal(size=(9, 30)), 2 * RNG.normal(size=(12, 30))
    through_covariances = frechet_distance(a, b, shrinkage=1e-15)
    assert frechet_distance(a, b) == pytest.approx(through_covariances, rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-5, 5), scale=st.floats(0.2, 5))
def test_known_values(seed: int, shift: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(20, 4))
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    y = rng.normal(size=(25, 4))
    assert frechet_distance(x, x + shift) == pytest.approx(4 * shift**2, abs=1e-8)
    centred = x - x.mean(0)
    assert frechet_distance(centred, scale * centred) == pytest.approx(
        (scale - 1) ** 2 * centred.var(0, ddof=1).sum(), abs=1e-8)  # fmt: skip
    assert frechet_distance(x @ rotation, y @ rotation) == pytest.approx(frechet_distance(x, y), abs=1e-8)


def test_components_are_those_of_the_reference() -> None:
    a = RNG.normal(size=(200, 6)) * np.array([5, 4, 1, 0.1, 0.1, 0.1])
    b = a + np.array([0, 0, 0, 0, 0, 10.0])  # off the plane of the reference
    assert frechet_distance(a, b) == pytest.approx(100)
    assert frechet_distance(a, b, components=2) < 1
    assert frechet_distance(a, b, components=6) == pytest.approx(100)


def test_few_samples_are_biased_upward() -> None:
    near = frechet_distance(RNG.normal(size=(2000, 10)), RNG.normal(size=(2000, 10)))
    assert frechet_distance(RNG.normal(size=(30, 10)), RNG.normal(size=(30, 10))) > 10 * near


def test_variance_ratio() -> None:
    a, b = RNG.normal(size=(30, 5)), RNG.normal(size=(20, 5))
    assert variance_ratio(a, b) == pytest.approx(b.var(0, ddof=1).sum() / a.var(0, ddof=1).sum())
    assert variance_ratio(a, np.repeat(b[:1], 4, axis=0)) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: frechet_distance(x, x[:, :2]), "Equal numbers of columns"),
        (lambda x: frechet_distance(x[:1], x), "2 rows or more"),
        (lambda x: frechet_distance(x, x, components=5), "1 to 4"),
        (lambda x: frechet_distance(x, x, shrinkage=2), "shrinkage"),
        (lambda x: frechet_distance(x * np.nan, x), "sample 0, dim 0"),
        (lambda x: variance_ratio(x * 0, x), "does not vary"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(5, 4)))
