"""Split-half reliability against a loop over splits and against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import noise_ceiling, reliability, split_half_reliability

RNG = np.random.default_rng(0)


def test_two_repeats_are_spearman_brown() -> None:
    x = RNG.normal(size=(1, 30, 4)) * np.array([0, 1, 2, 3]) + RNG.normal(size=(2, 30, 4))
    r = np.array([np.corrcoef(x[0, :, v], x[1, :, v])[0, 1] for v in range(4)])
    found = split_half_reliability(x)
    np.testing.assert_allclose(found.correlation, r)
    np.testing.assert_allclose(found.reliability, np.sign(r) * 2 * abs(r) / (1 + abs(r)))


@pytest.mark.parametrize(("repeats", "pairs"), [(2, 1), (3, 3), (4, 3), (5, 15)])
def test_all_splits_are_taken_once(repeats: int, pairs: int) -> None:
    found = reliability._halves(repeats, splits=20, seed=0)
    assert len({frozenset(map(frozenset, pair)) for pair in found}) == len(found) == pairs
    assert all(not set(a) & set(b) and len(a) == len(b) == repeats // 2 for a, b in found)


def test_many_repeats_are_split_at_random() -> None:
    found = reliability._halves(8, splits=20, seed=0)
    assert len(found) == 20
    assert found != reliability._halves(8, splits=20, seed=1)
    assert all(sorted(a + b) == list(range(8)) for a, b in found)


@pytest.mark.parametrize("repeats", [2, 3, 6])
def test_it_estimates_the_share_of_signal(repeats: int) -> None:
    x = RNG.normal(size=(1, 300, 200)) + RNG.normal(size=(repeats, 300, 200))
    found = split_half_reliability(x)
    assert np.median(found.reliability) == pytest.approx(1 / (1 + 1 / repeats), abs=0.03)
    assert np.median(found.reliability) == pytest.approx(np.median(noise_ceiling(x).ceiling) / 100, abs=0.03)
    assert np.median(split_half_reliability(x, n_average=1).reliability) == pytest.approx(0.5, abs=0.03)


def test_noise_stays_around_zero_and_dead_voxels_at_it() -> None:
    x = RNG.normal(size=(4, 50, 300))
    x[:, :, 0] = 0.1
    found = split_half_reliability(x).reliability
    assert found[0] == 0
    assert abs(np.median(found)) < 0.05
    assert found.min() < -0.05  # nothing is clipped


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(CounterpointError, match="1 repeats"):
        split_half_reliability(RNG.normal(size=(1, 5, 4)))
    with pytest.raises(CounterpointError, match="splits is 0"):
        split_half_reliability(RNG.normal(size=(2, 5, 4)), splits=0)
