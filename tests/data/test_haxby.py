"""Haxby 2001: the real slice where it is, small trees of both forms, and one written here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.haxby import CATEGORIES, Haxby
from counterpoint.data.haxby_fake import fake_haxby

SHARED = Path(os.environ.get("COUNTERPOINT_SHARED", Path(__file__).resolve().parents[3] / "shared"))
SLICE = SHARED / "data" / "haxby2001_slice"
real = pytest.mark.skipif(not SLICE.is_dir(), reason="the slice of Haxby 2001 is not beside the repository")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Eight volumes in two runs on a 2 x 2 x 1 grid, every number 1000 x + 100 y + volume, written by hand."""
    x, y, _, volume = np.meshgrid(range(2), range(2), range(1), range(8), indexing="ij")
    values = (1000 * x + 100 * y + volume).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "bold.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.array([[[1], [0]], [[1], [1]]], np.int16), np.eye(4)), tmp_path / "mask.nii.gz")
    rows = ["rest 4", "cat 4", "cat 4", "shoe 4", "face 7", "face 7", "rest 7", "cat 7"]
    lines = "".join(f"{row}\t{line.replace(' ', chr(9))}\n" for row, line in enumerate(rows))
    (tmp_path / "labels.tsv").write_text("volume\tcondition\trun\n" + lines)
    return tmp_path


def test_volumes_as_stored(tree: Path) -> None:
    data = Haxby(tree)
    assert data.responses.dtype == np.int16
    assert data.responses[:, 0].tolist() == [1, 2, 3, 4, 5, 7]
    assert data.responses[0].tolist() == [1, 1001, 1101]
    assert [CATEGORIES[row] for row in data.stimulus_id] == ["cat", "cat", "shoe", "face", "face", "cat"]
    assert data.session.tolist() == data.run.tolist() == [4, 4, 4, 7, 7, 7]
    assert data.trial.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.split.tolist() == ["train"] * 3 + ["test"] * 3
    assert Haxby(tree, test_run=4).split.tolist() == ["test"] * 3 + ["train"] * 3
    assert data.unit == "arbitrary"
    assert data.captions([6, 7]) == [["scrambled picture"], ["shoe"]]
    assert data.unmask(data.responses[0])[..., 0].tolist() == [[1, 0], [1001, 1101]]


def test_ids_of_category_and_run_are_in_one_split_each(tree: Path) -> None:
    data = Haxby(tree, ids="run")
    assert data.stimulus_id.tolist() == [33, 33, 39, 59, 59, 57]  # 8 * run + category
    assert data.stimuli.labels.tolist() == [1, 7, 1, 3]
    assert data.stimuli.names == ["cat in run 4", "shoe in run 4", "cat in run 7", "face in run 7"]
    assert data.captions([57]) == [["cat"]]
    assert not set(data.stimulus_id[data.split == "train"]) & set(data.stimulus_id[data.split == "test"])
    with pytest.raises(CounterpointError, match="kind of ids"):
        Haxby(tree, ids="picture")


def test_lag_stays_within_runs(tree: Path) -> None:
    data = Haxby(tree, lag=1)
    assert data.responses[:, 0].tolist() == [2, 3, 5, 6]  # the last label of each run would leave it
    assert [CATEGORIES[row] for row in data.stimulus_id] == ["cat", "cat", "face", "face"]
    with pytest.raises(CounterpointError, match="lag is 4"):
        Haxby(tree, lag=4)


def test_blocks_are_averaged_within_a_run(tree: Path) -> None:
    data = Haxby(tree, average="block")
    assert data.responses[:, 0].tolist() == [1.5, 3, 4.5, 7]
    assert [CATEGORIES[row] for row in data.stimulus_id] == ["cat", "shoe", "face", "cat"]
    assert data.responses.dtype == np.float32
    assert Haxby(tree, average="block", lag=1).responses[:, 0].tolist() == [2.5, 5.5]


@pytest.mark.parametrize("lag", [0, 2])
def test_planted_slice(tmp_path: Path, lag: int) -> None:
    truth = fake_haxby(tmp_path, 5, lag=lag)
    data = Haxby(tmp_path, lag=lag)
    rows = np.flatnonzero(truth["condition"] != "rest") + lag
    np.testing.assert_array_equal(data.responses, truth["volumes"][rows])
    assert [CATEGORIES[row] for row in data.stimulus_id] == truth["condition"][rows - lag].tolist()
    centred = np.stack([data.responses[data.run == run] - data.responses[data.run == run].mean(0) for run in range(3)])
    means = np.stack([[part[data.stimulus_id[data.run == run] == row].mean(0) for row in range(8)]
                      for run, part in enumerate(centred)])
    guess = np.corrcoef(np.concatenate([means[:2].mean(0), means[2]]))[:8, 8:].argmax(0)
    assert (guess == np.arange(8)).mean() >= 0.75  # signal was planted at this lag


