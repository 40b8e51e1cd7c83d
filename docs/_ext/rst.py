"""Pieces of reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def heading(text: str, mark: str = "-") -> str:
    """A heading."""
    return f"{text}\n{mark * len(text)}\n"


def block(directive: str, body: str, *options: str) -> str:
    """A directive with options and an indented body."""
    indented = [f"   {row}".rstrip() for row in (*options, "", *body.splitlines())]
    return "\n".join([f".. {directive}", *indented]) + "\n"


def list_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells hold markup."""
    body = []
    for row in (header, *rows):
        for place, cell in enumerate(row):
            body.append(f"{'* -' if place == 0 else '  -'} {' '.join(str(cell).split())}".rstrip())
    return block("list-table::", "\n".join(body), ":header-rows: 1")


def plain(text: str) -> str:
    """Text without meaning to the markup."""
    return re.sub(r"([*`|_\\])", r"\\\1", text)
