"""Who takes part in a run: opened or simulated, prepared alike, refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoint.brain.spec import BrainData
from counterpoint.core.errors import CounterpointError
from counterpoint.data.array_file_save import save_array_file

from .by_hand import dataset

OPTIONS = {"train": 8, "test": 6, "voxels": 20, "features": "factors", "sprites": "procedural", "size": 32}


def test_simulated_people_share_a_world_that_the_seed_makes():
    data = BrainData(subjects=("1", "3"), options=OPTIONS, clip=2.5, zscore="run")
    found = data.load(5)
    assert [one.name for one in found] == ["simulated subj01", "simulated subj03"]
    assert {one.preparation.clip for one in found} == {2.5}
    assert found[0].preparation.zscore == "run"
    np.testing.assert_array_equal(found[0].stimuli("test"), found[1].stimuli("test"))
    again, other = data.load(5)[1], data.load(6)[1]
    np.testing.assert_array_equal(again.data.responses, found[1].data.responses)
    assert not np.array_equal(other.data.responses, found[1].data.responses)
    fixed = BrainData(subjects=("3",), options=OPTIONS, seed=5)
    np.testing.assert_array_equal(fixed.load(99)[0].data.responses, found[1].data.responses)


def test_the_first_person_when_nobody_is_named():
    assert [one.name for one in BrainData(options=OPTIONS).load(0)] == ["simulated subj01"]


def test_a_file_of_arrays_keeps_its_own_name(tmp_path: Path):
    path = save_array_file(dataset("zoe"), tmp_path / "zoe.npz")
    for source in (f"array:{path}", str(path)):
        assert BrainData(source=source).load(0)[0].data.voxels == 30
    assert BrainData(source=str(path), rois=("early",)).load(0)[0].voxels == 8


@pytest.mark.parametrize(("settings", "words"), [
    ({"subjects": ("1", "1")}, r"(?s)names somebody twice: 1, 1.*--data.subjects 1"),
    ({"source": "nowhere/at/all"}, "does not exist"),
    ({"source": "nsdd:folder"}, "Did you mean nsd"),
    ({"rois": ("V9",)}, "V9"),
    ({"drop_networks": ("Visuall",)}, "Did you mean Visual"),
])
def test_who_or_what_is_not_there_is_refused(settings: dict, words: str):
    with pytest.raises(CounterpointError, match=words):
        BrainData(**{"options": OPTIONS if "source" not in settings else {}, **settings}).load(0)


def test_settings_out_of_range_are_refused():
    with pytest.raises(CounterpointError, match="A batch of 1 has no negatives"):
        BrainData(batch_size=1)
    with pytest.raises(CounterpointError, match="validation is 1"):
        BrainData(validation=1.0)
