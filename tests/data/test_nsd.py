"""NSD as distributed: the planted tree through every route, and trees that are wrong in one way each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import nibabel
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from counterpoint.brain.preparation import Preparation
from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError
from counterpoint.data.nsd import NSD
from counterpoint.data.nsd_design import nsd_trial_table
from counterpoint.data.nsd_fake import AFFINE, VERSION, fake_nsd

ALL = np.arange(24)
DESIGN = "nsddata/experiments/nsd/nsd_expdesign.mat"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("nsd")
    return root, fake_nsd(root, 0, surface=True)


@pytest.fixture
def tree(planted: tuple[Path, dict[str, Any]], tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A copy that a test may damage, without the picture file."""
    shutil.copytree(planted[0], tmp_path / "nsd", ignore=shutil.ignore_patterns("*stimuli*"))
    return tmp_path / "nsd", planted[1]


def betas(root: Path) -> Path:
    return root / "nsddata_betas" / "ppdata" / "subj01" / "func1pt8mm" / VERSION


def only(root: Path, ending: str) -> None:
    """Leave one of the two forms of the volumes."""
    for path in betas(root).glob("betas_session*"):
        if not path.name.endswith(ending):
            path.unlink()


@pytest.mark.parametrize("ending", [".hdf5", ".nii.gz"])
def test_both_routes_give_the_planted_table(tree: tuple[Path, dict[str, Any]], ending: str) -> None:
    root, truth = tree
    only(root, ending)
    found = NSD(root, 1, cache=root / "cache")
    np.testing.assert_array_equal(found.responses[ALL], truth["responses"])
    assert found.responses.dtype == np.int16
    assert found.unit == "int16/300"
    np.testing.assert_array_equal(found.stimulus_id, truth["nsd_id"])
    for key in ("session", "run", "trial", "repeat", "shared"):
        np.testing.assert_array_equal(getattr(found, key), truth[key], err_msg=key)
    np.testing.assert_array_equal(found.split == "test", truth["shared"])
    np.testing.assert_array_equal(found.rois["V1v"], truth["v1v"])
    np.testing.assert_array_equal(found.rois["FFA-1"], truth["ffa1"])
    np.testing.assert_allclose(found.ncsnr, truth["ncsnr"])
    np.testing.assert_array_equal(found.unmask(found.responses[[5]])[0][truth["mask"]], truth["responses"][5])
    corner = np.argwhere(truth["mask"])[0]
    np.testing.assert_allclose(found.coordinates[0], AFFINE[:3, :3] @ corner + AFFINE[:3, 3])
    assert Subject(found).check() == []


def test_axes_written_cell_by_cell(tree: tuple[Path, dict[str, Any]]) -> None:
    """A second writing of the HDF5 axes: the number stored at (trial, z, y, x) names its own place."""
    root, truth = tree
    only(root, ".hdf5")
    x_size, y_size, z_size = truth["mask"].shape
    for session in (1, 2):
        with h5py.File(betas(root) / f"betas_session{session:02d}.hdf5", "w") as file:
            data = file.create_dataset("betas", (12, z_size, y_size, x_size), np.int16)
            for trial in range(12):
                for z in range(z_size):
                    for y in range(y_size):
                        data[trial, z, y] = [1000 * trial + 100 * x + 10 * y + z + session for x in range(x_size)]
    found = NSD(root, 1, cache=root / "cache").responses[ALL]
    for column, (x, y, z) in enumerate(np.argwhere(truth["mask"])):
        assert found[14, column] == 1000 * 2 + 100 * x + 10 * y + z + 2


