"""Arrays from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.catalog import load


def test_with_and_without_splits(tmp_path: Path) -> None:
    images, labels = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    train, test = (load(tmp_path / "a.npz", split=split) for split in ("train", "test"))
    assert (len(train), len(test)) == (24, 6)
    assert train.images.shape == (24, 1, 8, 8)
    assert "6 pictures are held out" in train.notes[0]
    np.savez(tmp_path / "b.npz", train_x=images, train_y=labels, test_x=images[:5], test_y=labels[:5])
    assert len(load(tmp_path / "b.npz", split="test")) == 5
    assert load(tmp_path / "b.npz", split="train", size=16, channels=3).images.shape == (30, 3, 16, 16)


def test_pickles_other_names_and_damage(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(CounterpointError, match=r"could not be read: Object arrays cannot be loaded"):
        load(tmp_path / "a.npz", split="train")
    np.savez(tmp_path / "b.npz", pictures=np.zeros((4, 8, 8)))
    with pytest.raises(CounterpointError, match=r"holds pictures. images, or train_images and test_images"):
        load(tmp_path / "b.npz", split="train")
    (tmp_path / "c.npz").write_bytes(b"PK nothing")
    with pytest.raises(CounterpointError, match=r"c.npz could not be read"):
        load(tmp_path / "c.npz", split="train")
