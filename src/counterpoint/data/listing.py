"""Rows of a user's data before a pixel is read: picture files, labels, captions, splits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.decode import MEMORY, Files, Item, common_channels, read_pictures
from counterpoint.data.pictures import check_resize
from counterpoint.data.source import ImageSource
from counterpoint.data.splits import TEST_SHARE, base_split, cut_rows, partition

_log = logging.getLogger(__name__)
FEWEST = 4
_SPLIT_NAMES = {"test": ("test", "testing"), "validation": ("validation", "valid", "val", "dev")}


@dataclass(frozen=True)
class Request:
    """What part of the data is wanted, and in which form.

    Attributes
    ----------
    split : str
        ``"train"``, ``"test"``, ``"fit"`` or ``"validation"``.
    size : int
        Side of the pictures.
    limit : int or None
        Most pictures of the split.
    seed : int
        Of held-out parts and of the choice by ``limit``.
    channels : int
        1, 3, or 0 for what most pictures have.
    resize : str
        ``"crop"`` or ``"squash"``.
    memory : int
        Bytes up to which pictures are decoded at once.
    """

    split: str
    size: int = 64
    limit: int | None = None
    seed: int = 0
    channels: int = 0
    resize: str = "crop"
    memory: int = MEMORY

    def __post_init__(self) -> None:
        check_resize(self.resize)
        if self.channels not in (0, 1, 3):
            raise CounterpointError(
                f"Pictures of {self.channels} channels.",
                "1, 3, or 0 (found out) was expected.",
                "--data.channels 3",
            )


@dataclass
class Listing:
    """The rows of one data set, in an order that does not change from one reading to the next.

    Attributes
    ----------
    name : str
        What the data are called.
    title : str
        How messages refer to them: mostly the path.
    items : list
        The picture files.
    files : list of str
        Their names.
    labels : list of (str or None) or None
        Class of each; ``None`` where unknown.
    captions : list of str or None
        Text of each.
    splits : list of str or None
        ``"train"``, ``"test"`` or ``"validation"`` for each; ``None`` when the data are not split. With
        pictures to test on, those for validation rest; without, they are tested on.
    class_names : list of str
        Order of the classes; sorted by name (or number) when empty.
    notes : list of str
        What the reader left out or assumed.
    """

    name: str
    title: str
    items: list[Item]
    files: list[str]
    labels: list[str | None] | None = None
    captions: list[str] | None = None
    splits: list[str] | None = None
    class_names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def source(self, request: Request) -> ImageSource:
        """Choose the rows of the split, decode them, and leave out what cannot be read (within a tenth)."""
        classes, codes = self._classes()
        train, test, notes = self._stored(request.seed, codes)
        base = test if base_split(request.split) == "test" else train
        rows = base[
            cut_rows(
                len(base),
                request.split,
                seed=request.seed,
                limit=request.limit,
                labels=None if codes is None else codes[base],
            )
        ]
        channels = request.channels or common_channels([self.items[row] for row in train])
        files = Files(
            [self.items[row] for row in rows],
            [self.files[row] for row in rows],
            request.size,
            channels,
            request.resize,
        )
        images, kept, left_out = read_pictures(files, title=self.title, memory=request.memory)
        rows = rows[kept]
        notes = [*self.notes, *notes, *left_out]
        for note in notes:
            _say_once(f"{self.name}: {note}")
        return ImageSource(
            name=self.name,
            split=request.split,
            images=images,
            labels=None if codes is None else codes[rows],
            class_names=classes,
            captions=None if self.captions is None else [self.captions[row] for row in rows],
            factors={"file": np.array([self.files[row] for row in rows], dtype=object)},
            notes=notes,
            licence="the user's own data",
            home=self.title,
        )

    def _classes(self) -> tuple[list[str], np.ndarray | None]:
        found = {label for label in self.labels or () if label is not None}
        names = self.class_names or sorted(found, key=_by_number if all(map(_is_number, found)) else None)
        if not found:
            return [], None
        code = {name: number for number, name in enumerate(names)}
        return list(names), np.array([-1 if label is None else code[label] for label in self.labels or ()])

    def _stored(self, seed: int, codes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Positions of the train and the test split, and a note when the test part was held out here."""
        count = len(self.items)
        if count < 2:
            raise CounterpointError(
                f"{self.title} holds {count or 'no'} picture{'s' * (count != 1)}.",
                "Contrast needs several: hundreds, better thousands.",
                "--data.source scenes",
            )
        parts = np.array([which_split(split) for split in self.splits or ["train"] * count])
        train, test = np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test")
        spare = np.flatnonzero(parts == "validation")
        if len(train) and len(test):
            return (
                train,
                test,
                [f"{len(spare):,} pictures marked validation are not used."] * bool(len(spare)),
            )
        if len(train) and len(spare):
            return train, spare, ["pictures marked validation are the test split."]
        if count < FEWEST:
            raise CounterpointError(
                f"{self.title} holds {count} pictures and no test part.",
                f"{FEWEST} or more are needed to hold some out.",
                "--data.source scenes",
            )
        train, test = partition(count, share=max(TEST_SHARE, 2 / count), seed=seed, labels=codes)
        note = (
            f"no test part in {self.title}: {len(test):,} of {count:,} pictures "
            f"({len(test) / count:.0%}) are held out for testing, seed {seed}."
        )
        return train, test, [note]


def which_split(name: str) -> str:
    """``"test"``, ``"validation"`` (val, valid, dev), or for any other name ``"train"``.

    >>> which_split("Valid"), which_split("training")
    ('validation', 'train')
    """
    key = name.strip().lower()
    return next((split for split, names in _SPLIT_NAMES.items() if key in names), "train")


def label_texts(values: Sequence[object]) -> list[str | None]:
    """Class names from a column: text as it is, whole numbers without a point, nothing for empty cells.

    >>> label_texts(["cat", 3, 2.0, "", None, float("nan")])
    ['cat', '3', '2', None, None, None]
    """
    return [_label_text(value) for value in values]


def _label_text(value: object) -> str | None:
    if value is None or value != value or str(value).strip() == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal()


def _by_number(text: str) -> int:
    return int(text)


@cache
def _say_once(note: str) -> None:
    _log.warning("%s", note)
