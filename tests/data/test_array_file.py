from __future__ import annotations

import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.data import (
    ArrayFile,
    BrainDataset,
    Space,
    Stimuli,
    StoredRows,
    fake_array_file,
    save_array_file,
)


def _full(images: Any = None) -> BrainDataset:
    """Every field filled, with awkward names."""
    generator = np.random.default_rng(0)
    return BrainDataset(
        name="Täst",
        subject="s/1",
        responses=generator.integers(-9, 9, (7, 5)).astype(np.int16),
        stimulus_id=np.array([9, 4, 9, -3, 4, 9, 77]),
        session=np.array([1, 1, 1, 2, 2, 2, 2]),
        run=np.arange(7),
        trial=np.arange(7)[::-1],
        repeat=np.array([5, 0, 6, 0, 1, 7, 0]),
        split=np.array(["train", "test", "train", "train", "test", "train", "imagery"]),
        shared=np.arange(7) % 2 == 0,
        stimuli=Stimuli(
            np.array([77, 9, 4, -3]),
            images=generator.integers(0, 256, (4, 3, 6, 5), dtype=np.uint8) if images is None else images,
            captions=[["a", "b"], [], ["", "ü"], ["c"]],
            labels=np.array([0, -1, 1, 1]),
            class_names=["k", "l"],
            names=["p.png", "q", "r", "s"],
        ),
        unit="int16/300",
        space=Space("volume", (2, 3, 2), np.array([0, 3, 5, 7, 11]), np.diag([2.0, 2, 2, 1])),
        coordinates=generator.standard_normal((5, 3)),
        rois={
            "V1/V2": np.arange(5) < 2,
            "50%": np.arange(5) > 2,
            "..": np.ones(5, bool),
            "V1": np.zeros(5, bool),
        },
        parcels=np.array([0, 3, 3, 8, 8]),
        parcel_names={3: "left", 8: "right"},
        networks=np.array([1, 1, 0, 2, 2]),
        network_names={0: "none", 1: "Vis", 2: "Default"},
        noise_ceiling=np.linspace(0, 90, 5),
        ncsnr=np.linspace(0, 1, 5),
        truth={"weights": np.arange(4.0), "gain": np.float64(0.5)},
        licence="CC0",
        home="nowhere",
        notes=["one", "two"],
    )


def _same(one: Any, two: Any, where: str = "") -> None:
    if isinstance(one, dict):
        assert list(one) == list(two) or set(one) == set(two), where
        for key in one:
            _same(one[key], two[key], f"{where}.{key}")
    elif hasattr(one, "__dataclass_fields__") and not isinstance(one, np.ndarray):
        for item in fields(one):
            _same(getattr(one, item.name), getattr(two, item.name), f"{where}.{item.name}")
    elif hasattr(one, "shape"):
        rows = np.arange(one.shape[0]) if one.shape else ()
        left, right = np.asarray(one[rows]), np.asarray(two[rows])
        assert left.dtype.kind == right.dtype.kind, where
        assert left.dtype.kind == "U" or left.dtype == right.dtype, where
        np.testing.assert_array_equal(left, right, err_msg=where)
    else:
        assert one == two, where


@pytest.mark.parametrize("ending", ["npz", "h5", "hdf5"])
def test_round_trip_is_exact(tmp_path: Path, ending: str) -> None:
    made = _full()
    path = save_array_file(made, tmp_path / f"x.{ending}", block=2)
    read = ArrayFile(path)
    _same(made, read)
    again = save_array_file(read, path, block=3)  # over the very file that is being read
    _same(made, ArrayFile(again))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ["npz", "h5"])
def test_time_series_and_bare_data_round_trip(tmp_path: Path, ending: str) -> None:
    made = BrainDataset("n", "s", np.arange(24, dtype=np.float32).reshape(4, 3, 2), np.arange(4), t_r=1.5)
    read = ArrayFile(save_array_file(made, tmp_path / f"x.{ending}"))
    _same(made, read)
    assert read.t_r == 1.5
    assert read.stimuli is None


@pytest.mark.parametrize("ending", ["npz", "h5"])
def test_fake_gives_the_planted_truth(tmp_path: Path, ending: str) -> None:
    truth = fake_array_file(tmp_path / f"x.{ending}", 1)
    data = ArrayFile(tmp_path / f"x.{ending}", "s1")
    rows = np.array([23, 0, 7, 7, 8])
    np.testing.assert_array_equal(data.responses[rows], truth["responses"][rows])
    for key in (
        "stimulus_id",
        "session",
        "run",
        "trial",
        "split",
        "shared",
        "coordinates",
        "parcels",
        "networks",
    ):
        np.testing.assert_array_equal(getattr(data, key), truth[key])
    shown = np.unique(truth["stimulus_id"])
    np.testing.assert_array_equal(data.images(shown[[3, 1]]), truth["images"][[3, 1]])
    assert data.captions(shown[[2]]) == [["picture 2", "a picture"]]
    assert data.network_names == {1: "Vis", 2: "Default"}
    np.testing.assert_array_equal(data.rois["V1"], truth["rois/V1"])
    assert (data.subject, data.stimuli.class_names) == ("s1", ["cat", "dog"])  # type: ignore[union-attr]