def test_full_layout_by_number_and_mask(tmp_path: Path) -> None:
    truth = fake_haxby(tmp_path / "haxby2001", 2, form="full")
    data = Haxby(tmp_path, "subj1")
    inside = np.flatnonzero(truth["mask"])
    assert set(data.space.index) < set(inside)
    rows = truth["condition"] != "rest"
    np.testing.assert_array_equal(data.responses, truth["volumes"][rows][:, np.isin(inside, data.space.index)])
    assert list(data.rois) == ["mask8_face_vt"]
    part = Haxby(tmp_path, 1, rois=["mask8_face_vt"])
    np.testing.assert_array_equal(part.responses, data.responses[:, data.rois["mask8_face_vt"]])
    whole = Haxby(tmp_path, 1, mask="mask")
    np.testing.assert_array_equal(whole.responses, truth["volumes"][rows])
    assert list(whole.rois) == ["mask4_vt", "mask8_face_vt"]
    with pytest.raises(CounterpointError, match="mask9_vt"):
        Haxby(tmp_path, 1, mask="mask9_vt")
    with pytest.raises(CounterpointError, match="subj2"):
        Haxby(tmp_path, 2)


def test_fetching_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_haxby(tmp_path, 2, form="full")
    asked: list[tuple[str | None, list[int]]] = []

    def fetch_haxby(*, data_dir: str | None, subjects: list[int], verbose: int) -> SimpleNamespace:
        asked.append((data_dir, subjects))
        return SimpleNamespace(func=[str(tmp_path / "subj1" / "bold.nii.gz")])

    monkeypatch.setitem(sys.modules, "nilearn.datasets", SimpleNamespace(fetch_haxby=fetch_haxby))
    with pytest.raises(CounterpointError, match="download=True"):
        Haxby(None, 1)
    assert not asked
    assert len(Haxby(None, 1, download=True)) == 72
    assert asked == [(None, [1])]


def test_refusals_name_the_place(tree: Path) -> None:
    labels = tree / "labels.tsv"
    whole = labels.read_text()
    labels.write_text("\n".join(whole.splitlines()[:-1]))
    with pytest.raises(CounterpointError, match=r"8 volumes, .*labels.tsv 7 labels"):
        Haxby(tree)
    labels.write_text(whole.replace("7\tcat", "9\tcat"))
    with pytest.raises(CounterpointError, match="out of order"):
        Haxby(tree)
    labels.write_text(whole.replace("\t7", "\t3"))
    with pytest.raises(CounterpointError, match="run 3 comes after"):
        Haxby(tree)
    labels.write_text(whole)
    with pytest.raises(CounterpointError, match="no run 5"):
        Haxby(tree, test_run=5)
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 1), np.int16), np.diag([1, 1, 1, 1]) + np.eye(4, k=3)),
                 tree / "mask.nii.gz")
    with pytest.raises(CounterpointError, match="affine of"):
        Haxby(tree)


@real
def test_real_slice() -> None:
    data = Haxby(SLICE)
    assert data.responses.shape == (864, 530)
    assert data.responses.dtype == np.int16
    assert np.bincount(data.stimulus_id).tolist() == [108] * 8
    assert np.unique(data.run).tolist() == list(range(12))
    assert np.count_nonzero(data.split == "test") == 72
    blocks = Haxby(SLICE, average="block")
    assert blocks.responses.shape == (96, 530)
    np.testing.assert_allclose(blocks.responses[0], data.responses[:9].mean(0), rtol=1e-6)


@real
def test_real_slice_is_decoded_as_its_card_says() -> None:
    from sklearn.linear_model import LogisticRegression

    data = Haxby(SLICE)
    values = data.responses.astype(float)
    for run in np.unique(data.run):
        part = values[data.run == run]
        values[data.run == run] = (part - part.mean(0)) / part.std(0)
    right = []
    for run in np.unique(data.run):
        train = data.run != run
        model = LogisticRegression(C=0.01, max_iter=500).fit(values[train], data.stimulus_id[train])
        right.append(model.score(values[~train], data.stimulus_id[~train]))
    assert np.mean(right) == pytest.approx(0.61, abs=0.01)
