"""The haemodynamic response against nilearn's, series against a loop, and planted ceilings at every time point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.brain.simulate import simulate_subject
from counterpoint.brain.simulate_timeseries import haemodynamic_response, overlap_variance, trial_series
from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import noise_ceiling

SMALL = {"features": "factors", "sprites": "procedural", "kind": "timeseries"}


def test_response_against_nilearn():
    models = pytest.importorskip("nilearn.glm.first_level")
    theirs = models.spm_hrf(1.0, oversampling=20, time_length=32.0)
    ours = haemodynamic_response(0.05, duration=0.05)
    np.testing.assert_allclose(ours, theirs / theirs.max(), atol=0.02)


@given(st.floats(0.2, 2.0), st.floats(0.2, 4.0), st.floats(-0.5, 0.5))
def test_response_peaks_at_five_seconds_or_so(t_r, duration, delay):
    fine = haemodynamic_response(0.1, duration=duration, delay=delay)
    assert abs(fine.argmax() * 0.1 - (5.0 + duration / 2 + delay)) < 0.35
    assert fine.max() <= 1 + 1e-12
    assert fine[120:200].min() < -0.05  # the undershoot
    coarse = haemodynamic_response(t_r, duration=duration, delay=delay)
    np.testing.assert_allclose(coarse, np.interp(np.arange(len(coarse)) * t_r, np.arange(len(fine)) * 0.1, fine),
                               atol=0.01)


def test_default_response_peaks_between_four_and_six_seconds():
    assert 4 <= haemodynamic_response(0.1).argmax() * 0.1 <= 6


def test_series_against_a_loop():
    rng = np.random.default_rng(0)
    amplitudes, runs, response = rng.standard_normal((9, 3)), np.array([0] * 4 + [1] * 5), rng.standard_normal((11, 3))
    expected = np.zeros((27, 3))
    for trial in range(9):
        for lag in range(11):
            moment = trial * 3 + lag
            if moment < 27 and runs[moment // 3] == runs[trial]:
                expected[moment] += amplitudes[trial] * response[lag]
    np.testing.assert_allclose(trial_series(amplitudes, runs, response, points=3), expected, atol=1e-5)


def test_overlap_against_a_loop():
    response = np.random.default_rng(1).standard_normal(13)
    expected = [sum(response[point + 5 * back] ** 2 for back in range(1, 3) if point + 5 * back < 13)
                for point in range(5)]
    np.testing.assert_allclose(overlap_variance(response, 5)[:, 0], expected)


def test_series_of_a_person():
    data = simulate_subject(train=300, test=150, **SMALL)
    assert data.responses.shape == (750, 5, 360)
    assert data.t_r == 2.0
    assert data.space.kind == "parcels"
    visual = data.rois["visual"]
    course = data.responses[:, :, visual].mean((0, 2))
    assert course.argmax() in (2, 3)  # 4 to 6 s after onset
    subject = Subject(data)
    trials = subject.trials_of(subject.stimuli("test"))
    for point in (2, 3, 4):
        repeats = np.stack([subject.read(trials[:, which])[:, point] for which in range(3)])
        found, planted = noise_ceiling(repeats).ceiling[visual], data.truth["ceiling"][point, visual]
        assert abs(np.median(found - planted)) < 4
    assert np.median(data.truth["ceiling"][3, visual]) > 25
    assert data.truth["ceiling"][0, visual].max() < 1


def test_both_surfaces_and_null_networks():
    data = simulate_subject(train=30, test=10, space="fsaverage5", null_networks=("Default",), imagery=4, **SMALL)
    assert data.responses.shape == (64, 5, 360)
    silent = ~np.isin(data.networks, [1, 3])
    assert not data.truth["ceiling"][:, silent].any()
    assert data.truth["ceiling"][3, ~silent].min() > 0


def test_noise_is_autocorrelated():
    data = simulate_subject(train=300, test=20, networks={}, drift=0.0, session_offset=0.0, session_gain=0.0,
                            temporal_noise=0.5, **SMALL)
    series = (data.responses / data.truth["noise_level"]).reshape(-1, 360)
    for lag, expected in ((1, 0.5), (2, 0.25), (4, 0.0625)):
        assert abs((series[:-lag] * series[lag:]).mean() - expected) < 0.04


def test_drift_is_slow():
    settings = {"train": 300, "test": 20, "networks": {}, "session_offset": 0.0, "session_gain": 0.0, **SMALL}
    share = []
    for drift in (0.0, 0.5):
        data = simulate_subject(drift=drift, temporal_noise=0.0, **settings)
        run = data.responses[(data.session == 0) & (data.run == 0)] / data.truth["noise_level"]
        power = np.abs(np.fft.rfft(run.reshape(-1, 360), axis=0)) ** 2
        share.append(float((power[1:4].sum(0) / power[1:].sum(0)).mean()))
    assert share[0] < 0.1
    assert share[1] > 0.3


def test_refusals():
    with pytest.raises(CounterpointError):
        haemodynamic_response(0.0)
    with pytest.raises(CounterpointError):
        simulate_subject(**SMALL, train=5, test=5, t_r=20.0)
