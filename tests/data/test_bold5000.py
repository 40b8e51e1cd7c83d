"""BOLD5000: session volumes and region arrays, by their own small trees and by one written here."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.bold5000 import BOLD5000
from counterpoint.data.bold5000_fake import fake_bold5000

BETAS = "CSI1_GLMbetas-TYPED-FITHRF-GLMDENOISE-RR"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two sessions on a 2 x 3 x 2 grid, every number equal to 100 x + 10 y + z + trial / 100, written by hand."""
    x, y, z, trial = np.meshgrid(*(np.arange(count) for count in (2, 3, 2, 5)), indexing="ij")
    values = (100 * x + 10 * y + z + trial / 100).astype(np.float32)
    affine = np.diag([2.0, 2, 2, 1])
    nibabel.save(nibabel.Nifti1Image(values[..., :3], affine), tmp_path / f"{BETAS}_ses-01.nii.gz")
    nibabel.save(nibabel.Nifti1Image(values[..., 3:], affine), tmp_path / f"{BETAS}_ses-02.nii.gz")
    mask = np.zeros((2, 3, 2), np.uint8)
    mask[0, 1, 1] = mask[1, 0, 0] = mask[1, 2, 1] = 1
    nibabel.save(nibabel.Nifti1Image(mask, affine), tmp_path / "CSI1_brainmask.nii.gz")
    (tmp_path / "CSI1_imgnames.txt").write_text("b.jpg\na.jpg\nrep_b.jpg\nc.jpg\nrep_b.jpg\n")
    (tmp_path / "repeated_stimuli_113_list.txt").write_text("b.jpg\nnot_shown.jpg\n")
    return tmp_path


def test_axes_units_and_order_of_volumes(tree: Path) -> None:
    data = BOLD5000(tree, "CSI1")
    want = np.array([11, 100, 121])[None] + np.arange(5)[:, None] / 100  # C order of the grid
    np.testing.assert_allclose(data.responses, want, rtol=1e-6)
    assert data.responses.dtype == np.float32
    assert data.unit == "percent"
    assert data.stimulus_id.tolist() == [1, 0, 1, 2, 1]
    assert data.stimuli.names == ["a.jpg", "b.jpg", "c.jpg"]
    assert data.split.tolist() == ["test", "train", "test", "train", "test"]
    assert data.repeat.tolist() == [0, 0, 1, 0, 2]
    assert data.session.tolist() == [1, 1, 1, 2, 2]
    assert data.trial.tolist() == [0, 1, 2, 0, 1]
    np.testing.assert_allclose(data.coordinates, [[0, 2, 2], [2, 0, 0], [2, 4, 2]])
    volume = data.unmask(data.responses[0])
    assert volume.shape == (2, 3, 2)
    assert volume[1, 2, 1] == pytest.approx(121)
    assert volume[0, 0, 0] == 0
    assert data.stimuli.images is None
    assert "no folder of pictures" in " ".join(data.notes)


def test_runs_hold_37_trials(tree: Path) -> None:
    rng = np.random.default_rng(0)
    for session in (1, 2):
        values = rng.normal(size=(2, 3, 2, 74)).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(values, np.diag([2.0, 2, 2, 1])), tree / f"{BETAS}_ses-{session:02d}.nii.gz")
    names = [f"{row}.jpg" for row in range(146)] + ["b.jpg", "b.jpg"]
    (tree / "CSI1_imgnames.txt").write_text("\n".join(names))
    data = BOLD5000(tree, 1)
    assert np.unique(data.run).tolist() == [1, 2]
    assert data.run[[36, 37, 73, 74]].tolist() == [1, 2, 2, 1]
    assert data.trial[[36, 37, 74]].tolist() == [36, 0, 0]


def test_planted_volumes(tmp_path: Path) -> None:
    truth = fake_bold5000(tmp_path, 3)
    data = BOLD5000(tmp_path, 1)
    np.testing.assert_array_equal(data.responses, truth["responses"])
    assert [data.stimuli.names[row] for row in data.stimuli.rows(data.stimulus_id)] == truth["names"]
    assert data.split.tolist() == truth["split"].tolist()
    assert data.session.tolist() == truth["session"].tolist()
    np.testing.assert_array_equal(np.flatnonzero(truth["mask"]), data.space.index)
    assert set(data.rois) == {"EarlyVis", "LHEarlyVis", "RHEarlyVis", "LOC", "LHLOC"}
    np.testing.assert_array_equal(data.rois["LHLOC"], truth["rois"]["LHLO"])
    np.testing.assert_array_equal(data.rois["EarlyVis"], truth["rois"]["LHEarlyVis"] | truth["rois"]["RHEarlyVis"])
    shown = data.images(data.stimulus_id[:5])
    assert shown.shape == (5, 3, 16, 16)
    for image, name in zip(shown, truth["names"], strict=False):
        want = truth["colours"][truth["pictures"].index(name)]
        assert np.abs(image[:, 8, 8].astype(int) - want).max() <= 4  # JPEG
    part = BOLD5000(tmp_path, 1, rois=["EarlyVis"])
    np.testing.assert_array_equal(part.responses, truth["responses"][:, data.rois["EarlyVis"]])
    assert part.rois["EarlyVis"].all()


