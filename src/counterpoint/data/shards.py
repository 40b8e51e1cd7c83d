"""WebDataset shards: tar files in which one sample is the members that share a name up to the first dot.

Members are read in memory, never extracted; links and devices are passed over.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from counterpoint.core.errors import CounterpointError
from counterpoint.data.decode import SUFFIXES, Item
from counterpoint.data.listing import Listing, label_texts, which_split

TAR = (".tar", ".tar.gz", ".tgz")
LARGEST_TEXT = 1 << 20
CAPTION_KEYS, LABEL_KEYS = ("caption", "text", "title"), ("label", "class", "category", "cls")


@dataclass(frozen=True)
class Slice:
    """Bytes of a member inside an uncompressed tar file, read when asked for."""

    path: Path
    offset: int
    length: int

    def __call__(self) -> BinaryIO:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return io.BytesIO(file.read(self.length))


def shards(place: str) -> Listing:
    """List the samples in tar shards; pictures stay undecoded.

    Of a sample, a picture (``.jpg``, ``.png`` ...), ``.cls`` (class), ``.txt`` (caption) and ``.json`` (an
    object with caption, text, label or class) are read. Shards with test or val in their name are that split.

    Parameters
    ----------
    place : str
        One tar file, a folder of them, or a pattern such as ``shards/train-{0000..0009}.tar`` or ``*.tar``.

    Raises
    ------
    CounterpointError
        When no shard is there, one is damaged, or none holds a picture.
    """
    samples: list[dict[str, Any]] = []
    paths = find_shards(place)
    for path in paths:
        samples += _samples(path)
    samples = [sample for sample in samples if "item" in sample]
    if not samples:
        raise CounterpointError(
            f"{place} holds no pictures in {len(paths)} shards.",
            "Members such as 000001.jpg with 000001.cls or 000001.txt were expected.",
        )
    labels = label_texts([sample.get("label") for sample in samples])
    splits = [str(sample["split"]) for sample in samples]
    return Listing(
        name=Path(place).name.split(".")[0] or "shards",
        title=place,
        items=[sample["item"] for sample in samples],
        files=[str(sample["file"]) for sample in samples],
        labels=labels if any(labels) else None,
        captions=[str(sample.get("caption", "")) for sample in samples]
        if any("caption" in sample for sample in samples)
        else None,
        splits=splits if len(set(splits)) > 1 else None,
    )


def find_shards(place: str) -> list[Path]:
    """The tar files that a path, a folder or a pattern with ``{a..b}`` or ``*`` names, sorted."""
    path = Path(place).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in path.iterdir() if file.name.endswith(TAR) and not file.name.startswith(".")]
    else:
        patterns = _braces(str(path))
        found = [file for pattern in patterns for file in Path(pattern).parent.glob(Path(pattern).name)]
        if len(patterns) > 1 and len(found) < len(patterns):
            raise CounterpointError(
                f"{place} names {len(patterns)} shards, of which {len(found)} are there.",
                "All of them were expected.",
            )
    if not found:
        raise CounterpointError(
            f"No shards at {place}.",
            f"Files that end in {', '.join(TAR)} were expected.",
            "--data.source 'FOLDER/*.tar'",
        )
    return sorted(found)


def _braces(pattern: str) -> list[str]:
    match = re.search(r"\{(\d+)\.\.(\d+)\}", pattern)
    if not match:
        return [pattern]
    first, last = match.groups()
    numbers = range(int(first), min(int(last), int(first) + 99_999) + 1)
    return [
        made
        for number in numbers
        for made in _braces(f"{pattern[: match.start()]}{number:0{len(first)}d}{pattern[match.end() :]}")
    ]


def _samples(path: Path) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    words = [which_split(word) for word in re.split(r"[^a-z]+", path.name.lower())]
    split = next((word for word in words if word != "train"), "train")
    try:
        with tarfile.open(path) as archive:
            plain = _is_plain(path)
            for member in archive:
                name = PurePosixPath(member.name)
                if not member.isreg() or name.name.startswith("."):
                    continue
                stem, _, ending = name.name.partition(".")
                sample = found.setdefault(str(name.parent / stem), {"split": split})
                _add(sample, archive, member, f".{ending.lower()}", path if plain else None)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise CounterpointError(
            f"{path} could not be read: {error}.", "A whole tar file was expected."
        ) from error
    for key, sample in found.items():
        sample["file"] = f"{path}:{key}"
    return list(found.values())


def _add(
    sample: dict[str, Any], archive: tarfile.TarFile, member: tarfile.TarInfo, ending: str, plain: Path | None
) -> None:
    if ending.endswith(SUFFIXES):
        if "item" not in sample:
            item: Item = Slice(plain, member.offset_data, member.size) if plain else _content(archive, member)
            sample["item"] = item
    elif ending in (".cls", ".txt", ".json") and member.size <= LARGEST_TEXT:
        text = _content(archive, member).decode("utf-8", errors="replace").strip()
        if ending == ".json":
            _add_json(sample, text, member.name)
        else:
            sample["label" if ending == ".cls" else "caption"] = text


def _add_json(sample: dict[str, Any], text: str, name: str) -> None:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise CounterpointError(f"{name} holds no JSON: {error}.", "A JSON object was expected.") from error
    for kind, keys in (("caption", CAPTION_KEYS), ("label", LABEL_KEYS)):
        key = next((key for key in keys if isinstance(values, dict) and values.get(key) is not None), "")
        if key:
            sample.setdefault(kind, values[key])


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


def _is_plain(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) != b"\x1f\x8b" and path.suffix == ".tar"
