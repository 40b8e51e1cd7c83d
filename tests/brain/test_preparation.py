"""Units, z-scores and means of repeats, against loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.brain.preparation import Preparation, average_repeats, group_statistics, zscore_sessions
from counterpoint.core.errors import CounterpointError
from counterpoint.data._rows import NumpyRows


def naive_zscore(responses: np.ndarray, sessions: np.ndarray, fit: np.ndarray) -> np.ndarray:
    """One voxel of one session at a time."""
    out = np.zeros(responses.shape)
    for session in set(sessions.tolist()):
        for voxel in range(responses.shape[1]):
            values = [responses[t, voxel] for t in range(len(sessions)) if sessions[t] == session and fit[t]]
            mean = sum(values) / len(values)
            std = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
            for trial in np.flatnonzero(sessions == session):
                out[trial, voxel] = 0 if std == 0 else (responses[trial, voxel] - mean) / std
    return out


@given(seed=st.integers(0, 1000), trials=st.integers(4, 40), voxels=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_zscore_is_the_loop(seed: int, trials: int, voxels: int) -> None:
    rng = np.random.default_rng(seed)
    responses = rng.normal(3, 2, (trials, voxels))
    responses[:, 0] = 4.0
    sessions = np.r_[1, 2, rng.integers(1, 3, trials - 2)]
    fit = rng.random(trials) < 0.6
    fit[:2] = True
    got = zscore_sessions(responses, sessions, fit)
    np.testing.assert_allclose(got, naive_zscore(responses, sessions, fit), atol=1e-9)
    assert got.dtype == np.float64


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100), offset=st.floats(-50, 50))
@settings(max_examples=25, deadline=None)
def test_zscore_forgets_gain_and_offset_of_a_session(seed: int, scale: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    responses, sessions = rng.normal(size=(20, 3)), np.repeat([1, 2], 10)
    changed = responses.copy()
    changed[sessions == 2] = changed[sessions == 2] * scale + offset
    np.testing.assert_allclose(zscore_sessions(changed, sessions), zscore_sessions(responses, sessions), atol=1e-8)


def test_test_trials_matter_only_without_a_mask() -> None:
    rng = np.random.default_rng(0)
    responses, sessions, fit = rng.normal(size=(30, 4)), np.repeat([1, 2], 15), np.arange(30) % 3 > 0
    other = responses.copy()
    other[~fit] += 10
    assert np.allclose(zscore_sessions(responses, sessions, fit)[fit], zscore_sessions(other, sessions, fit)[fit])
    assert not np.allclose(zscore_sessions(responses, sessions)[fit], zscore_sessions(other, sessions)[fit])


def test_a_session_without_fit_trials_is_named() -> None:
    with pytest.raises(CounterpointError, match="Session 7 has no fit trial"):
        zscore_sessions(np.ones((4, 2)), [3, 3, 7, 7], [True, True, False, False])


def test_time_series_share_statistics_over_time() -> None:
    responses = np.random.default_rng(1).normal(2, 3, (8, 5, 3))
    got = zscore_sessions(responses, np.repeat([1, 2], 4))
    expected = (responses[:4] - responses[:4].mean((0, 1))) / responses[:4].std((0, 1))
    np.testing.assert_allclose(got[:4], expected, atol=1e-12)


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("block_bytes", [8, 200, 2**20])
def test_statistics_from_disk_in_blocks(tmp_path: Path, kind: type, block_bytes: int) -> None:
    rng = np.random.default_rng(2)
    stored = rng.normal(900, 300, (53, 11)).astype(kind)
    stored[:, 4] = 7
    np.save(tmp_path / "responses.npy", stored)
    groups, fit = rng.integers(0, 3, 53) * 5, rng.random(53) < 0.7
    found = group_statistics(NumpyRows(tmp_path / "responses.npy"), groups, fit, block_bytes=block_bytes)
    assert found.groups.tolist() == [0, 5, 10]
    for place, group in enumerate(found.groups):
        values = stored[(groups == group) & fit].astype(np.float64)
        np.testing.assert_allclose(found.mean[place], values.mean(0), rtol=1e-12)
        np.testing.assert_allclose(found.std[place], values.std(0), rtol=1e-10)
        assert found.count[place] == len(values)
    assert (found.std[:, 4] == 0).all()
    np.testing.assert_array_equal(found.low, stored.min(0))
    np.testing.assert_array_equal(found.high, stored.max(0))


def test_a_large_offset_costs_no_accuracy() -> None:
    values = np.random.default_rng(3).normal(0, 1, (1000, 2)) + 1e7
    found = group_statistics(values, np.zeros(1000, int), block_bytes=800)
    np.testing.assert_allclose(found.std[0], values.std(0), rtol=1e-6)


def test_what_is_not_finite_is_counted_with_its_place() -> None:
    values = np.zeros((9, 4), np.float32)
    values[6, 1] = np.nan
    values[7, 1] = np.inf
    values[5, 3] = np.nan
    found = group_statistics(values, np.zeros(9, int), block_bytes=64)
    assert found.unusable.tolist() == [0, 2, 0, 1]
    assert found.first_unusable == (5, 3)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_average_is_the_loop_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    responses, ids = rng.normal(size=(25, 3)), rng.integers(-4, 5, 25)
    found = average_repeats(responses, ids)
    assert found.stimulus_id.tolist() == sorted(set(ids.tolist()))
    for row, number in enumerate(found.stimulus_id):
        np.testing.assert_allclose(found.mean[row], responses[ids == number].mean(0), atol=1e-12)
        assert found.count[row] == (ids == number).sum()
    order = rng.permutation(25)
    np.testing.assert_allclose(average_repeats(responses[order], ids[order]).mean, found.mean, atol=1e-12)


def test_average_keeps_floats_and_lifts_integers() -> None:
    assert average_repeats(np.ones((2, 3, 4), np.float32), [1, 1]).mean.shape == (1, 3, 4)
    found = average_repeats(np.array([[1], [2]], np.int16), [1, 1]).mean
    assert found.dtype == np.float32
    assert found[0, 0] == 1.5


@pytest.mark.parametrize(("wrong", "words"), [
    ({"zscore": "sesion"}, "session, run"), ({"fit_on": "test"}, "train, all"), ({"clip": -1}, "standard deviations"),
    ({"min_ceiling": 100}, "Per cent")])
def test_a_wrong_preparation_is_refused(wrong: dict, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        Preparation(**wrong)


def test_one_region_by_name() -> None:
    assert Preparation(rois="V1").rois == ("V1",)
