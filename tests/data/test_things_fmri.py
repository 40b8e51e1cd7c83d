"""THINGS-fMRI: tables and volumes, by small trees of their own and by frames that pandas itself writes."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pandas
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data import _things_table
from counterpoint.data.things_fmri import ThingsFMRI
from counterpoint.data.things_fmri_fake import fake_things_fmri

RESPONSES = "betas_csv/sub-01_ResponseData.h5"


@pytest.mark.parametrize("form", ["table", "volume"])
def test_planted(tmp_path: Path, form: str) -> None:
    truth = fake_things_fmri(tmp_path, 4, form=form)
    data = ThingsFMRI(tmp_path, 1, form=form)
    np.testing.assert_array_equal(data.responses, truth["responses"])  # no catch trial left
    assert data.responses.dtype == np.float32
    assert [data.stimuli.names[row] for row in data.stimulus_id] == truth["names"]
    assert data.split.tolist() == truth["split"].tolist()
    assert data.session.tolist() == truth["session"].tolist()
    assert data.run.tolist() == truth["run"].tolist()
    assert data.trial.tolist() == list(range(6)) * 4
    np.testing.assert_array_equal(data.space.index, np.flatnonzero(truth["mask"]))
    assert data.captions([3]) == [["ice cream"]]
    assert data.stimuli.class_names[data.stimuli.labels[3]] == "ice_cream"
    shown = data.images(data.stimulus_id[:4])[:, :, 8, 8].astype(int)
    assert np.abs(shown - truth["colours"][data.stimulus_id[:4]]).max() <= 4
    affine = nibabel.load(tmp_path / "brainmasks/sub-01_space-T1w_brainmask.nii.gz").affine
    first = np.argwhere(truth["mask"])[0]
    np.testing.assert_allclose(data.coordinates[0], affine[:3, :3] @ first + affine[:3, 3])


def test_regions_and_ceilings_of_the_table(tmp_path: Path) -> None:
    truth = fake_things_fmri(tmp_path, 4)
    data = ThingsFMRI(tmp_path, "sub-01")
    assert set(data.rois) == {"V1", "lFFA", "glasser-FFC"}
    np.testing.assert_array_equal(data.rois["lFFA"], truth["rois"]["lFFA"])
    np.testing.assert_allclose(data.noise_ceiling, truth["ceiling"])
    np.testing.assert_allclose(ThingsFMRI(tmp_path, 1, ceiling="nc_singletrial").noise_ceiling, truth["ceiling"] / 4)
    part = ThingsFMRI(tmp_path, 1, rois=["V1", "lFFA"])
    either = truth["rois"]["V1"] | truth["rois"]["lFFA"]
    np.testing.assert_array_equal(part.responses, truth["responses"][:, either])
    np.testing.assert_array_equal(part.space.index, data.space.index[either])


def test_large_tables_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = fake_things_fmri(tmp_path, 4)
    monkeypatch.setattr(_things_table, "MEMORY", 0)
    monkeypatch.setattr("counterpoint.data._pandas_hdf.ROWS", 7)
    data = ThingsFMRI(tmp_path, 1, rois=["V1"])
    assert not isinstance(data.responses, np.ndarray)
    rows = np.array([5, 3, 3, 20])
    np.testing.assert_array_equal(data.responses[rows], truth["responses"][rows][:, truth["rois"]["V1"]])


@pytest.mark.parametrize("layout", ["fixed", "table"])
@pytest.mark.parametrize("names", [int, str])
def test_frames_as_pandas_writes_them(tmp_path: Path, layout: str, names: type) -> None:
    pytest.importorskip("tables")
    truth = fake_things_fmri(tmp_path, 4)
    values = truth["responses"].T
    frame = pandas.DataFrame(values, columns=[names(row) for row in range(values.shape[1])])
    frame.insert(0, "voxel_id", np.arange(len(values)))
    (tmp_path / RESPONSES).unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mixed labels are pickled, as in the released files
        frame.to_hdf(tmp_path / RESPONSES, key="things", format=layout)
    data = ThingsFMRI(tmp_path, 1)
    np.testing.assert_array_equal(data.responses, truth["responses"])


def test_one_block_with_the_voxel_numbers(tmp_path: Path) -> None:
    truth = fake_things_fmri(tmp_path, 4)
    values = truth["responses"].T
    with h5py.File(tmp_path / RESPONSES, "w") as file:
        file["responses"] = np.c_[np.arange(len(values)), values]
    np.testing.assert_array_equal(ThingsFMRI(tmp_path, 1).responses, truth["responses"])
    with h5py.File(tmp_path / RESPONSES, "w") as file:
        file["responses"] = np.c_[np.arange(len(values))[::-1], values]
    with pytest.raises(CounterpointError, match="voxel_id of"):
        ThingsFMRI(tmp_path, 1)


def test_pickled_numbers_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("tables")
    truth = fake_things_fmri(tmp_path, 4)
    (tmp_path / RESPONSES).unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandas.DataFrame(truth["responses"].T.astype(object)).to_hdf(tmp_path / RESPONSES, key="things")
    with pytest.raises(CounterpointError, match=r"(?s)holds pickled Python objects.*h5py.File"):
        ThingsFMRI(tmp_path, 1)



def test_misaligned_tables_are_refused(tmp_path: Path) -> None:
    fake_things_fmri(tmp_path, 4, pictures=False)
    trials, voxels = (tmp_path / "betas_csv" / f"sub-01_{name}Metadata.csv" for name in ("Stimulus", "Voxel"))
    whole, everything = trials.read_text(), voxels.read_text()
    trials.write_text("\n".join(whole.splitlines()[:-2]))
    with pytest.raises(CounterpointError, match=r"24 columns, the trial table 22 rows"):
        ThingsFMRI(tmp_path, 1)
    lines = whole.splitlines()
    trials.write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(CounterpointError, match="line 2 is trial 1"):
        ThingsFMRI(tmp_path, 1)
    trials.write_text(whole.replace("test,", "catch,", 1))
    with pytest.raises(CounterpointError, match='marked "catch"'):
        ThingsFMRI(tmp_path, 1)
    trials.write_text(whole.replace("test,", "train,", 1))
    with pytest.raises(CounterpointError, match="marked train in one trial and test in another"):
        ThingsFMRI(tmp_path, 1)
    trials.write_text(whole)
    voxels.write_text("\n".join(everything.splitlines()[:-1]))
    with pytest.raises(CounterpointError, match="the files are of different people"):
        ThingsFMRI(tmp_path, 1)
    voxels.write_text(everything)
    mask = tmp_path / "brainmasks/sub-01_space-T1w_brainmask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((6, 5, 4), np.uint8), np.eye(4)), mask)
    with pytest.raises(CounterpointError, match="are in one of them only"):
        ThingsFMRI(tmp_path, 1)
    mask.unlink()
    assert ThingsFMRI(tmp_path, 1).coordinates is None


def test_columns_out_of_order_turned_or_not_numbers(tmp_path: Path) -> None:
    truth = fake_things_fmri(tmp_path, 4, pictures=False)
    with h5py.File(tmp_path / RESPONSES, "r+") as file:
        file["ResponseData/block0_values"][4, 9] = np.nan
    with pytest.raises(CounterpointError, match=r"trial 9, voxel_id 4 of sub-01_ResponseData.h5"):
        ThingsFMRI(tmp_path, 1)
    data = ThingsFMRI(tmp_path, 1, nan="drop")
    np.testing.assert_array_equal(data.responses, np.delete(truth["responses"], 4, axis=1))
    assert data.voxels == len(data.space.index) == len(data.noise_ceiling)
    with h5py.File(tmp_path / RESPONSES, "r+") as file:
        items = file["ResponseData/block0_items"]
        items[:2] = items[:2][::-1]
    with pytest.raises(CounterpointError, match=r'Column 0 of .* is called "1"'):
        ThingsFMRI(tmp_path, 1)
    with h5py.File(tmp_path / RESPONSES, "w") as file:
        file["x"] = truth["responses"]
    with pytest.raises(CounterpointError, match="holds trials by voxels"):
        ThingsFMRI(tmp_path, 1)


def test_volumes_refuse_what_does_not_fit(tmp_path: Path) -> None:
    fake_things_fmri(tmp_path, 4, form="volume", pictures=False)
    folder = tmp_path / "betas_vol/sub-01/ses-things02"
    table = folder / "sub-01_ses-things02_run-01_conditions.tsv"
    whole = table.read_text()
    table.write_text("\n".join(whole.splitlines()[:-1]))
    with pytest.raises(CounterpointError, match=r"run-01_betas.nii.gz holds 7 trials, its table of conditions 6"):
        ThingsFMRI(tmp_path, 1, form="volume")
    table.write_text(whole)
    run = folder / "sub-01_ses-things02_run-02_betas.nii.gz"
    image = nibabel.load(run)
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), np.eye(4)), run)
    with pytest.raises(CounterpointError, match=r"affine of .*things02_run-02"):
        ThingsFMRI(tmp_path, 1, form="volume")
    run.unlink()
    with pytest.raises(CounterpointError, match="session 2 has the runs 1"):
        ThingsFMRI(tmp_path, 1, form="volume")
    (tmp_path / "betas_vol/sub-01/ses-things01").rename(tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere").iterdir():
        path.unlink()
    with pytest.raises(CounterpointError, match="no session 1"):
        ThingsFMRI(tmp_path, 1, form="volume")


def test_both_forms_are_compared_where_both_are_there(tmp_path: Path) -> None:
    truth = fake_things_fmri(tmp_path, 4, pictures=False)
    fake_things_fmri(tmp_path, 4, form="volume", pictures=False)
    data = ThingsFMRI(tmp_path, 1, form="volume", rois="V1")
    np.testing.assert_array_equal(data.responses, truth["responses"][:, truth["rois"]["V1"]])
    np.testing.assert_allclose(data.noise_ceiling, truth["ceiling"][truth["rois"]["V1"]])
    table = tmp_path / "betas_csv" / "sub-01_StimulusMetadata.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:-1], lines[-1].replace(truth["names"][-1], "zoo_01b.jpg")]))
    with pytest.raises(CounterpointError, match="differ from trial 23 on"):
        ThingsFMRI(tmp_path, 1, form="volume")
