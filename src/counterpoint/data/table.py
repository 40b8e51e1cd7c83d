"""A table of pictures: CSV or parquet with a column of paths, and columns of captions, classes and splits."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from counterpoint.core.errors import CounterpointError, missing_extra, unknown
from counterpoint.data.decode import Item, check_broken, named
from counterpoint.data.listing import Listing, label_texts

SUFFIXES = (".csv", ".tsv", ".parquet")
COLUMNS = {
    "image": ("image", "image_path", "path", "file", "file_name", "filename", "filepath", "img", "picture"),
    "caption": ("caption", "text", "title", "description", "sentence"),
    "label": ("label", "class", "category", "target", "y"),
    "split": ("split", "partition", "set"),
}
"""Names by which a column is found when none is given, the first that is there, in any case."""


def table(path: Path, *, image_column: str = "", caption_column: str = "", label_column: str = "") -> Listing:
    """List the pictures that a table names; nothing is decoded.

    Parameters
    ----------
    path : Path
        ``.csv`` (comma, semicolon or tab, UTF-8), ``.tsv`` or ``.parquet``. Relative paths in it start at its
        own folder. A parquet column may hold picture files themselves.
    image_column, caption_column, label_column : str
        Names of columns; found by their usual names when empty. A column called split (train, test or val)
        is heeded.

    Raises
    ------
    CounterpointError
        When the table cannot be read, a column is not there, or more than a tenth of the files is missing.
    """
    columns = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    given = {"image": image_column, "caption": caption_column, "label": label_column, "split": ""}
    chosen = {
        kind: find_column(kind, name, columns=list(columns), title=str(path)) for kind, name in given.items()
    }
    if not chosen["image"]:
        raise CounterpointError(
            f"{path} has the columns {', '.join(columns)}.",
            f"One called {', '.join(COLUMNS['image'][:4])} or the like was expected.",
            "--data.image_column NAME",
        )
    cells = columns[chosen["image"]]
    items = [_item(cell, path.parent) for cell in cells]
    names = [
        str(item) if isinstance(item, Path) else f"{path.name} row {row + 1}"
        for row, item in enumerate(items)
    ]
    kept, notes = _present(items, names, title=str(path))
    picked: dict[str, list[Any] | None] = {
        kind: [columns[name][row] for row in kept] if (name := chosen[kind]) else None
        for kind in ("caption", "label", "split")
    }
    captions, labels, splits = picked["caption"], picked["label"], picked["split"]
    return Listing(
        name=path.stem,
        title=str(path),
        items=[item for row in kept if (item := items[row]) is not None],
        files=[names[row] for row in kept],
        labels=label_texts(labels) if labels else None,
        captions=["" if cell is None else str(cell) for cell in captions] if captions else None,
        splits=[str(cell) for cell in splits] if splits else None,
        notes=notes,
    )


def find_column(kind: str, given: str, *, columns: Sequence[str], title: str) -> str:
    """The column ``given``, or the first usual name of its kind, or ``""``.

    Raises
    ------
    CounterpointError
        When a column is given that is not there, with the closest.

    Examples
    --------
    >>> find_column("caption", "", columns=["File", "Text"], title="a.csv")
    'Text'
    """
    if given:
        if given not in columns:
            raise unknown(f"column of {title}", given, columns, f"--data.{kind}_column NAME")
        return given
    lower = {name.lower().strip(): name for name in reversed(columns)}
    return next((lower[name] for name in COLUMNS[kind] if name in lower), "")


def _csv(path: Path) -> dict[str, list[Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=head.count)
            file.seek(0)
            rows = list(csv.reader(file, delimiter=delimiter, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CounterpointError(
            f"{path} could not be read: {error}.", "A CSV table in UTF-8 was expected."
        ) from error
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise CounterpointError(
            f"{path} has no rows.", "A line of column names and one per picture was expected."
        )
    uneven = next((number for number, row in enumerate(rows, start=1) if len(row) != len(rows[0])), 0)
    if uneven:
        raise CounterpointError(
            f"{path} has {len(rows[0])} columns, but {len(rows[uneven - 1])} in row {uneven}.",
            "Texts that hold the separator stand in quotation marks.",
        )
    return {name: [row[column] for row in rows[1:]] for column, name in enumerate(rows[0])}


def _parquet(path: Path) -> dict[str, list[Any]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise missing_extra(f"Reading {path.name}", "pyarrow", "table") from error
    try:
        read = parquet.read_table(path)
    except (OSError, ArrowException) as error:
        raise CounterpointError(
            f"{path} could not be read: {error}.", "A parquet table was expected."
        ) from error
    return {name: read.column(name).to_pylist() for name in read.column_names}


def _item(cell: Any, root: Path) -> Item | None:
    """A path, or the bytes of a picture stored in the table; ``None`` for an empty cell."""
    if isinstance(cell, Mapping):
        cell = cell.get("bytes") or cell.get("path")
    if isinstance(cell, bytes):
        return cell
    return (root / Path(str(cell).strip()).expanduser()) if cell and str(cell).strip() else None


def _present(items: Sequence[Item | None], names: list[str], *, title: str) -> tuple[list[int], list[str]]:
    """Rows whose picture is there, and a note on those left out."""
    missing: list[tuple[str, str]] = []
    kept = []
    for row, item in enumerate(items):
        if item is None:
            missing.append((f"row {row + 1}", "empty"))
        elif isinstance(item, Path) and not item.is_file():
            address = "://" in str(item) or ":/" in names[row][2:]
            missing.append((names[row], "an address; only files are read" if address else "no such file"))
        else:
            kept.append(row)
    if missing:
        check_broken(missing, total=len(items), title=title)
        return kept, [
            f"{len(missing)} of {len(items)} pictures are missing and were left out: {named(missing)}."
        ]
    return kept, []
