"""Atomic writes: the old content or the new, never half, and nothing left beside it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json, write_atomic, write_json


def test_replaces_whole(tmp_path: Path):
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})
    write_json(path, {"x": [float("nan"), (float("inf"), 2.0)]})
    assert read_json(path) == {"x": [None, [None, 2.0]]}
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str):
    path = tmp_path / "a.txt"
    write_atomic(path, "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(CounterpointError, match="No space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_broken_json_is_named(tmp_path: Path):
    (tmp_path / "run.json").write_text('{"half":')
    with pytest.raises(CounterpointError, match=r"run\.json could not be read"):
        read_json(tmp_path / "run.json")
