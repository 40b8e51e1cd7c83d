"""Tables of a decoding run: what is masked, how large controls are, what a voxel carries, and learning curves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from counterpoint.brain.subject import Subject
from counterpoint.train.decoding import tables
from counterpoint.train.decoding.predictions import fit_ridge, predict, target_of
from counterpoint.train.modalities import brain as modality

from ..brain.by_hand import dataset, person
from .worlds import decoder, loaded, world

pytest.importorskip("himalaya")


def measure(learner, here, number=0):
    return tables.Measure(learner, here, number, candidates=300, seed=0)


def test_masks_set_a_network_to_its_mean():
    labels = np.array([1, 2, 2, 3])
    x = np.arange(8, dtype=np.float32).reshape(2, 4) + 1
    np.testing.assert_array_equal(tables.masked(labels, 2)(x), [[1, 0, 0, 4], [5, 0, 0, 8]])
    np.testing.assert_array_equal(tables.masked(labels, labels == 3)(x), [[1, 2, 3, 0], [5, 6, 7, 0]])
    series = np.ones((2, 5, 4), np.float32)
    assert tables.masked(labels, 2)(series).sum() == 20
    assert x[0, 1] == 2  # the responses themselves are left alone


def test_every_network_stands_beside_controls_of_its_size(monkeypatch):
    data = dataset(voxels=40)
    data.networks = np.repeat([0, 1, 2, 3], [4, 3, 12, 21])
    here = world(Subject(data))
    whole, seen = measure(decoder(here), here), []

    def caught(self, *, repeats=None, alter=None):
        seen.append(None if alter is None else np.flatnonzero(alter(np.ones((1, 40), np.float32))[0] == 0))
        return 0.5, np.nan

    monkeypatch.setattr(tables.Measure, "both", caught)
    rows = tables.networks_table(whole)
    assert seen[0] is None
    assert {row["name"]: row["parcels"] for row in rows} == {"Visual": 3, "Default": 12, "Limbic": 21}
    start = 1
    for label, size in ((1, 3), (2, 12), (3, 21)):
        np.testing.assert_array_equal(seen[start], np.flatnonzero(data.networks == label))
        controls = seen[start + 1:start + 1 + (tables.CONTROLS if size < 20 else 0)]
        for drawn in controls:
            assert len(drawn) == size
            assert not (data.networks[drawn] == label).any()
        if controls:
            assert len({tuple(drawn) for drawn in controls}) > 1
        start += 1 + len(controls)
    assert start == len(seen)
    limbic = next(row for row in rows if row["name"] == "Limbic")
    assert limbic["control"] is None  # larger than all others together
    assert np.isnan(limbic["control_low"])


def test_the_network_that_carries_it_is_found():
    """Responses outside of one network are noise: only without it the decoder is lost."""
    data = dataset(voxels=40, noise=0.1, train=range(200, 400))
    data.responses[:, data.networks != 2] = np.random.default_rng(0).normal(size=(len(data), 30))
    here = world(Subject(data))
    whole = measure(decoder(here), here)
    rows = tables.networks_table(whole)
    assert rows[0]["name"] == "Default"
    assert rows[0]["value"] > 0.5 * rows[0]["whole"] > 0.15
    assert rows[0]["value"] > rows[0]["control_high"]
    assert max(row["value"] for row in rows[1:]) < 0.3
    assert rows[0]["category_value"] > rows[0]["category_control_high"]
    assert rows[0]["category_value"] > max(row["category_value"] for row in rows[1:])
    accuracy = whole.categories.rows(predict(whole.learner, whole.person, whole.ids)["retrieval"], model="d", seed=0)
    assert {row["category_whole"] for row in rows} == {accuracy[0]["value"]}
    found = tables.contribution_map(decoder(here), here, 0)
    inside = data.networks == 2
    assert found[inside].sum() > 5 * np.abs(found[~inside].sum())
    regions = tables.regions_table(whole, None)
    assert [row["name"] for row in regions] == ["early", "late"]  # neither carries it
    assert all(row["low"] <= row["top1"] <= row["high"] and row["ceiling"] is None for row in regions)


def test_without_networks_there_is_no_table():
    here = world(person(networks=None, network_names={}))
    assert tables.networks_table(measure(decoder(here), here)) == []


def test_contributions_sum_to_the_matched_similarity_of_a_linear_decoder():
    """With z = W x + b: sum_v x_v ds/dx_v = t . (z - b) / |z|, and the cosine itself where b is 0."""
    here = world()
    learner, one, ids = decoder(here), here.people[0], here.test[0]
    found = tables.contribution_map(learner, here, 0)
    assert found.shape == (30,)
    layer = learner.encoder.people.maps[one.name]
    x = torch.from_numpy(one.mean(ids)).double()
    w, b = layer.weight.detach().double(), layer.bias.detach().double()
    t = torch.nn.functional.normalize(torch.from_numpy(target_of(here, ids)[:, 0]).double(), dim=1)
    z = x @ w.T + b
    expected = (x * (t @ w) / z.norm(dim=1, keepdim=True)).mean(0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with torch.no_grad():
        layer.bias.zero_()
    found = tables.contribution_map(learner, here, 0)
    matched = torch.nn.functional.cosine_similarity(x @ w.T, t).mean()
    assert matched > 0.3
    assert float(found.sum()) == pytest.approx(float(matched), abs=1e-5)


def test_contributions_by_finite_differences():
    here = world()
    learner, one, ids = decoder(here, "mindeye", contrastive_weight=1.0), here.people[0], here.test[0][:5]
    small = dataclasses.replace(here, test=[ids])
    found = tables.contribution_map(learner, small, 0)
    x, target = one.mean(ids).astype(np.float64), target_of(here, ids).reshape(5, -1).astype(np.float64)
    learner = learner.double()

    def matched(values):
        with torch.no_grad():
            z = learner.decode({"responses": [torch.from_numpy(values)], "subject": [one.name]},
                               sample=False).retrieval.numpy().reshape(5, -1)
        return (z * target).sum(1) / np.linalg.norm(target, axis=1), np.linalg.norm(z, axis=1)

    for voxel in (0, 13, 29):
        step = np.zeros_like(x)
        step[:, voxel] = 1e-5
        slope = (matched(x + step)[0] - matched(x - step)[0]) / 2e-5 / matched(x)[1]
        assert float((slope * x[:, voxel]).mean()) == pytest.approx(float(found[voxel]), abs=1e-5)


def test_more_showings_decode_better_and_ridge_stands_beside():
    here = world(person(noise=6.0, train=range(80), test=range(100, 160), voxels=60, test_repeats=4, repeats=4))
    learner = decoder(here)
    rows = tables.repeats_table(measure(learner, here), fit_ridge(here, 0))
    assert [row["repeats"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["top1"] > rows[0]["top1"]
    for row in rows:  # the system called ridge is the same map
        assert row["top1"] == pytest.approx(row["ridge"], abs=0.05)
    once = world(person(test_repeats=1))
    assert tables.repeats_table(measure(decoder(once), once), fit_ridge(once, 0)) == []


def test_a_learning_curve_retrains_on_nested_pictures(monkeypatch):
    here = world(person(train=range(80)))
    found, asked = loaded(here, "ridge"), []
    used = []
    fewer = type(here).fewer
    monkeypatch.setattr(type(here), "fewer", lambda self, *args: used.append(fewer(self, *args)) or used[-1])

    def refit(pictures):
        asked.append(pictures)
        return modality.refit(found, pictures)

    whole = measure(modality.build(found), here)
    whole.learner = decoder(here)
    rows = tables.learning_table(whole, refit)
    assert asked == [20, 40]  # 10 are too few, and all are those of the run itself
    assert [(row["pictures"], row["trials"]) for row in rows] == [(20, 40), (40, 80), (80, 160)]
    assert rows[-1]["hours"] == pytest.approx(160 * 4 / 3600)
    for row in rows:  # the same map on the same pictures
        assert row["top1"] == pytest.approx(row["ridge"], abs=1e-6)
    assert rows[-1]["ridge"] == pytest.approx(whole.ridge(fit_ridge(here, 0)))
    by_size = {len(ids): set(ids.tolist()) for ids in used}
    assert by_size[20] < by_size[40] < by_size[80]
    without = tables.learning_table(whole, None)
    assert ["top1" in row for row in without] == [False, False, True]


def test_a_refit_trains_from_its_first_weights_for_as_many_steps():
    here = world(person(train=range(32)), person("bob", train=range(50, 70), voxels=12))
    found = loaded(here, "mindeye", epochs=4, batch_size=4)
    steps = []
    learner = modality.refit(found, 8)
    steps.append(learner.global_step)
    assert steps == [4 * 8]  # 4 epochs of 8 steps, as with all pictures
    again = modality.refit(found, 8)
    for a, b in zip(learner.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_ceilings_are_absent_where_nobody_knows_them():
    assert tables.ceiling_of(world(person(test_repeats=1)), 0) is None
    assert tables.ceiling_of(world(person(test=range(100, 140))), 0).shape == (30,)
