from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from counterpoint.core.errors import CounterpointError
from counterpoint.data import WaveTars, fake_wave_tars


def _trial(path: Path, **changes: Any) -> None:
    """One tar written by hand."""
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (1, 2, 3)).save(stream, "PNG")
    members: dict[str, Any] = {
        "bold.pyd": pickle.dumps(np.arange(6, dtype=np.float32).reshape(3, 2), 2),
        "t_r.pyd": pickle.dumps(np.float64(2)),
        "stimuli.png": stream.getvalue(),
        "config.json": json.dumps({"label": "cat", "img_name": path.stem}).encode(),
    } | {key.replace("__", "."): value for key, value in changes.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for ending, content in members.items():
            if content is not None:
                entry = tarfile.TarInfo(f"{path.stem}.{ending}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def _npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def test_tree_gives_the_planted_truth(tmp_path: Path) -> None:
    truth = fake_wave_tars(tmp_path, 4)
    data = WaveTars(tmp_path, "CSI1", trusted=True)
    np.testing.assert_array_equal(data.responses, truth["bold"])
    np.testing.assert_array_equal(data.stimulus_id, truth["image"])
    np.testing.assert_array_equal(data.split, truth["split"])
    np.testing.assert_array_equal(data.images(np.arange(8)), truth["images"])
    assert data.captions([2]) == [["bottle, sink"]]
    assert data.stimuli is not None
    assert data.stimuli.names == truth["names"].tolist()
    assert data.stimuli.class_names == ["cat", "dog", "tree"]
    assert data.stimuli.labels is not None
    assert data.stimuli.labels.tolist() == [0, 1, -1, 0, 2, 1, 0, 2]
    assert (data.t_r, data.unit, data.subject) == (2.0, "z", "CSI1")
    voxels = WaveTars(tmp_path, trusted=True, signal="voxel")
    np.testing.assert_array_equal(voxels.responses, truth["voxel"])
    assert voxels.t_r is None


def test_pickles_are_not_opened_unasked(tmp_path: Path) -> None:
    fake_wave_tars(tmp_path)
    with pytest.raises(CounterpointError, match="trusted=True") as caught:
        WaveTars(tmp_path, "CSI1")
    assert "trial-0000.bold.pyd" in str(caught.value)


def test_npy_members_need_no_trust_and_texts_are_imagery(tmp_path: Path) -> None:
    bold = np.ones((3, 2), np.float32)
    swap = {"bold__pyd": None, "t_r__pyd": None, "bold__npy": _npy(bold), "t_r__npy": _npy(np.array(1.5))}
    config = json.dumps({"class": "indoor", "text": "a kitchen", "scenario": "s", "sub": "sub-01"}).encode()
    _trial(tmp_path / "a.tar", **swap, stimuli__png=None, config__json=config)
    data = WaveTars(tmp_path)
    assert data.split.tolist() == ["imagery"]
    assert data.captions([0]) == [["a kitchen"]]
    assert data.t_r == 1.5
    with pytest.raises(CounterpointError, match="without pictures"):
        data.images([0])


class _Call:
    def __reduce__(self) -> Any:
        return print, ("called",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bold__pyd": pickle.dumps(_Call())}, "it names builtins.print"),
        ({"bold__pyd": pickle.dumps(np.zeros(2))}, "shape"),
        ({"bold__pyd": pickle.dumps(np.zeros((5, 2)))}, r"shape \(5, 2\), the first trial"),
        ({"bold__pyd": None}, r"lacks bold\.pyd"),
        ({"t_r__pyd": pickle.dumps(1.0)}, r"repetition times \[1\.0, 2\.0\]"),
        ({"config__json": None}, r"lacks config\.json"),
        ({"config__json": b"{"}, "could not be read"),
        ({"config__json": b"[]"}, "no object"),
        ({"config__json": b"{}"}, "no img_name"),
        ({"config__json": b'{"img_name": "b"}'}, "first b"),
    ],
)
def test_bad_trials_are_named(
    tmp_path: Path, changes: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _trial(tmp_path / "CSI1" / "test" / "b.tar")
    _trial(tmp_path / "CSI1" / "train" / "a.tar")
    _trial(tmp_path / "CSI1" / "train" / "c.tar", **changes)
    with pytest.raises(CounterpointError, match=message) as caught:
        WaveTars(tmp_path, "CSI1", trusted=True)
    assert str(tmp_path) in str(caught.value)
    assert capsys.readouterr().out == ""


def test_missing_folders_and_damaged_tars(tmp_path: Path) -> None:
    with pytest.raises(CounterpointError, match="Subjects there: none"):
        WaveTars(tmp_path / "nothing", "CSI1", trusted=True)
    fake_wave_tars(tmp_path)
    with pytest.raises(CounterpointError, match="CSI1"):
        WaveTars(tmp_path, "CSI9", trusted=True)
    path = tmp_path / "CSI1" / "train" / "trial-0003.tar"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CounterpointError, match="trial-0003"):
        WaveTars(tmp_path, "CSI1", trusted=True)
