from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data import MindEyeTars, fake_mindeye_tars


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    return tmp_path, fake_mindeye_tars(tmp_path, 3)


def _write(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def _npy(values: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(values))
    return stream.getvalue()


def _sample(root: Path, **changes: bytes) -> None:
    """One sample written by hand: two true repeats, the first tiled."""
    members = {
        "7.nsdgeneral.npy": _npy(np.array([[1, 2], [3, 4], [1, 2]], np.float16)),
        "7.num_uniques.npy": _npy([2]),
        "7.coco73k.npy": _npy([12]),
        "7.png": _png(),
    }
    _write(root / "train_subj02_0.tar", members | changes)


def _png() -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (10, 20, 30)).save(stream, "PNG")
    return stream.getvalue()


def test_tree_gives_the_planted_truth(tree: tuple[Path, dict[str, np.ndarray]]) -> None:
    data, truth = MindEyeTars(tree[0], "subj01"), tree[1]
    rows = np.array([20, 0, 5, 5, 13])
    np.testing.assert_array_equal(data.responses[rows], truth["responses"][rows])
    np.testing.assert_array_equal(data.responses[np.arange(len(data))], truth["responses"])
    for key in ("stimulus_id", "session", "split"):
        np.testing.assert_array_equal(getattr(data, key), truth[key])
    np.testing.assert_array_equal(data.images(truth["image_id"]), truth["images"])
    assert (data.unit, data.voxels, len(data)) == ("z", 40, 21)
    assert data.shared.sum() == 6
    assert any("3 tiled" in note for note in data.notes)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(data.responses))[rows], truth["responses"][rows])


def test_a_sample_written_by_hand(tmp_path: Path) -> None:
    _sample(tmp_path)
    data = MindEyeTars(tmp_path, 2)
    assert data.responses[np.arange(2)].tolist() == [[1, 2], [3, 4]]
    assert data.repeat.tolist() == [0, 1]
    assert data.stimulus_id.tolist() == [12, 12]
    assert data.images([12])[0, :, 0, 0].tolist() == [10, 20, 30]
    assert any("one session" in note for note in data.notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"../8.png": b""}, "leads out"),
        ({"/etc/passwd": b""}, "leads out"),
        ({"7.num_uniques.npy": _npy([1])}, "2 different responses"),
        ({"7.num_uniques.npy": _npy([4])}, "1..3"),
        ({"7.num_uniques.npy": bytes(5000)}, "5,000 bytes"),
        ({"7.coco73k.npy": _npy([73_000])}, "0..72999"),
        ({"7.nsdgeneral.npy": _npy(np.array([[None]]))}, "pickled"),
        ({"7.nsdgeneral.npy": _npy(np.zeros(4))}, "shape"),
        ({"7.nsdgeneral.npy": _npy(np.zeros((3, 2)))[:-4]}, "cut off"),
        ({"7.nsdgeneral.npy": b"nothing"}, "no .npy"),
        ({"8.png": b""}, "Sample 8"),
        ({"7.png": b"text"}, "no picture"),
    ],
)
def test_bad_members_are_named(tmp_path: Path, changes: dict[str, bytes], message: str) -> None:
    _sample(tmp_path, **changes)
    with pytest.raises(CounterpointError, match=message) as caught:
        MindEyeTars(tmp_path, 2)
    assert "train_subj02_0.tar" in str(caught.value)


def test_a_picture_in_two_splits_is_refused(tmp_path: Path) -> None:
    _sample(tmp_path)
    (tmp_path / "test_subj02_0.tar").write_bytes((tmp_path / "train_subj02_0.tar").read_bytes())
    with pytest.raises(CounterpointError, match="would leak"):
        MindEyeTars(tmp_path, 2)


def test_missing_and_damaged_shards(tree: tuple[Path, dict[str, np.ndarray]]) -> None:
    root = tree[0]
    with pytest.raises(CounterpointError, match="no shards of subj07"):
        MindEyeTars(root, "subj07")
    last = root / "train" / "train_subj01_1.tar"
    content = last.read_bytes()
    last.write_bytes(content[:3000])
    with pytest.raises(CounterpointError, match="train_subj01_1"):
        MindEyeTars(root, 1)
    last.unlink()
    with pytest.raises(CounterpointError, match="3 of 5 train samples"):
        MindEyeTars(root, 1)
    assert any("partial" in note for note in MindEyeTars(root, 1, partial=True).notes)
    last.write_bytes(content)
    (root / "train" / "train_subj01_0.tar").unlink()
    with pytest.raises(CounterpointError, match=r"lacks train_subj01_0\.tar"):
        MindEyeTars(root, 1)


def test_no_metadata_is_noted(tree: tuple[Path, dict[str, np.ndarray]]) -> None:
    (tree[0] / "metadata_subj01.json").write_text(json.dumps([]))
    assert any("no totals" in note for note in MindEyeTars(tree[0], 1).notes)
    (tree[0] / "metadata_subj01.json").unlink()
    assert any("not checked" in note for note in MindEyeTars(tree[0], 1).notes)
