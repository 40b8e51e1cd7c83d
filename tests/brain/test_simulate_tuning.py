"""Maps on the cortex: covariance of fields, retinotopy, and where voxels fall."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.brain.simulate_noise import CEILING_BETA, correlated_noise, draw_ncsnr, session_effects
from counterpoint.brain.simulate_stimuli import simulated_stimuli
from counterpoint.brain.simulate_tuning import COVERAGE, draw_tuning, place_parcels, place_voxels, smooth_fields
from counterpoint.brain.surface import atlas

pytest.importorskip("nibabel")


def test_fields_have_their_covariance():
    points = np.c_[np.linspace(0, 40, 21), np.zeros((21, 2))]
    fields = np.concatenate([smooth_fields(points, 400, np.random.default_rng(seed), length=9.0) for seed in range(20)],
                            1)
    found = fields @ fields.T / fields.shape[1]
    distance = np.abs(points[:, :1] - points[:, 0])
    np.testing.assert_allclose(found, np.exp(-(distance**2) / (2 * 81)), atol=0.06)
    again = smooth_fields(points[:3], 400, np.random.default_rng(0), length=9.0)
    np.testing.assert_allclose(again, fields[:3, :400])


def test_voxels_fall_where_asked():
    cortex = atlas()
    voxels = place_voxels(cortex, 1000, np.random.default_rng(0), coverage=COVERAGE)
    assert len(set(voxels.index.tolist())) == 1000
    assert (np.diff(voxels.index) > 0).all()
    assert [int(voxels.named(name).sum()) for name in COVERAGE] == [500, 200, 100]
    assert (voxels.parcels > 0).all()
    np.testing.assert_array_equal(voxels.rois["V1"], np.isin(voxels.parcels, [1, 181]))


def test_parcels_are_in_order():
    voxels = place_parcels(atlas())
    np.testing.assert_array_equal(voxels.parcels, np.arange(1, 361))
    assert np.flatnonzero(voxels.rois["V1"]).tolist() == [0, 180]
    np.testing.assert_array_equal(voxels.hemisphere, np.repeat([0, 1], 180))


def test_early_voxels_see_the_other_side():
    """The weight of V1 voxels on contrast energy lies in the contralateral half of the visual field."""
    from counterpoint.brain.simulate_features import stimulus_features

    spaces = stimulus_features(simulated_stimuli(30, test=30, sprites="procedural"), np.eye(30))
    voxels = place_voxels(atlas(), 600, np.random.default_rng(0), coverage={"Visual": 1.0})
    tuning = draw_tuning(voxels, spaces, group=np.random.default_rng(1), own=np.random.default_rng(2),
                         individuality=0.3, local=0.3)
    looking = np.isfinite(spaces.centres).all(1)
    power = tuning.weights[looking] ** 2
    centre = (power * spaces.centres[looking, :1]).sum(0) / power.sum(0)
    v1, left = voxels.rois["V1"], voxels.hemisphere == 0
    assert (centre[v1 & left] > 0).mean() > 0.9
    assert (centre[v1 & ~left] < 0).mean() > 0.9
    assert np.corrcoef(centre[v1], tuning.fields[v1, 0])[0, 1] > 0.9
    total = sum(tuning.mixture.values())
    np.testing.assert_allclose(total, 1)


def test_ceilings_follow_their_distribution():
    rng = np.random.default_rng(0)
    points, gain = rng.uniform(-60, 60, (4000, 3)), np.ones(4000)
    gain[:500] = 0
    ratio = draw_ncsnr(points, gain, np.ones(4000, np.int64), rng)
    assert not ratio[:500].any()
    share = ratio[500:] ** 2 / (ratio[500:] ** 2 + 1 / 3)
    expected = np.quantile(rng.beta(*CEILING_BETA, 100_000), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(np.quantile(share, [0.1, 0.5, 0.9]), expected, atol=0.05)


def test_noise_has_unit_variance_whatever_it_is_made_of():
    points = np.random.default_rng(0).uniform(-60, 60, (150, 3))
    runs = np.repeat(np.arange(60), 40)
    for settings in ({"spatial": 0.0, "temporal": 0.0, "drift": 0.0}, {"spatial": 0.6, "temporal": 0.3, "drift": 0.3}):
        noise = correlated_noise(runs, points, np.random.default_rng(1), length=8.0, **settings)
        np.testing.assert_allclose(noise.var(0).mean(), 1, atol=0.05)
        assert abs(noise.mean()) < 0.05


def test_session_effects_have_their_spread():
    points = np.random.default_rng(0).uniform(-60, 60, (500, 3))
    offset, gain = session_effects(points, 300, np.random.default_rng(1), offset=0.5, gain=0.2)
    assert abs(offset.std() - 0.5 * np.sqrt(1.25)) < 0.05
    assert abs(np.log(gain).std() - 0.2) < 0.02
