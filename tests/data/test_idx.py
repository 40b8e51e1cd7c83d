"""The idx format: whole, gzipped, and damaged in every way."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.catalog import load
from counterpoint.data.idx import FILES, idx_folder, read_idx


def idx(values: np.ndarray) -> bytes:
    return bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">u4").tobytes() + values.tobytes()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Twelve pictures to train on (gzipped), five to test on (not)."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 5)):
        images = idx(generator.integers(0, 256, (count, 6, 6), dtype=np.uint8))
        labels = idx((np.arange(count) % 4).astype(np.uint8))
        for name, data in zip(FILES[split], (images, labels), strict=True):
            if split == "train":
                (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
            else:
                (tmp_path / name).write_bytes(data)
    return tmp_path


def test_a_folder_of_the_family(place: Path) -> None:
    train, test = (load(place, split=split) for split in ("train", "test"))
    assert (train.images.shape, test.images.shape) == ((12, 1, 6, 6), (5, 1, 6, 6))
    assert np.array_equal(train.labels, np.arange(12) % 4)
    assert train.class_names == ["0", "1", "2", "3"]
    assert train.name == place.name
    assert len(load(place, split="validation")) == 2
    assert load(place, split="test", size=12).images.shape == (5, 1, 12, 12)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], r"holds 179 bytes of values; its head states 5 x 6 x 6. .*cut off"),
        (lambda data: data + b"x", "holds 181 bytes"),
        (lambda data: b"\x00\x00\x0d\x03" + data[4:], "opens with 00 00 0d 03. .*opens with 00 00 08 03"),
        (lambda data: b"\x00\x00\x08\x01" + data[4:], "opens with 00 00 08 01"),
        (
            lambda data: data[:4] + b"\xff\xff\xff\xff" * 3 + data[16:],
            "holds 180 bytes of values; its head states 4294967295 x",
        ),
        (lambda data: data[:3], "opens with 00 00 08"),
        (lambda data: b"", "opens with "),
        (lambda data: gzip.compress(data)[:-20], "could not be read: .*A whole idx file was expected"),
        (lambda data: b"\x1f\x8bnothing", "could not be read"),
    ],
)
def test_damaged_files_are_named(place: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    path = place / FILES["test"][0]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CounterpointError, match=f"{path} {message}"):
        read_idx(path, axes=3)


def test_missing_and_unequal_files(place: Path) -> None:
    (place / FILES["test"][1]).write_bytes(idx(np.zeros(4, np.uint8)))
    with pytest.raises(CounterpointError, match=r"holds 5 pictures, .* 4 labels"):
        idx_folder(place, split="test")
    (place / FILES["test"][1]).unlink()
    with pytest.raises(CounterpointError, match=r"has no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz"):
        idx_folder(place, split="test")
