"""Predictions row by row: blocks, showings, changes of the input, seeds; and ridge on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from counterpoint.brain.ridge import RidgeDecoder
from counterpoint.train.decoding import predictions
from counterpoint.train.decoding.predictions import fit_ridge, predict, target_of

from ..brain.by_hand import TEXT, person
from .worlds import decoder, world


def by_hand(learner, one, x):
    with torch.no_grad():
        return learner.eval().decode({"responses": [torch.from_numpy(x)], "subject": [one.name]}, sample=False)


@pytest.mark.parametrize("name", ["ridge", "mindeye"])
def test_rows_are_those_of_the_ids_whatever_the_block(name, monkeypatch):
    here = world(person("ann"), person("bob", voxels=20))
    learner, one = decoder(here, name), here.people[1]
    ids = np.array([110, 3, 101, 7, 120])
    monkeypatch.setattr(predictions, "BLOCK", 2)
    found = predict(learner, one, ids, sample=False)
    assert learner.training is False
    reference = by_hand(learner, one, one.mean(ids))
    np.testing.assert_allclose(found["retrieval"], reference.retrieval, atol=1e-5)
    assert ("backbone" in found) == (reference.backbone is not None)
    assert found.get("latent") is None
    with pytest.raises(KeyError):
        found["latent"]


def test_a_learner_in_training_stays_so():
    here = world()
    learner = decoder(here, "mindeye").train()
    state = torch.get_rng_state()
    predict(learner, here.people[0], here.test[0])
    assert learner.training
    assert learner.projector.training
    assert torch.equal(torch.get_rng_state(), state)


def test_showings_are_averaged_before_or_after():
    """A linear decoder gives the same; another one does not."""
    here = world(person(repeats=3))
    ids, one = here.test[0], here.people[0]
    linear = decoder(here)
    a, b = (predict(linear, one, ids, average=how)["retrieval"] for how in ("responses", "embeddings"))
    np.testing.assert_allclose(a, b, atol=1e-5)
    bent = decoder(here, "mindeye")
    single = [by_hand(bent, one, one.read(one.trials_of(ids)[:, k])).retrieval.numpy() for k in range(3)]
    after = predict(bent, one, ids, average="embeddings", sample=False)["retrieval"]
    np.testing.assert_allclose(after, np.mean(single, axis=0), atol=1e-5)
    assert not np.allclose(after, predict(bent, one, ids, sample=False)["retrieval"], atol=1e-3)
    first = predict(bent, one, ids, repeats=1, sample=False)["retrieval"]
    np.testing.assert_allclose(first, single[0], atol=1e-5)


def test_responses_can_be_altered_first():
    here = world()
    one, ids, learner = here.people[0], here.test[0], decoder(here)
    found = predict(learner, one, ids, alter=lambda x: np.zeros_like(x))["retrieval"]
    np.testing.assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-6)


def test_draws_of_the_prior_are_seeded():
    here = world()
    learner, one, ids = decoder(here, "mindeye"), here.people[0], here.test[0][:6]
    a, b, c = (predict(learner, one, ids, seed=seed)["prior"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)
    assert "prior" not in predict(learner, one, ids, sample=False)


def test_ridge_on_voxels_pictures_and_captions_of_choice():
    pytest.importorskip("himalaya")
    here = world(views=TEXT)
    one, test = here.people[0], here.test[0]
    ids, voxels = here.train[0][::2], np.arange(5, 20)
    found = fit_ridge(here, 0, voxels=voxels, ids=ids).predict(one.mean(test)[:, voxels])
    rows = here.targets.rows(ids)
    expected = RidgeDecoder().fit(one.mean(ids)[:, voxels], here.targets.picture[rows]).predict(
        one.mean(test)[:, voxels])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert fit_ridge(here, 0, text=True).predict(one.mean(test)).shape == (24, 384)
    np.testing.assert_array_equal(target_of(here, ids, text=True), here.targets.text[rows].sum(1))
    np.testing.assert_array_equal(target_of(here, ids), here.targets.picture[rows])
