"""Algonauts 2023: a small folder in the layout of the challenge, and its crucial facts written here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.algonauts2023 import MAPPINGS, Algonauts2023
from counterpoint.data.algonauts2023_fake import fake_algonauts2023


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The folder of a challenge written by another hand: two pictures, 2 + 1 vertices."""
    from PIL import Image

    home = tmp_path / "subj03"
    for folder in ("training_split/training_fmri", "training_split/training_images", "roi_masks"):
        (home / folder).mkdir(parents=True)
    np.save(home / "training_split/training_fmri/lh_training_fmri.npy", np.array([[1, 2], [3, 4]], np.float32))
    np.save(home / "training_split/training_fmri/rh_training_fmri.npy", np.array([[5], [6]], np.float32))
    for name, colour in (("train-0001_nsd-00013", 10), ("train-0002_nsd-00008", 20)):  # ids need not ascend
        Image.new("RGB", (6, 6), (colour, 0, 0)).save(home / f"training_split/training_images/{name}.png")
    for side, here in (("lh", [7, 163_841]), ("rh", [0])):
        flags = np.zeros(163_842, int)
        flags[here] = 2  # the union of two regions can count twice
        np.save(home / f"roi_masks/{side}.all-vertices_fsaverage_space.npy", flags)
    np.save(home / "roi_masks/lh.floc-faces_challenge_space.npy", np.array([2, 0]))
    np.save(home / "roi_masks/rh.floc-faces_challenge_space.npy", np.array([2]))
    np.save(home / "roi_masks/mapping_floc-faces.npy", {0: "Unknown", 1: "OFA"}, allow_pickle=True)  # type: ignore[arg-type]
    return tmp_path


def test_hemispheres_ids_and_places(tree: Path) -> None:
    data = Algonauts2023(tree, 3)
    assert data.responses.shape == (2, 3)
    assert data.responses[np.array([1, 0, 1])].tolist() == [[3, 4, 6], [1, 2, 5], [3, 4, 6]]
    assert data.stimulus_id.tolist() == [13, 8]
    assert data.images([8, 13])[:, 0, 0, 0].tolist() == [20, 10]
    assert data.space.index.tolist() == [7, 163_841, 163_842]
    assert data.unmask(np.array([1.0, 2, 3]))[[7, 163_841, 163_842]].tolist() == [1, 2, 3]
    assert data.space.shape == (327_684,)
    assert {name: mask.tolist() for name, mask in data.rois.items()} == {
        "FFA-1": [True, False, True], "floc-faces": [True, False, True]}
    assert data.unit == "z"
    assert data.split.tolist() == ["train", "train"]
    assert any("not in this folder" in note for note in data.notes)
    right = Algonauts2023(tree / "subj03", "subj03", hemisphere="right")
    assert right.responses[np.array([0, 1])].tolist() == [[5], [6]]
    assert right.space.index.tolist() == [163_842]


def test_names_of_the_masks() -> None:
    assert [len(names) for names in MAPPINGS.values()] == [7, 4, 5, 3, 5, 7]
    assert len({name for names in MAPPINGS.values() for name in names}) == 31


def test_planted_folder(tmp_path: Path) -> None:
    truth = fake_algonauts2023(tmp_path, 8)
    data = Algonauts2023(tmp_path, 1)
    np.testing.assert_array_equal(data.responses[np.arange(11)], truth["responses"])
    assert not isinstance(data.responses, np.ndarray)
    assert data.stimulus_id.tolist() == truth["stimulus_id"].tolist()
    assert data.split.tolist() == truth["split"].tolist()
    np.testing.assert_array_equal(data.space.index, truth["vertices"])
    np.testing.assert_allclose(data.noise_ceiling, truth["ceiling"])
    np.testing.assert_array_equal(data.rois["hV4"], truth["masks"]["prf-visualrois"] == 7)
    np.testing.assert_array_equal(data.images(data.stimulus_id)[:, :, 3, 3], truth["colours"])
    part = Algonauts2023(tmp_path, 1, rois=["V1v", "streams"])
    picked = data.rois["V1v"] | data.rois["streams"]
    rows = np.array([9, 0, 9])
    np.testing.assert_array_equal(part.responses[rows], truth["responses"][rows][:, picked])
    np.testing.assert_array_equal(part.space.index, truth["vertices"][picked])
    np.testing.assert_array_equal(part.select(trials=rows).responses[np.array([1])], part.responses[np.array([0])])


