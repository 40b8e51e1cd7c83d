"""Folders as users have them, from listing to source."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpoint.core.errors import CounterpointError
from counterpoint.data.catalog import load
from counterpoint.data.folder import folder, pictures_below


def test_class_folders(tmp_path: Path, write_pictures) -> None:
    for name in ("bird", "cat", "train"):  # a class may be called train
        write_pictures(tmp_path / "pets" / name, 10)
    source = load(tmp_path / "pets", split="train", size=8)
    test = load(tmp_path / "pets", split="test", size=8)
    assert source.class_names == ["bird", "cat", "train"]
    assert (len(source), len(test)) == (24, 6)
    assert np.bincount(test.labels).tolist() == [2, 2, 2]
    assert not set(source.factors["file"]) & set(test.factors["file"])
    assert source.images.shape == (24, 3, 8, 8)
    for pixels, label, file in zip(source.images, source.labels, source.factors["file"], strict=True):
        assert Path(file).parent.name == source.class_names[label]
        assert pixels[0, 0, 0] == 20 * int(Path(file).stem[-3:])
    assert source.name == "pets"


def test_the_held_out_part_is_said_once(tmp_path: Path, write_pictures, caplog: pytest.LogCaptureFixture) -> None:
    write_pictures(tmp_path / "said", 10)
    with caplog.at_level(logging.WARNING):
        sources = [load(tmp_path / "said", split=split, size=8) for split in ("train", "test", "train")]
    wanted = f"no test part in {tmp_path / 'said'}: 2 of 10 pictures (20%) are held out for testing, seed 0."
    assert all(source.notes == [wanted] for source in sources)
    assert [record.message for record in caplog.records] == [f"said: {wanted}"]
    assert sources[0].labels is None
    assert sources[0].class_names == []


@pytest.mark.parametrize("name", ["test", "val", "Valid"])
def test_train_and_test_folders(tmp_path: Path, write_pictures, name: str) -> None:
    for part, count in (("train", 9), (name, 4)):
        for kind in ("a", "b"):
            write_pictures(tmp_path / part / kind, count)
    write_pictures(tmp_path / "extra", 3)
    train, test = (load(tmp_path, split=split, size=8) for split in ("train", "test"))
    assert (len(train), len(test)) == (18, 8)
    assert train.notes == ["extra/ is not used."]
    assert all(f"/{name}/" in file for file in test.factors["file"])
    assert train.class_names == test.class_names == ["a", "b"]
    fit, validation = (load(tmp_path, split=split, size=8) for split in ("fit", "validation"))
    assert sorted([*fit.factors["file"], *validation.factors["file"]]) == sorted(train.factors["file"])
    assert len(validation) == 3


def test_test_folder_without_classes_gives_way_to_one_with(tmp_path: Path, write_pictures) -> None:
    for part in ("train", "val"):
        for kind in ("a", "b"):
            write_pictures(tmp_path / part / kind, 5)
    write_pictures(tmp_path / "test", 7)
    assert len(load(tmp_path, split="test", size=8)) == 10
    assert load(tmp_path, split="test", size=8).notes == ["test/ is not used."]


def test_flat_grey_mixed_sizes_and_hidden_files(tmp_path: Path, write_pictures) -> None:
    write_pictures(tmp_path, 6, grey=True, size=10)
    write_pictures(tmp_path / ".cache", 3)
    write_pictures(tmp_path / "__MACOSX", 3)
    (tmp_path / "._picture000.png").write_bytes(b"resource fork")
    (tmp_path / "notes.txt").write_text("hello")
    Image.new("L", (40, 7)).save(tmp_path / "zz.PNG")
    source = load(tmp_path, split="train", size=8)
    assert len(source) + len(load(tmp_path, split="test", size=8)) == 7
    assert source.images.shape[1:] == (1, 8, 8)
    assert load(tmp_path, split="train", size=8, channels=3).channels == 3


def test_links_that_go_in_circles(tmp_path: Path, write_pictures) -> None:
    write_pictures(tmp_path / "a", 4)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nothing.png")
    assert len(pictures_below(tmp_path)) == 4


def test_loose_pictures_beside_classes_have_no_label(tmp_path: Path, write_pictures) -> None:
    for kind in ("a", "b"):
        write_pictures(tmp_path / kind, 5)
    write_pictures(tmp_path, 2)
    listing = folder(tmp_path)
    assert listing.labels is not None
    assert listing.labels.count(None) == 2
    assert "2 pictures lie directly in" in listing.notes[0]
    assert set(np.unique(load(tmp_path, split="train", size=8).labels)) <= {-1, 0, 1}


def test_classes_with_numbers_are_sorted_by_number(tmp_path: Path, write_pictures) -> None:
    for kind in ("10", "9", "2"):
        write_pictures(tmp_path / kind, 3)
    assert load(tmp_path, split="train", size=8).class_names == ["2", "9", "10"]


def test_limit_decodes_only_what_is_wanted(tmp_path: Path, write_pictures) -> None:
    for kind in ("a", "b"):
        write_pictures(tmp_path / kind, 20)
    source = load(tmp_path, split="train", size=8, limit=6)
    assert np.bincount(source.labels).tolist() == [3, 3]
    again = load(tmp_path, split="train", size=8, limit=6)
    assert source.content_hash() == again.content_hash()
    assert source.content_hash() != load(tmp_path, split="train", size=8, limit=6, seed=1).content_hash()


def test_broken_pictures_are_named_and_many_are_an_error(tmp_path: Path, write_pictures) -> None:
    paths = write_pictures(tmp_path, 30)
    paths[0].write_bytes(b"nothing")
    paths[1].write_bytes(paths[2].read_bytes()[:50])
    parts = [load(tmp_path, split=split, size=8) for split in ("train", "test")]
    assert sum(map(len, parts)) == 28
    notes = " ".join(note for part in parts for note in part.notes)
    assert "picture000.png (not a picture)" in notes
    assert "picture001.png" in notes
    for path in paths[:20]:
        path.write_bytes(b"")
    with pytest.raises(CounterpointError, match=f"pictures of {tmp_path} cannot be read: .*picture0.*\nTry: mend"):
        load(tmp_path, split="train", size=8)


def test_too_few_pictures(tmp_path: Path, write_pictures) -> None:
    (tmp_path / "readme.md").write_text("x")
    with pytest.raises(CounterpointError, match=r"holds no pictures, but 1 .md. Files that end in .png, .jpg"):
        load(tmp_path, split="train")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CounterpointError, match="holds no pictures and no other files"):
        load(empty, split="train")
    write_pictures(tmp_path, 1)
    with pytest.raises(CounterpointError, match=r"holds 1 picture. Contrast needs several"):
        load(tmp_path, split="train")
    write_pictures(tmp_path, 3)
    with pytest.raises(CounterpointError, match=r"holds 3 pictures and no test part. 4 or more"):
        load(tmp_path, split="train")
    write_pictures(tmp_path, 4)
    assert len(load(tmp_path, split="test", size=8)) == 2


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CounterpointError, match="cannot be read: Permission denied"):
        folder(tmp_path)
