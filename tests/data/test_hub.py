"""Hugging Face data sets saved to disk; what is said without the library, consent or pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from counterpoint.core.errors import CounterpointError
from counterpoint.data.catalog import load


def made(count: int, *, start: int = 0, **extra: Any) -> Any:
    datasets = pytest.importorskip("datasets")
    pictures = [Image.new("L", (6, 6), start + number) for number in range(count)]
    features = {
        "img": datasets.Image(),
        "fine": datasets.ClassLabel(names=["zebra", "ant"]),
        "text": datasets.Value("string"),
    }
    rows = {
        "img": pictures,
        "fine": [number % 2 for number in range(count)],
        "text": [f"number {start + number}" for number in range(count)],
    }
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


def test_saved_set_without_splits(tmp_path: Path) -> None:
    made(20).save_to_disk(tmp_path / "saved")
    train, test = (load(tmp_path / "saved", split=split, size=4) for split in ("train", "test"))
    assert (len(train), len(test)) == (16, 4)
    assert train.class_names == ["zebra", "ant"]
    levels = train.images[np.arange(16)][:, 0, 0, 0]
    assert (levels % 2 == train.labels).all()
    assert train.captions == [f"number {level}" for level in levels]


def test_saved_set_with_splits(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    parts = {"train": made(12), "validation": made(4, start=100), "test": made(6, start=50)}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    test = load(tmp_path / "saved", split="test", size=4)
    assert test.captions == [f"number {number}" for number in range(50, 56)]
    assert len(load(tmp_path / "saved", split="train", size=4)) == 12


def test_columns(tmp_path: Path) -> None:
    made(20).save_to_disk(tmp_path / "saved")
    with pytest.raises(CounterpointError, match=r'No column of .* called "imq". Did you mean img\?'):
        load(tmp_path / "saved", split="train", image_column="imq")
    with pytest.raises(CounterpointError, match=r"fine \(ClassLabel\).*One of type Image was expected"):
        load(tmp_path / "saved", split="train", image_column="text")
    made(20).remove_columns("img").save_to_disk(tmp_path / "bare")
    with pytest.raises(CounterpointError, match=r"text \(Value\).*One of type Image"):
        load(tmp_path / "bare", split="train")


def test_consent_and_damage(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    with pytest.raises(CounterpointError, match=r"a/b is on the Hugging Face Hub.*\nTry: --data.download true"):
        load("hub:a/b", split="train")
    made(8).save_to_disk(tmp_path / "saved")
    for path in (tmp_path / "saved").glob("*.arrow"):
        path.write_bytes(b"broken")
    with pytest.raises(CounterpointError, match="saved could not be opened"):
        load(tmp_path / "saved", split="train")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        CounterpointError, match=r'needs the datasets library.*\nTry: pip install "counterpoint\[hub\]"'
    ):
        load("hub:a/b", split="train", download=True)
