"""Ridge as a system: solved in closed form, the same numbers as the plain solver, for every kind of sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from counterpoint.brain.ridge import RidgeDecoder
from counterpoint.brain.samples import BrainSamples
from counterpoint.core.errors import CounterpointError

from ..base.decoders import decoder
from ..brain.by_hand import person, plain_targets

pytest.importorskip("himalaya")


def solved(repeats: str, **options):
    people = [person("ann"), person("bob", train=range(20, 50), voxels=60)]
    targets = plain_targets(people, tokens=2, dim=3)
    samples = BrainSamples(people, targets, [one.stimuli("train") for one in people], repeats=repeats, **options)
    from counterpoint.encoders.brain_network import BrainNetwork
    from counterpoint.methods.ridge import Ridge

    learner = Ridge(BrainNetwork({one.name: one.voxels for one in people}, kind="linear", tokens=2, dim=3))
    learner.solve(samples)
    return learner.eval(), samples


@pytest.mark.parametrize("repeats", ["mean", "one", "all"])
def test_weights_are_those_of_the_solver(repeats: str):
    learner, samples = solved(repeats)
    for one in samples.people:
        if repeats == "all":
            trials = one.rows("train")
            x, y = one.read(trials), samples.targets.picture[samples.targets.rows(one.data.stimulus_id[trials])]
            order = np.argsort(one.data.stimulus_id[trials], kind="stable")  # folds follow the samples' order
            x, y = x[order], y[order]
        else:
            ids = one.stimuli("train")
            x, y = one.mean(ids), samples.targets.picture[samples.targets.rows(ids)]
        reference = RidgeDecoder().fit(x, y)
        new = one.mean(one.stimuli("test"))
        with torch.no_grad():
            found = learner.decode({"responses": [torch.from_numpy(new)], "subject": [one.name]}).retrieval
        np.testing.assert_allclose(found.numpy(), reference.predict(new), atol=1e-4)


def test_shuffled_pairs_are_what_it_is_fitted_to():
    plain, _ = solved("mean")
    shuffled, samples = solved("mean", shuffle_pairs=1)
    one = samples.people[0]
    x = one.mean(one.stimuli("train"))
    expected = RidgeDecoder().fit(x, samples.targets.picture[samples.pictures[0]]).predict(x)
    batch = {"responses": [torch.from_numpy(x)], "subject": [one.name]}
    with torch.no_grad():
        np.testing.assert_allclose(shuffled.decode(batch).retrieval.numpy(), expected, atol=1e-4)
        assert not np.allclose(plain.decode(batch).retrieval.numpy(), expected, atol=1e-2)


def test_what_is_not_linear_or_has_no_penalties_is_refused():
    with pytest.raises(CounterpointError, match="Ridge is a linear map; the encoder is mlp"):
        decoder("ridge", kind="mlp")
    with pytest.raises(CounterpointError, match="Penalties from 10"):
        decoder("ridge", kind="linear", smallest=10.0, largest=1.0)