def test_surface_leaves_out_vertices_with_nan(planted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root, truth = planted
    found = NSD(root, "subj01", space="fsaverage", cache=tmp_path)
    good = truth["surface_mask"] & ~np.isnan(truth["surface"]).any(0)
    np.testing.assert_array_equal(found.responses[ALL], truth["surface"][:, good])
    np.testing.assert_array_equal(found.space.index, np.flatnonzero(good))
    assert found.unit == "percent"
    assert any(note.startswith("3 of ") for note in found.notes)
    values = Subject(found, Preparation(zscore="none")).read([3])[0]
    np.testing.assert_allclose(values, truth["surface"][3, good])
    whole = NSD(root, 1, space="fsaverage", mask=None, cache=tmp_path)
    assert whole.voxels == 2 * 642 - 3


def test_pictures_are_read_by_id_in_any_order(planted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root, truth = planted
    found = NSD(root, 1, cache=tmp_path)
    order = [5, 0, 5, 7]
    np.testing.assert_array_equal(found.images(truth["picture_id"][order]), truth["images"][order])
    assert found.stimuli.images.shape == (8, 3, 425, 425)


def test_second_opening_reads_the_cache(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    first = NSD(root, 1, cache=root / "cache")
    made = {path: path.stat().st_mtime_ns for path in (root / "cache").iterdir()}
    second = NSD(root, 1, cache=root / "cache")
    assert made == {path: path.stat().st_mtime_ns for path in (root / "cache").iterdir()}
    assert {path.suffix for path in made} == {".npy", ".json"}
    np.testing.assert_array_equal(first.responses[[7, 2]], second.responses[[7, 2]])
    path = betas(root) / "betas_session02.hdf5"
    with h5py.File(path, "r+") as file:
        file["betas"][...] = 5
    assert (NSD(root, 1, cache=root / "cache").responses[[20]] == 5).all()
    assert truth["responses"].shape == (24, len(truth["index"]))


def test_masks_of_different_people_do_not_meet(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    NSD(root, 1, cache=root / "cache")
    NSD(root, 1, mask="brainmask", cache=root / "cache")
    NSD(root, 1, sessions=[2], cache=root / "cache")
    assert len(list((root / "cache").glob("*.npy"))) == 3


def test_one_session(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    found = NSD(root, 1, sessions=[2], cache=root / "cache")
    np.testing.assert_array_equal(found.responses[np.arange(12)], truth["responses"][12:])
    np.testing.assert_array_equal(found.stimulus_id, truth["nsd_id"][12:])
    (betas(root) / "betas_session01.hdf5").unlink()
    (betas(root) / "betas_session01.nii.gz").unlink()
    np.testing.assert_array_equal(NSD(root, 1, cache=root / "cache").stimulus_id, truth["nsd_id"][12:])
    with pytest.raises(CounterpointError, match="has no session 1"):
        NSD(root, 1, sessions=[1, 2], cache=root / "cache")


@pytest.mark.parametrize("left", ["nsd_expdesign.mat", "nsd_stim_info_merged.csv"])
def test_either_design_file_is_enough(tree: tuple[Path, dict[str, Any]], left: str) -> None:
    root, truth = tree
    for path in (root / "nsddata/experiments/nsd").iterdir():
        if path.name != left:
            path.unlink()
    shutil.rmtree(root / "nsddata/ppdata/subj01/behav")
    found = NSD(root, 1, cache=root / "cache")
    np.testing.assert_array_equal(found.stimulus_id, truth["nsd_id"])
    np.testing.assert_array_equal(found.shared, truth["shared"])
    assert found.notes[0] == f"trials from {left}"
    assert found.run.tolist() == (truth["run"].tolist() if left.endswith("mat") else [0] * 24)


def test_captions_of_coco(tree: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root, truth = tree
    rows = [{"image_id": int(coco), "caption": f" caption {n} of {coco} "} for coco in truth["coco_id"] for n in (1, 2)]
    for split, part in (("train", rows[::3]), ("val", rows[1::3] + rows[2::3])):
        (tmp_path / f"captions_{split}2017.json").write_text(json.dumps({"annotations": part}))
    found = NSD(root, 1, cache=root / "cache", captions=tmp_path)
    expected = [f"caption {n} of {truth['coco_id'][3]}" for n in (1, 2)]
    assert sorted(found.captions(truth["picture_id"][[3]])[0]) == expected
    (tmp_path / "captions_val2017.json").unlink()
    with pytest.raises(CounterpointError, match="have no caption"):
        NSD(root, 1, cache=root / "cache", captions=tmp_path)


def test_ids_moved_by_one_drop_to_chance_and_are_flagged(tree: tuple[Path, dict[str, Any]]) -> None:
    """The claim: counting trials from the wrong base gives repeats that are not alike, and the check says so."""
    root, _ = tree
    content = loadmat(root / DESIGN)
    order = np.roll(content["masterordering"], 1)
    savemat(root / DESIGN, {**{key: content[key] for key in ("subjectim", "sharedix", "stimpattern")},
                            "masterordering": order})
    (root / "nsddata/experiments/nsd/nsd_stim_info_merged.csv").unlink()
    shutil.rmtree(root / "nsddata/ppdata/subj01/behav")
    with pytest.raises(CounterpointError, match=r"ids shifted by one correlate r'=0.*one row behind"):
        Subject(NSD(root, 1, cache=root / "cache")).check()


def test_with_and_without_test_trials_differ(planted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    data = NSD(planted[0], 1, cache=tmp_path)
    train, everything = Subject(data), Subject(data, Preparation(fit_on="all"))
    assert np.abs(train.read(ALL) - everything.read(ALL)).max() > 0.1
    assert "18 training trials only" in train.describe()
    assert "all 24 trials, 6 of them test" in everything.describe()


@pytest.mark.parametrize("file", ["table", "behaviour"])
def test_contradicting_design_files_are_named(tree: tuple[Path, dict[str, Any]], file: str) -> None:
    root, truth = tree
    if file == "table":
        path, other = root / "nsddata/experiments/nsd/nsd_stim_info_merged.csv", "nsd_stim_info_merged.csv"
        head, *rows = path.read_text().splitlines()
        moved = []
        for row in rows:  # numbers from 1, as in other files of the data set
            before, number, after = row.rsplit(",", 8)[0], row.rsplit(",", 8)[1], row.rsplit(",", 7)[1:]
            moved.append(",".join([before, str(int(number) + 1), *after]))
        path.write_text("\n".join([head, *moved]))
    else:
        path, other = root / "nsddata/ppdata/subj01/behav/responses.tsv", "responses.tsv"
        path.write_text(path.read_text().replace(f"\t{truth['nsd_id'][13] + 1}\t", f"\t{truth['nsd_id'][13]}\t"))
    with pytest.raises(CounterpointError, match=rf"nsd_expdesign.mat and {other} differ in nsd_id.*first in session 1"):
        NSD(root, 1, cache=root / "cache")


def test_design_from_zero_is_refused() -> None:
    with pytest.raises(CounterpointError, match="masterordering runs from 0"):
        nsd_trial_table([[0, 1]], [[1, 2]], subject=1, num_trials=2)
    with pytest.raises(CounterpointError, match="subjectim runs from 0"):
        nsd_trial_table([[1, 2]], [[0, 2]], subject=1, num_trials=2)
    with pytest.raises(CounterpointError, match="3 trials asked of a design of 2"):
        nsd_trial_table([[1, 2]], [[1, 2]], subject=1, num_trials=3)


def test_no_design(tree: tuple[Path, dict[str, Any]]) -> None:
    shutil.rmtree(tree[0] / "nsddata/experiments")
    with pytest.raises(CounterpointError, match="says which picture"):
        NSD(tree[0], 1, cache=tree[0] / "cache")


def test_mask_with_axes_of_the_hdf5_file(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    with h5py.File(betas(root) / "betas_session01.hdf5", "r+") as file:
        values = file["betas"][...].transpose(0, 3, 2, 1)
        del file["betas"]
        file["betas"] = values
    with pytest.raises(CounterpointError, match=r"\(12, 6, 5, 4\).*axes are not reversed"):
        NSD(root, 1, cache=root / "cache")


def test_mask_of_somebody_else(tree: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root, truth = tree
    other = tmp_path / "mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((7, 5, 4), np.int16), AFFINE), other)
    with pytest.raises(CounterpointError, match=r"session01.hdf5 has shape \(12, 4, 5, 6\).*mask.nii.gz \(7, 5, 4\)"):
        NSD(root, 1, mask=str(other), cache=root / "cache")
    only(root, ".nii.gz")
    with pytest.raises(CounterpointError, match="grid of"):
        NSD(root, 1, mask=str(other), cache=root / "cache")
    flipped = AFFINE.copy()
    flipped[0] *= -1
    nibabel.save(nibabel.Nifti1Image(truth["mask"].astype(np.int16), flipped), other)
    with pytest.raises(CounterpointError, match=r"affine of .*session01.nii.gz differs from that of .*mask.nii.gz"):
        NSD(root, 1, mask=str(other), cache=root / "cache")


def test_missing_parts_are_named(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    with pytest.raises(CounterpointError, match=r"no betas_session files.*func1pt8mm/betas_fithrf_GLMdenoise_RR"):
        NSD(root, 1, version="betas_fithrf", cache=root / "cache")
    with pytest.raises(CounterpointError, match="Masks there: floc-faces, nsdgeneral"):
        NSD(root, 1, mask="nsdgenral", cache=root / "cache")
    with pytest.raises(CounterpointError, match='No subject "9"'):
        NSD(root, 9, cache=root / "cache")
    with pytest.raises(CounterpointError, match="Did you mean fsaverage"):
        NSD(root, 1, space="fsaverag", cache=root / "cache")  # type: ignore[arg-type]
    with pytest.raises(CounterpointError, match="does not exist"):
        NSD(root / "none", 1)


def test_sessions_of_unequal_length(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    with h5py.File(betas(root) / "betas_session02.hdf5", "r+") as file:
        values = file["betas"][:11]
        del file["betas"]
        file["betas"] = values
    with pytest.raises(CounterpointError, match=r"betas_session02.hdf5 holds 11 trials"):
        NSD(root, 1, cache=root / "cache")


def test_damaged_files_leave_no_cache(tree: tuple[Path, dict[str, Any]]) -> None:
    root, _ = tree
    only(root, ".nii.gz")
    path = betas(root) / "betas_session02.nii.gz"
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(CounterpointError, match=r"betas_session02.nii.gz is damaged"):
        NSD(root, 1, cache=root / "cache")
    assert not list((root / "cache").iterdir())
    for path in betas(root).glob("betas_session*"):
        path.unlink()
    (betas(root) / "betas_session01.hdf5").write_bytes(b"no HDF5")
    with pytest.raises(CounterpointError, match="A whole HDF5 file was expected"):
        NSD(root, 1, cache=root / "cache")


def test_one_hemisphere(tree: tuple[Path, dict[str, Any]]) -> None:
    folder = betas(tree[0]).parent.parent / "fsaverage" / VERSION
    (folder / "rh.betas_session02.mgh").unlink()
    with pytest.raises(CounterpointError, match=r"rh.betas_session02.mgh is missing"):
        NSD(tree[0], 1, space="fsaverage", cache=tree[0] / "cache")


def test_no_room_in_the_cache(tree: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(total=9, used=9, free=0)
    monkeypatch.setattr("counterpoint.data._nsd_repack.shutil.disk_usage", lambda path: full)
    with pytest.raises(CounterpointError, match="GB free"):
        NSD(tree[0], 1, cache=tree[0] / "cache")
