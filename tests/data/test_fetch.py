"""Fetching reads both splits, so that what is called present is whole."""

from __future__ import annotations

import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data import fetch as module


def test_both_splits_are_read_with_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, bool]] = []
    monkeypatch.setattr(module, "load", lambda name, *, split, download, limit: asked.append((name, split, download)))
    assert module.fetch("fashion_mnist").name == "fashion-mnist"
    assert asked == [("fashion-mnist", "train", True), ("fashion-mnist", "test", True)]


def test_unknown_names() -> None:
    with pytest.raises(CounterpointError, match=r'No data set called "stamp". Did you mean stamps\?'):
        module.fetch("stamp")
