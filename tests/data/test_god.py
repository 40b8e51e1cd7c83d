"""Generic Object Decoding: BData files and MinD-Vis arrays, by small trees and by a file written here."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.god import GOD
from counterpoint.data.god_fake import fake_god


def write(path: Path, **changes: np.ndarray) -> Path:
    """Three voxels and labels between them, as bdpy writes them: keys by columns, NaN where a key says nothing."""
    nan = np.nan
    keys = ["ROI_V1", "ROI_VC", "voxel_x", "voxel_y", "voxel_z"]
    keys += ["DataType", "stimulus_id", "Run", "Session", "VoxelData"]
    values = np.array([
        # v0  DataType  v1  stimulus  v2  Run  Session
        [1, nan, 0, nan, 0, nan, nan],
        [1, nan, 0, nan, 1, nan, nan],
        [10, nan, 20, nan, 30, nan, nan],
        [11, nan, 21, nan, 31, nan, nan],
        [12, nan, 22, nan, 32, nan, nan],
        [nan, 1, nan, nan, nan, nan, nan],
        [nan, nan, nan, 1, nan, nan, nan],
        [nan, nan, nan, nan, nan, 1, nan],
        [nan, nan, nan, nan, nan, nan, 1],
        [1, nan, 1, nan, 1, nan, nan]])
    data = np.array([
        [0.1, 1, 1.1, 1518878.005958, 2.1, 1, 3],
        [0.2, 1, 1.2, 1518878.014075, 2.2, 1, 3],
        [0.3, 2, 1.3, 1443537.022563 + 1e-9, 2.3, 2, 3],
        [0.4, 2, 1.4, 1443537.022563, 2.4, 1, 4],
        [0.5, 3, 1.5, 1443537.022563, 2.5, 1, 5]])
    data = changes.get("data", data)
    with h5py.File(path / "Subject1.h5", "w") as file:
        file["dataset"] = data
        file["metadata/key"] = [key.encode() for key in keys]
        file["metadata/description"] = [b"text"] * len(keys)
        file["metadata/value"] = changes.get("values", values)
    return path


def test_columns_labels_and_splits(tmp_path: Path) -> None:
    data = GOD(write(tmp_path), 1)
    np.testing.assert_allclose(data.responses, [[0.1, 2.1], [0.2, 2.2], [0.3, 2.3], [0.4, 2.4], [0.5, 2.5]], rtol=1e-6)
    assert data.split.tolist() == ["train", "train", "test", "test", "imagery"]
    assert data.stimulus_id.tolist() == [1518878005958, 1518878014075, 1443537022563, 1443537022563, 1443537000000]
    assert data.repeat.tolist() == [0, 0, 0, 1, 0]
    assert data.session.tolist() == [3, 3, 3, 4, 5]
    assert data.run.tolist() == [1, 1, 2, 1, 1]
    assert data.coordinates.tolist() == [[10, 11, 12], [30, 31, 32]]
    assert data.rois["ROI_V1"].tolist() == [True, False]
    assert data.rois["ROI_VC"].tolist() == [True, True]
    assert data.stimuli.names == ["n01443537", "n01443537_22563.JPEG", "n01518878_5958.JPEG", "n01518878_14075.JPEG"]
    assert data.stimuli.class_names == ["n01443537", "n01518878"]
    assert data.stimuli.labels.tolist() == [0, 0, 1, 1]
    assert GOD(tmp_path / "Subject1.h5", "Subject1", roi="VoxelData").voxels == 3
    np.testing.assert_allclose(GOD(tmp_path, 1, roi="ROI_V1").responses[:, 0], [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-6)


def test_older_spelling_of_the_parts(tmp_path: Path) -> None:
    write(tmp_path)
    with h5py.File(tmp_path / "Subject1.h5", "r+") as file:
        file.move("dataset", "dataSet")
        file.move("metadata", "metaData")
    assert GOD(tmp_path, 1).responses.shape == (5, 2)


def test_planted_file(tmp_path: Path) -> None:
    truth = fake_god(tmp_path, 6)
    data = GOD(tmp_path, 1)
    visual = truth["rois"]["VC"]
    np.testing.assert_array_equal(data.responses, truth["responses"][:, visual])
    assert data.stimulus_id.tolist() == truth["stimulus_id"].tolist()
    assert data.split.tolist() == truth["split"].tolist()
    np.testing.assert_array_equal(data.rois["ROI_FFA"], truth["rois"]["FFA"][visual])
    rows = np.flatnonzero(data.split != "imagery")
    shown = data.images(data.stimulus_id[rows])[:, :, 8, 8].astype(int)
    names = [data.stimuli.names[row] for row in data.stimuli.rows(data.stimulus_id[rows])]
    want = np.stack([truth["colours"][truth["names"].index(name)] for name in names])
    assert np.abs(shown - want).max() <= 4
    with pytest.raises(CounterpointError, match="imagery trials show no picture"):
        data.images(data.stimulus_id[-1:])


@pytest.mark.parametrize("tiled", [False, True])
def test_arrays_of_mind_vis(tmp_path: Path, tiled: bool) -> None:
    truth = fake_god(tmp_path, 6, form="npz")
    visual = truth["rois"]["VC"]
    if tiled:  # whole passes over the pictures, one after another
        with np.load(tmp_path / "sbj_1.npz") as file:
            arrays = dict(file)
        order = np.arange(10).reshape(2, 5).T.ravel()
        arrays["arr_1"] = arrays["arr_1"][order]
        np.savez(tmp_path / "sbj_1.npz", **arrays)
        truth["responses"][8:] = truth["responses"][8:][order]
        truth["stimulus_id"][8:] = truth["stimulus_id"][8:][order]
    data = GOD(tmp_path, "sbj_1")
    np.testing.assert_array_equal(data.responses, truth["responses"][:, visual])
    assert data.stimulus_id.tolist() == truth["stimulus_id"].tolist()
    assert data.split.tolist() == truth["split"].tolist()
    np.testing.assert_array_equal(data.images([9, 0]), truth["images"][[9, 0]].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(GOD(tmp_path, 1, roi="ROI_V1").responses, truth["responses"][:, truth["rois"]["V1"]])


def test_trials_in_an_unknown_order_are_left_to_their_means(tmp_path: Path) -> None:
    fake_god(tmp_path, 6, form="npz")
    with np.load(tmp_path / "sbj_1.npz") as file:
        arrays = dict(file)
    arrays["arr_1"] = arrays["arr_1"][np.random.default_rng(0).permutation(10)]
    np.savez(tmp_path / "sbj_1.npz", **arrays)
    data = GOD(tmp_path, 1)
    assert len(data) == 10
    np.testing.assert_allclose(data.responses[8:], arrays["arr_2"][:, arrays["VC"]])
    assert any("test rows are means" in note for note in data.notes)


def test_refusals_name_the_place(tmp_path: Path) -> None:
    write(tmp_path)
    with h5py.File(tmp_path / "Subject1.h5") as file:
        whole, values = file["dataset"][:], file["metadata/value"][:]
    with pytest.raises(CounterpointError, match="ROI_VD"):
        GOD(tmp_path, 1, roi="ROI_VD")
    broken = whole.copy()
    broken[2, 4] = np.nan
    with pytest.raises(CounterpointError, match=r"row 2, column 4 of Subject1.h5"):
        GOD(write(tmp_path, data=broken), 1)
    assert GOD(tmp_path, 1, nan="drop").coordinates.tolist() == [[10, 11, 12]]
    broken = whole.copy()
    broken[1, 1] = 4
    with pytest.raises(CounterpointError, match="DataType 4 in row 1"):
        GOD(write(tmp_path, data=broken), 1)
    broken = whole.copy()
    broken[2, 3] = 1518878.005958
    with pytest.raises(CounterpointError, match="1518878005958 is marked train in one trial and test"):
        GOD(write(tmp_path, data=broken), 1)
    broken[2, 3] = 1518878.000001
    with pytest.raises(CounterpointError, match="category 1518878 is in both"):
        GOD(write(tmp_path, data=broken), 1)
    with pytest.raises(CounterpointError, match="One value per key and column"):
        GOD(write(tmp_path, values=values[:, :-1]), 1)
    with pytest.raises(CounterpointError, match=r"neither Subject2.h5 nor sbj_2.npz"):
        GOD(tmp_path, 2)
    with h5py.File(tmp_path / "Subject1.h5", "w") as file:
        file["betas"] = whole
    with pytest.raises(CounterpointError, match="holds betas"):
        GOD(tmp_path, 1)


def test_missing_pictures_and_pickles_are_refused(tmp_path: Path) -> None:
    truth = fake_god(tmp_path, 6)
    next(tmp_path.rglob(truth["names"][0])).unlink()
    with pytest.raises(CounterpointError, match=f"1 of 10 pictures.*{truth['names'][0]}"):
        GOD(tmp_path, 1)
    other = tmp_path / "other"
    fake_god(other, 6, form="npz")
    with np.load(other / "images_256.npz") as file:
        arrays = dict(file)
    np.savez(other / "images_256.npz", train_images=arrays["train_images"][:5], test_images=arrays["test_images"])
    with pytest.raises(CounterpointError, match="shorter than the ids"):
        GOD(other, 1)
    np.savez(other / "sbj_1.npz", *[np.array([{}], dtype=object)] * 4, VC=np.ones(3, bool))
    with pytest.raises(CounterpointError, match="pickle"):
        GOD(other, 1)
