"""MindEye2's form of NSD: the planted tree, and trees that are wrong in one way each."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError
from counterpoint.data.mindeye2 import MindEye2
from counterpoint.data.mindeye2_fake import fake_mindeye2


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    return tmp_path, fake_mindeye2(tmp_path, 0)


def rewrite(path: Path, change: Any) -> None:
    """A second writer of the tars: ``change(behaviour)`` of every sample, other members left out."""
    with tarfile.open(path) as archive:
        found = {entry.name: np.load(io.BytesIO(archive.extractfile(entry).read()))  # type: ignore[union-attr]
                 for entry in archive.getmembers() if entry.name.endswith(".behav.npy")}
    with tarfile.open(path, "w") as archive:
        for name, behaviour in found.items():
            stream = io.BytesIO()
            np.save(stream, change(behaviour))
            entry = tarfile.TarInfo(name)
            entry.size = len(stream.getvalue())
            archive.addfile(entry, io.BytesIO(stream.getvalue()))


def test_the_planted_table(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    found = MindEye2(root, "subj01")
    np.testing.assert_array_equal(found.responses[np.arange(24)[::-1]], truth["responses"][::-1])
    for key in ("stimulus_id", "session", "run", "trial", "shared"):
        np.testing.assert_array_equal(getattr(found, key), truth[key], err_msg=key)
    np.testing.assert_array_equal(found.split == "test", truth["shared"])
    np.testing.assert_array_equal(found.images(truth["image_id"][[4, 1, 4]]), truth["images"][[4, 1, 4]])
    one = Subject(found)
    assert one.check() == []
    np.testing.assert_array_equal(one.read([20, 3]), truth["responses"][[20, 3]])


def test_rows_that_no_trial_names(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    (root / "wds/subj01/train/1.tar").unlink()
    found = MindEye2(root, 1)
    kept = (truth["session"] == 1) | truth["shared"]
    np.testing.assert_array_equal(found.responses[np.arange(len(found))], truth["responses"][kept])
    assert any(f"{(~kept).sum()} rows of the betas are in neither split" in note for note in found.notes)


def test_chunked_betas(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    path = root / "betas_all_subj01_fp32_renorm.hdf5"
    path.unlink()
    with h5py.File(path, "w") as file:
        file.create_dataset("betas", data=truth["responses"], chunks=(5, 60), compression="gzip")
    rows = np.array([23, 0, 1, 2, 9, 0])
    np.testing.assert_array_equal(MindEye2(root, 1).responses[rows], truth["responses"][rows])


def test_a_trial_in_both_splits(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    (root / "wds/subj01/train/2.tar").write_bytes((root / "wds/subj01/new_test/0.tar").read_bytes())
    with pytest.raises(CounterpointError, match="belongs to two trials"):
        MindEye2(root, 1)


def test_rows_from_one(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    for path in (root / "wds").rglob("*.tar"):
        rewrite(path, lambda behaviour: behaviour + (np.arange(17) == 5))
    with pytest.raises(CounterpointError, match=r"has rows 1 to 24.*Rows count from 0"):
        MindEye2(root, 1)


def test_shared_pictures_in_training(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    (root / "wds/subj01/new_test/0.tar").rename(root / "wds/subj01/train/2.tar")
    (root / "wds/subj01/train/0.tar").rename(root / "wds/subj01/new_test/0.tar")
    with pytest.raises(CounterpointError, match="6 training trials show shared pictures"):
        MindEye2(root, 1)


def test_somebody_elses_trials(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    rewrite(root / "wds/subj01/train/1.tar", lambda behaviour: behaviour + (np.arange(17) == 1))
    with pytest.raises(CounterpointError, match="subjects 1, 2"):
        MindEye2(root, 1)


def test_missing_parts(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    with pytest.raises(CounterpointError, match=r"There is betas_all_subj01_fp32_renorm.hdf5"):
        MindEye2(root, 2)
    with pytest.raises(CounterpointError, match="old_test holds no tar files"):
        MindEye2(root, 1, test="old_test")
    rewrite(root / "wds/subj01/train/1.tar", lambda behaviour: behaviour[:, :16])
    with pytest.raises(CounterpointError, match="17 numbers per trial"):
        MindEye2(root, 1)
    with h5py.File(root / "betas_all_subj01_fp32_renorm.hdf5", "w") as file:
        file["voxels"] = np.zeros((24, 5))
    with pytest.raises(CounterpointError, match='no data set "betas"; it holds voxels'):
        MindEye2(root, 1)


def test_pictures_cut_off(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    with h5py.File(root / "coco_images_224_float16.hdf5", "w") as file:
        file["images"] = np.zeros((10, 3, 4, 4), np.float16)
    with pytest.raises(CounterpointError, match=f"holds 10 pictures; picture {truth['image_id'].max()}"):
        MindEye2(root, 1)