def test_without_test_responses(tmp_path: Path) -> None:
    truth = fake_algonauts2023(tmp_path, 8, test=False)
    data = Algonauts2023(tmp_path, 1)
    assert len(data) == 8
    assert data.noise_ceiling is None
    np.testing.assert_array_equal(data.responses[np.arange(8)], truth["responses"])


def test_refusals_name_the_place(tree: Path) -> None:
    home = tree / "subj03"
    left = home / "training_split/training_fmri/lh_training_fmri.npy"
    values = np.load(left)
    broken = values.copy()
    broken[1, 1] = np.inf
    np.save(left, broken)
    with pytest.raises(CounterpointError, match=r"row 1, vertex 1 of lh_training_fmri.npy"):
        Algonauts2023(tree, 3)
    assert Algonauts2023(tree, 3, nan="drop").space.index.tolist() == [7, 163_842]
    assert Algonauts2023(tree, 3, rois=["FFA-1"]).voxels == 2  # the broken vertex is not asked for
    np.save(left, values[:1])
    with pytest.raises(CounterpointError, match=r"rh_training_fmri.npy has 2 rows, lh_training_fmri.npy 1"):
        Algonauts2023(tree, 3)
    np.save(left, values)
    np.save(home / "roi_masks/lh.floc-faces_challenge_space.npy", np.array([6, 0]))
    with pytest.raises(CounterpointError, match="has the value 6"):
        Algonauts2023(tree, 3)
    np.save(home / "roi_masks/lh.floc-faces_challenge_space.npy", np.array([1, 0, 0]))
    with pytest.raises(CounterpointError, match="has 3 vertices, the responses 2"):
        Algonauts2023(tree, 3)
    np.save(home / "roi_masks/lh.floc-faces_challenge_space.npy", np.array([1, 0]))
    np.save(home / "roi_masks/lh.all-vertices_fsaverage_space.npy", np.ones(163_842, int))
    with pytest.raises(CounterpointError, match="marks 163842 of 163842 vertices, the responses have 2"):
        Algonauts2023(tree, 3)
    (home / "training_split/training_images/train-0002_nsd-00008.png").unlink()
    with pytest.raises(CounterpointError, match="1 pictures for 2 rows of responses, and none with the number 0002"):
        Algonauts2023(tree, 3)
    with pytest.raises(CounterpointError, match="hemisphere"):
        Algonauts2023(tree, 3, hemisphere="upper")


def test_a_picture_in_both_splits_and_pickles_are_refused(tmp_path: Path) -> None:
    fake_algonauts2023(tmp_path, 8)
    train = sorted((tmp_path / "subj01/training_split/training_images").iterdir())[0]
    test = sorted((tmp_path / "subj01/test_split/test_images").iterdir())[0]
    test.rename(test.with_name(test.name.partition("_nsd")[0] + "_nsd" + train.name.partition("_nsd")[2]))
    with pytest.raises(CounterpointError, match="marked train in one trial and test"):
        Algonauts2023(tmp_path, 1)
    other = tmp_path / "other"
    fake_algonauts2023(other, 8)
    mask = other / "subj01/roi_masks/lh.streams_challenge_space.npy"
    np.save(mask, np.array([{1: "early"}], dtype=object), allow_pickle=True)
    with pytest.raises(CounterpointError, match=r"lh.streams_challenge_space.npy could not be read"):
        Algonauts2023(other, 1)
