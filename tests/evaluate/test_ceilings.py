"""Noise ceilings: against loops, against the truth of simulated voxels, and against what models reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import (
    ncsnr_from_trials,
    noise_ceiling,
    noise_ceiling_from_ncsnr,
    noise_normalised_accuracy,
    voxelwise_correlation,
    voxelwise_r2,
)

RNG = np.random.default_rng(0)


def simulated(rng: np.random.Generator, repeats: int, stimuli: int, snr: np.ndarray) -> np.ndarray:
    """Voxels whose signal has the deviation ``snr`` beside unit noise."""
    signal = rng.normal(size=(1, stimuli, len(snr))) * snr
    return signal + rng.normal(size=(repeats, stimuli, len(snr)))


@pytest.mark.parametrize("n_average", [None, 1, 5])
def test_ceiling_is_that_of_a_loop(n_average: int | None) -> None:
    x = simulated(RNG, 3, 20, np.array([0.0, 0.5, 1.0, 4.0]))
    found = noise_ceiling(x, n_average=n_average)
    for voxel in range(4):
        z = np.stack([(r - r.mean()) / r.std() for r in x[:, :, voxel]])
        noise = np.mean([z[:, s].var(ddof=1) for s in range(20)])
        ncsnr = np.sqrt(max(0.0, 1 - noise)) / np.sqrt(noise)
        assert found.ncsnr[voxel] == pytest.approx(ncsnr)
        assert found.ceiling[voxel] == pytest.approx(100 * ncsnr**2 / (ncsnr**2 + 1 / (n_average or 3)))


@pytest.mark.parametrize("n_average", [1, 3])
def test_ceiling_recovers_the_truth(n_average: int) -> None:
    """Laptop claim 1: 3 repeats of 300 stimuli, within 3 points (median over voxels)."""
    for snr in (0.5, 1.0, 2.0):
        found = noise_ceiling(simulated(RNG, 3, 300, np.full(200, snr)), n_average=n_average).ceiling
        truth = 100 * snr**2 / (snr**2 + 1 / n_average)
        assert np.median(found) == pytest.approx(truth, abs=3)


def test_no_model_beats_the_ceiling() -> None:
    """Laptop claim 1: the mean squared correlation of a fitted ridge stays below the ceiling plus 2 points."""
    rng = np.random.default_rng(1)
    features, weights = rng.normal(size=(1200, 20)), rng.normal(size=(20, 50)) / np.sqrt(20)
    train = features[:900] @ weights + rng.normal(size=(900, 50))
    test = features[900:] @ weights + rng.normal(size=(3, 300, 50))
    gram = features[:900].T @ features[:900]
    ceiling = noise_ceiling(test).ceiling.mean()
    for penalty in (0.0, 10.0, 1000.0):
        fitted = np.linalg.solve(gram + penalty * np.eye(20), features[:900].T @ train)
        reached = 100 * (voxelwise_correlation(test.mean(0), features[900:] @ fitted) ** 2).mean()
        assert reached < ceiling + 2
    assert reached > 0.5 * ceiling
    assert 100 * voxelwise_r2(test.mean(0), features[900:] @ fitted).mean() < ceiling + 2


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
def test_units_do_not_matter(seed: int, scale: float, shift: float) -> None:
    x = simulated(np.random.default_rng(seed), 2, 12, np.array([1.0, 2.0]))
    np.testing.assert_allclose(noise_ceiling(scale * x + shift).ceiling, noise_ceiling(x).ceiling, atol=1e-6)


def test_ends() -> None:
    x = np.repeat(RNG.normal(size=(1, 10, 3)), 3, axis=0)
    x[:, :, 1] = 0.1
    x[0, :, 2] = 5.0
    found = noise_ceiling(torch.from_numpy(x).float())
    assert found.ceiling.tolist() == [100.0, 0.0, 0.0]
    assert found.ncsnr.tolist() == [np.inf, 0.0, 0.0]


def test_noise_alone_is_near_zero() -> None:
    found = noise_ceiling(RNG.normal(size=(3, 1000, 200)))
    assert np.median(found.ncsnr) < 0.15
    assert np.median(found.ceiling) < 5


def test_unequal_counts_lie_between() -> None:
    ncsnr = np.array([0.5, 1.0])
    one, two = (noise_ceiling_from_ncsnr(ncsnr, np.eye(2)[i]) for i in range(2))
    mixed = noise_ceiling_from_ncsnr(ncsnr, torch.tensor([10, 10]))
    assert ((one < mixed) & (mixed < two)).all()
    np.testing.assert_allclose(mixed, 100 * ncsnr**2 / (ncsnr**2 + 0.75))


def test_trials_are_those_of_equal_repeats() -> None:
    x = simulated(RNG, 3, 25, np.array([0.3, 1.0, 3.0]))
    order = RNG.permutation(75)
    picture, session = np.tile(np.arange(25), 3)[order], np.repeat(np.arange(3), 25)[order]
    found = ncsnr_from_trials(x.reshape(75, 3)[order], picture, session=session)
    np.testing.assert_allclose(found, noise_ceiling(x).ncsnr, atol=1e-10)


def test_trials_of_unequal_counts_recover_the_truth() -> None:
    snr = np.repeat([0.5, 1.0, 2.0], 50)
    picture = np.repeat(np.arange(400), RNG.integers(1, 5, size=400))
    trials = (RNG.normal(size=(400, 150)) * snr)[picture] + RNG.normal(size=(len(picture), 150))
    found = ncsnr_from_trials(trials, picture)
    for value in (0.5, 1.0, 2.0):
        assert np.median(found[snr == value]) == pytest.approx(value, abs=0.1)
    drifting = trials + np.where(np.arange(len(trials)) % 2, 3.0, 0.0)[:, None]
    half = np.arange(len(trials)) % 2
    assert np.median(ncsnr_from_trials(drifting, picture)) < 0.6  # drifts between sessions count as noise
    assert np.median(ncsnr_from_trials(drifting, picture, session=half)[snr == 1]) == pytest.approx(1, abs=0.1)


def test_trials_of_a_dead_voxel() -> None:
    trials = RNG.normal(size=(8, 2))
    trials[:, 1] = 0.7
    assert ncsnr_from_trials(trials, np.arange(8) // 2)[1] == 0


def test_normalised_accuracy_by_hand() -> None:
    y = RNG.normal(size=(40, 5))
    pred = y + RNG.normal(size=y.shape) * np.array([0, 0.5, 1, 2, 1])
    pred[:, 4] *= -1
    ceiling = np.array([0.5, 0.9, 0.8, 0.0, 0.5])
    r = np.array([np.corrcoef(y[:, v], pred[:, v])[0, 1] for v in range(5)])
    expected = [100 * min(1, max(0, a) ** 2 / (c or 1e-14)) for a, c in zip(r, ceiling, strict=True)]
    found = noise_normalised_accuracy(y, pred, ceiling)
    np.testing.assert_allclose(found, expected)
    assert found[0] == 100
    assert found[4] == 0
    assert noise_normalised_accuracy(y, pred, ceiling, reduction="mean") == pytest.approx(np.mean(expected))
    assert noise_normalised_accuracy(y, pred, ceiling, reduction="median") == pytest.approx(np.median(expected))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: noise_ceiling(x[0]), "repeat, stimulus, voxel"),
        (lambda x: noise_ceiling(x[:1]), "1 repeats"),
        (lambda x: noise_ceiling(np.where(x == x[1, 2, 3], np.nan, x)), "repeat 1, stimulus 2, voxel 3"),
        (lambda x: noise_ceiling(x, n_average=0), "n_average"),
        (lambda x: noise_ceiling_from_ncsnr(np.array([-1.0]), np.array([1])), "0 or above"),
        (lambda x: noise_ceiling_from_ncsnr(np.array([np.nan]), np.array([1])), "0 or above"),
        (lambda x: noise_ceiling_from_ncsnr(np.array([1.0]), np.array([0, 0])), "not all 0"),
        (lambda x: ncsnr_from_trials(x[0], np.arange(5)), "was shown once"),
        (lambda x: ncsnr_from_trials(x[0], np.arange(4)), "stimulus_id has shape"),
        (lambda x: noise_normalised_accuracy(x[0], x[1], np.full(4, 50.0)), "noise_ceiling / 100"),
        (lambda x: noise_normalised_accuracy(x[0], x[1], np.full(3, 0.5)), "3 values for 4 voxels"),
        (lambda x: noise_normalised_accuracy(x[0], x[1], np.full(4, 0.5), reduction="max"), "reduction"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(3, 5, 4)))
