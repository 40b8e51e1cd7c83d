"""Hugging Face data sets: one that was saved to disk, or, with consent, one fetched by name."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from counterpoint.core.errors import CounterpointError, missing_extra, unknown
from counterpoint.core.files import cache_folder
from counterpoint.data.listing import Listing, label_texts, which_split
from counterpoint.data.table import find_column

PREFIX = "hub:"


@dataclass(frozen=True)
class Cell:
    """The picture file in one row, fetched from the Arrow table when asked for."""

    rows: Any
    column: str
    row: int

    def __call__(self) -> BinaryIO:
        cell = self.rows[self.row][self.column]
        return io.BytesIO(cell["bytes"]) if cell["bytes"] else Path(cell["path"]).open("rb")


def is_saved(path: Path) -> bool:
    """Whether ``save_to_disk`` of the ``datasets`` library wrote this folder."""
    return (path / "dataset_dict.json").is_file() or (
        (path / "state.json").is_file() and (path / "dataset_info.json").is_file()
    )


def hub(
    place: str | Path,
    *,
    download: bool = False,
    image_column: str = "",
    caption_column: str = "",
    label_column: str = "",
) -> Listing:
    """List the rows of a Hugging Face data set; pictures stay undecoded.

    Parameters
    ----------
    place : str or Path
        A folder that ``save_to_disk`` wrote, or ``hub:OWNER/NAME``.
    download : bool
        Whether a named set may be fetched. Code that comes with a data set is never run.
    image_column, caption_column, label_column : str
        Names of columns; found by type (pictures, class labels) and usual names when empty.

    Raises
    ------
    CounterpointError
        Without the ``datasets`` library, without consent, or without a column of pictures.
    """
    name = str(place).removeprefix(PREFIX)
    parts = _open(name, fetch=str(place).startswith(PREFIX), download=download)
    given = {"image": image_column, "caption": caption_column, "label": label_column}
    listing = Listing(name=Path(name).name, title=name, items=[], files=[], splits=[])
    for split, rows in parts.items():
        _append(listing, rows, split=split, given=given)
    if len({which_split(split) for split in parts}) == 1:
        listing.splits = None
    return listing


def _append(listing: Listing, rows: Any, *, split: str, given: dict[str, str]) -> None:
    columns = _columns(rows, given, title=listing.title)
    rows = _undecoded(rows, columns["image"])
    listing.items += [Cell(rows, columns["image"], row) for row in range(len(rows))]
    listing.files += [f"{listing.title} {split} row {row}" for row in range(len(rows))]
    listing.splits = [*(listing.splits or ()), *[split] * len(rows)]
    if columns["caption"]:
        listing.captions = [*(listing.captions or ()), *map(str, rows[columns["caption"]])]
    if columns["label"]:
        feature = rows.features[columns["label"]]
        names = list(getattr(feature, "names", None) or [])
        values = list(rows[columns["label"]])
        texts = (
            [names[value] if value is not None and value >= 0 else None for value in values]
            if names
            else (label_texts(values))
        )
        listing.labels = [*(listing.labels or ()), *texts]
        listing.class_names = names


def _columns(rows: Any, given: dict[str, str], *, title: str) -> dict[str, str]:
    """Names of the picture, caption and label columns: given, by type, or by their usual names."""
    features = dict(rows.features)
    kinds = {name: type(feature).__name__ for name, feature in features.items()}
    for kind, name in given.items():
        if name and name not in features:
            raise unknown(f"column of {title}", name, features, f"--data.{kind}_column NAME")
    image = given["image"] or next((name for name, kind in kinds.items() if kind == "Image"), "")
    if kinds.get(image) != "Image":
        raise CounterpointError(
            f"{title} has the columns {', '.join(f'{n} ({k})' for n, k in kinds.items())}.",
            "One of type Image was expected.",
            "--data.image_column NAME",
        )
    label = given["label"] or next((name for name, kind in kinds.items() if kind == "ClassLabel"), "")
    texts = [name for name, feature in features.items() if getattr(feature, "dtype", "") == "string"]
    return {
        "image": image,
        "label": label or find_column("label", "", columns=list(features), title=title),
        "caption": given["caption"] or find_column("caption", "", columns=texts, title=title),
    }


def _undecoded(rows: Any, column: str) -> Any:
    from datasets import Image

    return rows.cast_column(column, Image(decode=False))


def _open(name: str, *, fetch: bool, download: bool) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise missing_extra(f"Reading {name}", "the datasets library", "hub") from error
    if fetch and not download:
        raise CounterpointError(
            f"{name} is on the Hugging Face Hub, and nothing is fetched without consent.",
            "Its page there says how large it is and on which terms it may be used.",
            "--data.download true",
        )
    try:
        found = (
            datasets.load_dataset(name, cache_dir=str(cache_folder() / "hub"))
            if fetch
            else datasets.load_from_disk(name)
        )
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CounterpointError(
            f"{name} could not be opened: {reason}",
            "A data set that the datasets library reads was expected.",
        ) from error
    return dict(found) if hasattr(found, "keys") else {"train": found}
