"""A user's folder of pictures: a subfolder for each class, train and test subfolders, or no order at all."""

from __future__ import annotations

import os
from collections import Counter
from itertools import islice
from pathlib import Path

from counterpoint.core.errors import CounterpointError
from counterpoint.data.decode import SUFFIXES
from counterpoint.data.listing import Listing

TRAIN, TEST = ("train", "training"), ("test", "testing", "val", "valid", "validation")
SKIPPED = ("__MACOSX", "@eaDir")


def folder(path: Path) -> Listing:
    """List the pictures below ``path``; nothing is decoded.

    ``path/CLASS/...`` gives classes; ``path/train/CLASS/...`` with ``path/test/...`` (or ``val``) gives
    splits as well; anything else is a set without labels. Hidden files and folders are passed over, and each
    real folder is visited once whatever links lead to it.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    CounterpointError
        When it cannot be read, or holds no pictures.
    """
    children = _folders(path)
    train = next((children[name] for name in TRAIN if name in children), None)
    tests = [children[name] for name in TEST if name in children]
    if train is None or not (tests or set(children) <= set(TRAIN)):  # "train" may be a class beside "bus"
        return _listing(path, [("train", path)], notes=[])
    labelled = bool(_folders(train))
    fitting = [place for place in tests if not labelled or _folders(place)]
    parts = [("train", train), *(("test", place) for place in fitting[:1])]
    used = [place for _, place in parts]
    notes = [f"{place.name}/ is not used." for place in children.values() if place not in used]
    return _listing(path, parts, notes=notes)


def pictures_below(place: Path) -> list[Path]:
    """Every picture file below ``place``, sorted; hidden ones left out, each real folder visited once."""
    found: list[Path] = []
    waiting, seen = [place], set()
    while waiting:
        here = waiting.pop()
        real = os.path.realpath(here)
        if real in seen:
            continue
        seen.add(real)
        for entry in _entries(here):
            if entry.is_dir():
                waiting.append(Path(entry.path))
            elif entry.name.lower().endswith(SUFFIXES) and entry.is_file():
                found.append(Path(entry.path))
    return sorted(found)


def _listing(root: Path, parts: list[tuple[str, Path]], *, notes: list[str]) -> Listing:
    files: list[Path] = []
    labels: list[str | None] = []
    splits: list[str] = []
    for split, place in parts:
        found = pictures_below(place)
        classes = {name.parts[0] for file in found if len((name := file.relative_to(place)).parts) > 1}
        loose = sum(file.parent == place for file in found)
        if loose and len(classes) > 1:
            notes.append(
                f"{loose} pictures lie directly in {place.name}/, outside its class folders: no label."
            )
        files += found
        splits += [split] * len(found)
        labels += [
            file.relative_to(place).parts[0] if len(classes) > 1 and file.parent != place else None
            for file in found
        ]
    if not files:
        raise CounterpointError(
            f"{root} holds no pictures{_other_files(root)}.",
            f"Files that end in {', '.join(SUFFIXES)} were expected.",
            "--data.source FOLDER_WITH_PICTURES",
        )
    return Listing(
        name=root.resolve().name,
        title=str(root),
        items=[*files],
        files=[str(file) for file in files],
        labels=labels if any(labels) else None,
        splits=splits if len(parts) > 1 else None,
        notes=notes,
    )


def _folders(place: Path) -> dict[str, Path]:
    return {entry.name.lower(): Path(entry.path) for entry in _entries(place) if entry.is_dir()}


def _entries(place: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            found = [
                entry for entry in entries if not entry.name.startswith(".") and entry.name not in SKIPPED
            ]
    except OSError as error:
        raise CounterpointError(
            f"{place} cannot be read: {error.strerror or error}.",
            "A folder with pictures was expected.",
            "--data.source FOLDER",
        ) from error
    return sorted(found, key=lambda entry: entry.name)


def _other_files(root: Path) -> str:
    endings = Counter(
        path.suffix.lower() or "no ending" for path in islice(root.rglob("*"), 10_000) if path.is_file()
    )
    if not endings:
        return " and no other files"
    return ", but " + ", ".join(f"{count} {ending}" for ending, count in endings.most_common(4))
