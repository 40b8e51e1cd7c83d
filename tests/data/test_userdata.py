"""Which reader a path goes to, and what is said when none fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.catalog import load


def test_paths_that_are_not_there_name_the_closest(tmp_path: Path, write_pictures) -> None:
    write_pictures(tmp_path / "photos" / "cats", 3)
    with pytest.raises(CounterpointError, match=r"photoz does not exist. Did you mean photos\?"):
        load(tmp_path / "photoz", split="train")
    with pytest.raises(CounterpointError, match=r"fotos/cats does not exist. Did you mean photos\?"):
        load(tmp_path / "fotos" / "cats", split="train")
    with pytest.raises(CounterpointError, match=rf"{tmp_path} has no zzzzz.csv"):
        load(tmp_path / "zzzzz.csv", split="train")
    with pytest.raises(CounterpointError, match=r"\nTry: --data.source hub:owner/name --data.download true"):
        load("owner/name", split="train")


def test_one_word_may_be_a_slip_in_a_folder_of_the_working_folder(
    tmp_path: Path, write_pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "photos", 6)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CounterpointError, match=r'called "photoz". Did you mean photos\?'):
        load("photoz", split="train")
    assert len(load("photos", split="train", size=8)) == 4


def test_files_that_are_not_read(tmp_path: Path, write_pictures) -> None:
    path = write_pictures(tmp_path, 1)[0]
    with pytest.raises(
        CounterpointError, match=rf"is one picture. Contrast needs several.\nTry: --data.source {tmp_path}"
    ):
        load(path, split="train")
    (tmp_path / "a.xlsx").write_bytes(b"x")
    with pytest.raises(CounterpointError, match=r"a.xlsx is a file that is not read. What is read: a folder of"):
        load(tmp_path / "a.xlsx", split="train")


def test_options_that_do_not_belong_to_the_reader(tmp_path: Path, write_pictures) -> None:
    write_pictures(tmp_path, 6)
    with pytest.raises(CounterpointError, match=r'No option of .* called "label_column"'):
        load(tmp_path, split="train", label_column="x")
    with pytest.raises(CounterpointError, match="Pictures of 2 channels"):
        load(tmp_path, split="train", channels=2)


def test_tilde_is_the_home_folder(tmp_path: Path, write_pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "pictures", 6)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load("~/pictures", split="train", size=8)) == 4


def test_memory_decides_between_one_array_and_decoding_on_demand(tmp_path: Path, write_pictures) -> None:
    write_pictures(tmp_path, 12)
    whole, lazy = (load(tmp_path, split="train", size=8, **extra) for extra in ({}, {"memory": 100}))
    assert (whole.in_memory, lazy.in_memory) == (True, False)
    assert whole.images.shape == lazy.images.shape
    assert (whole.images == lazy.images[np.arange(len(lazy))]).all()
    assert (whole.subset([1, 3]).images == lazy.subset([1, 3]).images[np.arange(2)]).all()
