"""Captions and names of stamps, and which pictures show one and the same thing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_VARIANT = re.compile(r"(?:[-_ ]*(?:mirror|flip|photo|outline|left|right|\d+[a-z]?)|[-_ ][a-z])+$")
_CLAUSE = {
    "above", "and", "at", "below", "covered", "from", "in", "is", "left", "on", "or", "over", "right", "that",
    "this", "to", "under", "used", "with", "your",
}  # fmt: skip


def caption_of(picture: Path) -> str:
    """First line of the text beside a picture; a mirrored picture has that of its original.

    The other lines are translations, ``language.utf8=text``.
    """
    stem = re.sub(r"_(?:mirror|flip)$", "", picture.stem)
    for name in dict.fromkeys((picture.stem, stem)):
        text = picture.with_name(f"{name}.txt")
        if text.is_file():
            first = text.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
            return "" if re.match(r"\w+\.utf8=", first) else first
    return ""


def noun_of(caption: str) -> str:
    """The name in a caption that is no more than a name of one to three words, else "".

    >>> noun_of("A great blue heron."), noun_of("Boom!!!"), noun_of("A boxcar is used to carry livestock.")
    ('great blue heron', '', '')
    """
    match = re.fullmatch(r"[Aa]n? ([A-Za-z][A-Za-z ’'-]*)[.!]?", caption)
    words = match[1].lower().split() if match else []
    return " ".join(words) if 1 <= len(words) <= 3 and not _CLAUSE & set(words) else ""


def groups_of(files: Sequence[str], captions: Sequence[str], pixels: Sequence[bytes]) -> NDArray[np.int64]:
    """One number per picture, the same for pictures that share a bare file name, a caption or all pixels.

    The bare name has no folder, ending, number, single letter, "mirror", "flip", "left" and the like. The
    number is a hash of the group's first file name, so it does not depend on what else is in the folder.
    """
    parent = list(range(len(files)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    seen: dict[tuple[str, object], int] = {}
    for row, (file, caption, picture) in enumerate(zip(files, captions, pixels, strict=True)):
        marks = [("name", bare_name(file)), ("pixels", hashlib.sha256(picture).digest())]
        if caption:
            marks.append(("caption", caption.lower()))
        for mark in marks:
            parent[root(row)] = root(seen.setdefault(mark, row))
    first: dict[int, str] = {}
    for row in range(len(files)):
        top = root(row)
        first[top] = min(first.get(top, files[row]), files[row])
    hashes = {
        top: int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") for top, name in first.items()
    }
    return np.array([hashes[root(row)] for row in range(len(files))], np.int64)


def bare_name(file: str) -> str:
    """A file's name without folder, ending and mark of a variant.

    >>> bare_name("a/bradley_mirror.png"), bare_name("b/Strawberry2.png"), bare_name("c/grave-a.png")
    ('bradley', 'strawberry', 'grave')
    """
    stem = Path(file).stem.lower()
    return _VARIANT.sub("", stem) or stem