def test_a_file_written_by_hand_stays_on_disk(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["responses"] = np.arange(12.0).reshape(4, 3)
        file["stimulus_id"] = np.array([b"cat.png", b"dog.png", b"cat.png", b"ape.png"])
        file["split"] = np.array([b"train"] * 4)
        file["images"] = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)
        file["labels"] = np.array([b"animal", b"pet", b"pet"])
        file.create_group("rois")["V1"] = np.array([0, 1, 1])
    data = ArrayFile(tmp_path / "x.h5")
    assert isinstance(data.responses, StoredRows)
    assert data.stimuli is not None
    assert data.stimuli.names == ["ape.png", "cat.png", "dog.png"]
    assert data.stimulus_id.tolist() == [1, 2, 1, 0]
    assert data.repeat.tolist() == [0, 0, 1, 0]
    assert data.stimuli.class_names == ["animal", "pet"]
    assert data.images([1])[0, :, 0, 0].tolist() == [12, 13, 14]
    assert data.rois["V1"].tolist() == [False, True, True]
    assert pickle.loads(pickle.dumps(data.responses))[[3, 0, 3]].tolist() == [
        [9, 10, 11],
        [0, 1, 2],
        [9, 10, 11],
    ]


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.integers(0, 39), max_size=60))
def test_stored_rows_are_numpy_rows(rows: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    values = np.arange(120).reshape(40, 3)
    path = tmp_path_factory.getbasetemp() / "rows.h5"
    if not path.exists():
        with h5py.File(path, "w") as file:
            file["x"] = values
    wanted = np.array(rows, np.int64)
    np.testing.assert_array_equal(StoredRows(path, "x")[wanted], values[wanted])


def test_large_h5_is_written_in_blocks(tmp_path: Path) -> None:
    asked: list[int] = []

    class Lazy:
        shape, dtype = (1000, 4), np.dtype(np.float32)

        def __getitem__(self, rows: np.ndarray) -> np.ndarray:
            asked.append(len(rows))
            return np.repeat(rows[:, None], 4, axis=1).astype(np.float32)

    made = BrainDataset("n", "s", Lazy(), np.arange(1000))
    read = ArrayFile(save_array_file(made, tmp_path / "x.h5", block=100))
    assert max(asked) == 100
    assert read.responses[np.array([999, 3])].tolist() == [[999.0] * 4, [3.0] * 4]


GOOD: dict[str, Any] = {"responses": np.zeros((4, 3)), "stimulus_id": [5, 6, 5, 7]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"responses": None}, "responses is missing"),
        ({"sesion": [1, 1, 2, 2]}, "Did you mean session"),
        ({"responses": np.zeros((3, 4))}, "transposed"),
        ({"responses": np.zeros(4)}, "shape"),
        ({"responses": np.array([["a"]] * 4)}, "<U1"),
        ({"stimulus_id": [5, 6.5, 5, 7]}, "6.5 in row 1"),
        ({"stimulus_id": [[5], [6], [5], [7]]}, "shape"),
        ({"split": ["train", "train", "test", "test"]}, "first id 5"),
        ({"split": ["train", "valid", "train", "test"]}, '"valid"'),
        ({"split": ["train"]}, "misaligned"),
        ({"session": [1, 2]}, "2 entries of session"),
        ({"images": np.zeros((4, 3, 2, 2), np.uint8)}, "add image_id"),
        ({"images": np.zeros((2, 3, 2, 2), np.uint8), "image_id": [5, 6]}, "first id 7"),
        ({"images": np.zeros((3, 3, 2, 2), np.float32)}, "float32"),
        ({"images": np.zeros((3, 2, 2, 7), np.uint8)}, "shape"),
        ({"rois/V1": [0, 1, 2]}, "zeros and ones"),
        ({"rois/V1": [0, 1]}, "ROI V1 has 2"),
        ({"networks": [1, 2, 3], "network_names": ["a"]}, "labels up to 3"),
        ({"unit": "volts"}, "volts"),
        ({"t_r": -1.0}, "t_r"),
        ({"captions": ["a", "b"], "labels": [0, 1, 0]}, "whose|captions|ids"),
    ],
)
def test_bad_arrays_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    arrays = {key: np.asarray(value) for key, value in (GOOD | changes).items() if value is not None}
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(CounterpointError, match=message):
        ArrayFile(tmp_path / "x.npz")


def test_pickled_damaged_and_missing_files(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "p.npz", responses=np.zeros((1, 2)), stimulus_id=[1], captions=np.array([["a"]], object)
    )
    with pytest.raises(CounterpointError, match=r"captions of .*pickled"):
        ArrayFile(tmp_path / "p.npz")
    for name in ("x.npz", "x.h5"):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(CounterpointError, match="could not be read"):
            ArrayFile(tmp_path / name)
    with pytest.raises(CounterpointError, match="No file"):
        ArrayFile(tmp_path / "none.npz")
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(CounterpointError, match=r"\.csv"):
        ArrayFile(tmp_path / "x.csv")
    with pytest.raises(CounterpointError, match="could not be written"):
        save_array_file(_full(), tmp_path / "no" / "x.h5")


def test_bank_of_pictures_and_notes(tmp_path: Path) -> None:
    images = np.arange(9 * 12, dtype=np.uint8).reshape(9, 3, 2, 2)
    np.savez(tmp_path / "x.npz", **GOOD, images=images, extra=[1])
    data = ArrayFile(tmp_path / "x.npz", name="mine", unit="percent", t_r=None)
    np.testing.assert_array_equal(data.images([7, 0]), images[[7, 0]])
    assert any("extra" in note for note in data.notes)
    assert (data.name, data.unit) == ("mine", "percent")
