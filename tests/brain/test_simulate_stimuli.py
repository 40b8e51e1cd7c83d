"""Pictures of simulated people: ranges that never meet, labels and names of the largest thing, honest notes."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.brain import simulate_stimuli
from counterpoint.brain.simulate_stimuli import simulated_stimuli
from counterpoint.core.errors import CounterpointError
from counterpoint.data.stamps import cutouts


def test_ranges():
    whole = simulated_stimuli(60, test=10, imagery=5, sprites="procedural", seed=2)
    later = simulated_stimuli(35, test=10, imagery=5, start=25, sprites="procedural", seed=2)
    np.testing.assert_array_equal(whole.ids, np.arange(60))
    np.testing.assert_array_equal(later.ids, np.r_[:15, 40:60])
    np.testing.assert_array_equal(later.images, whole.images[whole.rows(later.ids)])
    assert len({picture.tobytes() for picture in whole.images}) == 60


def test_labels_captions_and_factors_belong_together():
    found = simulated_stimuli(40, test=20, sprites="procedural", seed=1)
    rows = np.arange(40)
    np.testing.assert_array_equal(found.labels, found.factors["shape"][rows, found.factors["main"]])
    radius = np.nan_to_num(found.factors["radius"])
    np.testing.assert_array_equal(radius.argmax(1), found.factors["main"])
    assert set(found.factors["count"].tolist()) == {1, 2}
    assert all(len(texts) == 2 for texts in found.captions)
    assert [found.class_names[label] for label in found.labels] == found.names
    assert sum(found.names[row] in found.captions[row][0] for row in rows) > 30


def test_no_training_and_no_test():
    assert len(simulated_stimuli(4, test=4, sprites="procedural")) == 4
    assert len(simulated_stimuli(4, test=0, sprites="procedural")) == 4


def test_without_photographs_shapes_are_drawn(monkeypatch):
    def absent():
        raise CounterpointError("The stamps are not installed.")

    monkeypatch.setattr(simulate_stimuli, "_balanced_cutouts", absent)
    found = simulated_stimuli(4, test=2)
    assert "circle" in found.class_names
    assert any("not installed" in note for note in found.notes)
    with pytest.raises(CounterpointError, match="not installed"):
        simulated_stimuli(4, test=2, sprites="stamps")


def test_photographs():
    try:
        cutouts(named=True)
    except CounterpointError:
        pytest.skip("tuxpaint-stamps-default is not installed")
    found = simulated_stimuli(300, test=50, sprites="stamps")
    counts = np.bincount(found.labels)
    assert len(found.class_names) == len(counts) >= 8
    assert counts.max() < 0.3 * len(found)
    assert "noun" in found.factors
    assert "GPL" in found.licence


@pytest.mark.parametrize("settings", [{"test": 9}, {"test": 2, "imagery": 4}, {"test": 2, "start": -1},
                                      {"test": 2, "sprites": "photos"}, {"test": 2, "size": 4}])
def test_refusals(settings):
    with pytest.raises(CounterpointError):
        simulated_stimuli(5, **{"sprites": "procedural", **settings})