def test_region_arrays(tmp_path: Path) -> None:
    truth = fake_bold5000(tmp_path, 1, form="roi")
    data = BOLD5000(tmp_path, "CSI1", size=8)
    np.testing.assert_array_equal(data.responses, truth["responses"])
    assert [name for name in data.rois if name.startswith(("LH", "RH"))][:3] == ["LHEarlyVis", "RHEarlyVis", "LHLOC"]
    assert {name: int(data.rois[name].sum()) for name in truth["columns"]} == truth["columns"]
    assert data.rois["LHEarlyVis"].nonzero()[0].tolist() == [0, 1, 2]
    assert data.session.tolist() == truth["session"].tolist()
    assert data.run[:13].tolist() == [1] * 6 + [2] * 6 + [1]
    assert data.images(data.stimulus_id[:1]).shape == (1, 3, 8, 8)
    part = BOLD5000(tmp_path, "CSI1", rois="PPA")
    np.testing.assert_array_equal(part.responses, truth["responses"][:, data.rois["PPA"]])
    with pytest.raises(CounterpointError, match="Did you mean PPA"):
        BOLD5000(tmp_path, "CSI1", rois=["PPB"])


def test_people_of_one_folder_share_ids(tree: Path) -> None:
    (tree / "CSI4_imgnames.txt").write_text("c.jpg\n0.jpg\n")
    data = BOLD5000(tree, 1)
    assert data.stimuli.ids.tolist() == [1, 2, 3]
    assert data.stimulus_id.tolist() == [2, 1, 2, 3, 2]


def test_without_a_list_repeats_are_the_test_split(tree: Path) -> None:
    (tree / "repeated_stimuli_113_list.txt").unlink()
    data = BOLD5000(tree, 1)
    assert data.split.tolist() == ["test", "train", "test", "train", "test"]
    assert any("shown more than once" in note for note in data.notes)


def test_refusals_name_the_place(tree: Path) -> None:
    (tree / "CSI1_imgnames.txt").write_text("b.jpg\na.jpg\nb.jpg\n")
    with pytest.raises(CounterpointError, match=r"hold 5 trials, the name list 3.*cut off"):
        BOLD5000(tree, 1)
    (tree / f"{BETAS}_ses-02.nii.gz").rename(tree / f"{BETAS}_ses-03.nii.gz")
    with pytest.raises(CounterpointError, match="no session 2; there are 1, 3"):
        BOLD5000(tree, 1)
    (tree / f"{BETAS}_ses-03.nii.gz").unlink()
    (tree / "CSI1_imgnames.txt").write_text("b.jpg\n" * 5)
    with pytest.raises(CounterpointError, match="sessions after 1 are missing"):
        BOLD5000(tree, 1)
    with pytest.raises(CounterpointError, match=r"(?s)_ses-01.*betas=.TYPED"):
        BOLD5000(tree, 1, betas="TYPEA-ASSUMEHRF", form="volume")
    with pytest.raises(CounterpointError, match="1 to 4"):
        BOLD5000(tree, "CSI9")


def test_another_grid_affine_or_nan_is_refused(tree: Path) -> None:
    mask = nibabel.load(tree / "CSI1_brainmask.nii.gz")
    cells = np.asarray(mask.dataobj)
    affine = np.diag([-2.0, 2, 2, 1])
    nibabel.save(nibabel.Nifti1Image(cells, affine), tree / "CSI1_brainmask.nii.gz")
    with pytest.raises(CounterpointError, match=r"affine of .*ses-01.*flipped"):
        BOLD5000(tree, 1)
    assert BOLD5000(tree, 1, ignore_affine=True).voxels == 3
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 3, 3), np.uint8), mask.affine), tree / "CSI1_brainmask.nii.gz")
    with pytest.raises(CounterpointError, match=r"grid of \(2, 3, 2\).*\(2, 3, 3\)"):
        BOLD5000(tree, 1)
    nibabel.save(nibabel.Nifti1Image(cells, mask.affine), tree / "CSI1_brainmask.nii.gz")
    session = nibabel.load(tree / f"{BETAS}_ses-02.nii.gz")
    values = session.get_fdata(dtype=np.float32).copy()
    values[1, 0, 0, 1] = np.nan
    nibabel.save(nibabel.Nifti1Image(values, session.affine), tree / f"{BETAS}_ses-02.nii.gz")
    with pytest.raises(CounterpointError, match=r"trial 5 \(b.jpg, .*ses-02.nii.gz\), voxel \(1, 0, 0\)"):
        BOLD5000(tree, 1)
    data = BOLD5000(tree, 1, nan="drop")
    assert data.voxels == len(data.space.index) == 2
    assert data.unmask(data.responses[0])[1, 2, 1] == pytest.approx(121)
    assert any("1 of 3 voxels" in note for note in data.notes)


def test_pictures_must_be_whole(tmp_path: Path) -> None:
    fake_bold5000(tmp_path, 3)
    next(tmp_path.rglob("church2.jpg")).unlink()
    with pytest.raises(CounterpointError, match=r"1 of 8 pictures.*church2.jpg"):
        BOLD5000(tmp_path, 1)


def test_region_rows_and_lists_must_agree(tmp_path: Path) -> None:
    fake_bold5000(tmp_path, 1, form="roi", pictures=False)
    names = tmp_path / "CSI1_imgnames.txt"
    kept = names.read_text()
    names.write_text("\n".join(kept.split()[1:] + kept.split()[:1]))
    with pytest.raises(CounterpointError, match="differ from trial 1 on"):
        BOLD5000(tmp_path, 1)
    names.write_text(kept)
    file = next(tmp_path.rglob("*RHOPA.npy"))
    np.save(file, np.load(file)[:-1])
    with pytest.raises(CounterpointError, match=r"RHOPA.npy has 23 rows, the trial table 24"):
        BOLD5000(tmp_path, 1)
    np.save(file, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(CounterpointError, match=r"RHOPA.npy could not be read"):
        BOLD5000(tmp_path, 1)
