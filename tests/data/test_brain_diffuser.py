from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data import BrainDiffuser, NpyRows, fake_brain_diffuser
from counterpoint.data.brain import SCALE


def test_tree_gives_the_planted_truth(tmp_path: Path) -> None:
    truth = fake_brain_diffuser(tmp_path, 2)
    data = BrainDiffuser(tmp_path, "subj01")
    rows = np.array([7, 0, 5, 5, 6])
    np.testing.assert_allclose(data.responses[rows] * SCALE[data.unit], truth["percent"][rows], rtol=1e-12)
    np.testing.assert_array_equal(data.images(rows), truth["images"][rows])
    assert data.captions(rows) == truth["captions"][rows].tolist()
    assert data.split.tolist() == ["train"] * 6 + ["test"] * 2
    assert data.stimulus_id.tolist() == list(range(8))
    assert not any("divided" in note for note in data.notes)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(data.responses))[rows], data.responses[rows])


def _write(root: Path, **changes: Any) -> None:
    """Files written by hand: 3 training rows, 1 test row, 2 voxels."""
    arrays = {
        "nsd_train_fmriavg_nsdgeneral_sub2": np.array([[300.0, -600], [0, 150], [900, 30]], np.float32),
        "nsd_test_fmriavg_nsdgeneral_sub2": np.array([[60.0, 90]], np.float32),
        "nsd_train_stim_sub2": np.full((3, 4, 4, 3), 7, np.uint8),
        "nsd_test_stim_sub2": np.full((1, 4, 4, 3), 9, np.uint8),
        "nsd_train_cap_sub2": np.array([["a", "b", "", "", ""]] * 3),
        "nsd_test_cap_sub2": np.array([["c"] * 5]),
    } | changes
    for name, values in arrays.items():
        if values is not None:
            np.save(root / f"{name}.npy", values, allow_pickle=True)


def test_files_written_by_hand(tmp_path: Path) -> None:
    _write(tmp_path)
    mask = np.zeros((2, 2, 2), np.int16)
    mask[1, 0, 1] = mask[0, 1, 0] = 1
    mask[0, 0, 0] = -1  # NSD marks voxels outside of the region so
    nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), tmp_path / "nsdgeneral.nii.gz")
    data = BrainDiffuser(tmp_path, 2, mask=tmp_path / "nsdgeneral.nii.gz")
    assert data.responses[np.array([3, 0])].tolist() == [[60, 90], [300, -600]]
    assert data.images([3, 2])[:, 0, 0, 0].tolist() == [9, 7]
    assert data.captions([0]) == [["a", "b"]]
    volume = data.unmask(np.array([5.0, 6.0]))
    assert (volume[0, 1, 0], volume[1, 0, 1], volume.sum()) == (5, 6, 11)


def test_object_captions_are_left_out_and_never_unpickled(tmp_path: Path) -> None:
    _write(tmp_path, nsd_train_cap_sub2=np.array([["a", "b"]] * 3, object))
    data = BrainDiffuser(tmp_path, 2)
    assert data.stimuli is not None
    assert data.stimuli.captions is None
    assert any("captions were left out" in note and "nsd_train_cap" in note for note in data.notes)


def test_percent_given_as_integers_is_noted(tmp_path: Path) -> None:
    _write(tmp_path, nsd_train_fmriavg_nsdgeneral_sub2=np.ones((3, 2)))
    assert any("divided already" in note for note in BrainDiffuser(tmp_path, 2).notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nsd_train_fmriavg_nsdgeneral_sub2": None}, "holds no nsd_train_fmriavg_nsdgeneral_sub2.npy"),
        ({"nsd_test_fmriavg_nsdgeneral_sub2": None}, "No file at .*nsd_test_fmriavg"),
        ({"nsd_test_fmriavg_nsdgeneral_sub2": np.zeros((1, 3))}, "nsd_test_fmriavg.* has shape"),
        ({"nsd_train_fmriavg_nsdgeneral_sub2": np.array([[None, None]] * 3)}, "nsd_train_fmriavg.*pickled"),
        ({"nsd_train_stim_sub2": np.zeros((2, 4, 4, 3), np.uint8)}, "nsd_train_stim.* has 2 rows for 3"),
        ({"nsd_train_cap_sub2": np.array([["a", "b", "", "", ""]] * 4)}, "nsd_train_cap.* has 4 rows for 3"),
        ({"nsd_train_cap_sub2": np.zeros((3, 5)), "nsd_test_cap_sub2": np.zeros((1, 5))}, "Text"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    _write(tmp_path, **changes)
    with pytest.raises(CounterpointError, match=message):
        BrainDiffuser(tmp_path, 2)


def test_damage_fractions_and_masks(tmp_path: Path) -> None:
    _write(
        tmp_path, nsd_train_stim_sub2=np.full((3, 4, 4, 3), 0.5), nsd_test_stim_sub2=np.zeros((1, 4, 4, 3))
    )
    with pytest.raises(CounterpointError, match="not whole numbers"):
        BrainDiffuser(tmp_path, 2).images([0])
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 2), np.int16), np.eye(4)), tmp_path / "m.nii.gz")
    with pytest.raises(CounterpointError, match=r"m\.nii\.gz has 8 voxels"):
        BrainDiffuser(tmp_path, 2, mask=tmp_path / "m.nii.gz")
    path = tmp_path / "nsd_train_fmriavg_nsdgeneral_sub2.npy"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CounterpointError, match="cut off"):
        BrainDiffuser(tmp_path, 2)
    with pytest.raises(CounterpointError, match="No subject"):
        BrainDiffuser(tmp_path, "CSI1")


def test_rows_of_stacked_files_are_numpy_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6, dtype=np.int16).reshape(3, 2))
    np.save(tmp_path / "b.npy", np.arange(6.0, 10).reshape(2, 2))
    rows = NpyRows([tmp_path / "a.npy", tmp_path / "b.npy"])
    np.testing.assert_array_equal(rows[[4, 0, 3, 0]], np.arange(10.0).reshape(5, 2)[[4, 0, 3, 0]])
    assert (rows.shape, rows.dtype) == ((5, 2), np.float64)
