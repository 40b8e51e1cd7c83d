"""Heads of method files, names to files, lazy exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpoint.core.discovery import lazy_exports, method_class, parse_head, public_names, system, systems
from counterpoint.core.errors import CounterpointError


@pytest.mark.parametrize("name", systems())
def test_head_is_whole(name: str):
    item = systems()[name]
    assert item.title.partition(": ")[2]
    assert 1900 < item.year < 2100
    known = {key for part in ("objectives", "evaluate", "brain") for key in public_names(f"counterpoint.{part}")}
    assert set(item.objectives) <= known
    assert item.bibtex().count("{") == item.bibtex().count("}")
    assert method_class(name).__doc__


def test_an_incomplete_head_names_what_is_missing(tmp_path: Path):
    path = tmp_path / "x.py"
    path.write_text('"""X: a system.\n\nPaper: P\n"""')
    with pytest.raises(CounterpointError, match="no Authors, Venue, Year, Code, Modality, Objective"):
        parse_head("x", path, "x")


def test_unknown_system_suggests():
    with pytest.raises(CounterpointError, match="Did you mean barlow_twins"):
        system("barlow_twin")


def test_lazy_exports_name_everything_and_nothing_else():
    get, names = lazy_exports("counterpoint.objectives")
    assert callable(get("dcl_loss"))
    assert "nt_xent" in names()
    with pytest.raises(AttributeError):
        get("no_such_loss")
