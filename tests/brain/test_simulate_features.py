"""Feature blocks: linear in the factors where promised, scaled by shared pictures, the same for every person."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.brain.simulate_features import SPACES, stimulus_features
from counterpoint.brain.simulate_stimuli import simulated_stimuli
from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import Stimuli


def explained(target, features):
    design = np.c_[features, np.ones(len(features))]
    fitted = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return 1 - ((target - fitted) ** 2).sum(0) / ((target - target.mean(0)) ** 2).sum(0)


def test_factor_features_are_linear_in_factors():
    stimuli = simulated_stimuli(300, test=100, sprites="procedural")
    spaces = stimulus_features(stimuli, "factors", reference=100)
    rows, factors = np.arange(300), stimuli.factors
    low, meaning = (spaces.values[:, spaces.space == space] for space in ("low", "semantic"))
    position = np.stack([factors[key][rows, factors["main"]] for key in ("x", "y")], 1)
    assert explained(position, low).min() > 0.999
    assert explained(position, meaning).max() < 0.2
    shape = np.eye(8)[factors["shape"][rows, factors["main"]]]
    assert explained(shape, meaning).min() > 0.5
    assert explained(shape, low).max() < 0.4
    assert list(dict.fromkeys(spaces.space.tolist())) == list(SPACES)
    assert len(spaces.names) == spaces.values.shape[1] == len(spaces.centres)


def test_shared_pictures_have_the_same_features_for_everybody():
    first, second = (stimulus_features(simulated_stimuli(60, test=40, start=start, sprites="procedural"), "factors",
                                       reference=40).values[:40] for start in (0, 20))
    np.testing.assert_array_equal(first, second)


def test_array_features_keep_their_spectrum():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((200, 6)) * [8, 4, 2, 1, 0.5, 0.25]
    spaces = stimulus_features(Stimuli(np.arange(200)), values)
    own = spaces.values[:, spaces.space == "object"]
    ratio = own.std(0) / values.std(0)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
    np.testing.assert_allclose((own.astype(float) ** 2).sum(1).mean(), 1, rtol=1e-5)
    assert len(spaces.notes) == 2
    labelled = stimulus_features(Stimuli(np.arange(200), labels=np.arange(200) % 3), values)
    assert len(labelled.notes) == 1
    assert (labelled.space == "semantic").sum() == 3


def test_refusals():
    with pytest.raises(CounterpointError, match="Did you mean factors"):
        stimulus_features(Stimuli(np.arange(3)), "factor")
    with pytest.raises(CounterpointError):
        stimulus_features(Stimuli(np.arange(3)), np.ones((4, 2)))
