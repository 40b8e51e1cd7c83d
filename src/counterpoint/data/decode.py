"""Picture files to arrays: any mode and orientation, all at once into one array, or when asked for."""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.pictures import plain
from counterpoint.data.pixels import Pixels

Item = Path | bytes | Callable[[], BinaryIO]
"""Where one picture file is: a path, its bytes, or something that opens it."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MEMORY = 2 * 2**30
"""Pictures that take up to this many bytes are decoded at once and kept."""
MAX_BROKEN = 0.1
"""Largest share of pictures that may be unreadable and left out."""
PROBED = 64
_COLOUR = ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBa")
_log = logging.getLogger(__name__)


def open_item(item: Item) -> BinaryIO:
    """The picture file as a binary stream."""
    if isinstance(item, bytes):
        return io.BytesIO(item)
    return item.open("rb") if isinstance(item, Path) else item()


def decode(item: Item, *, size: int, channels: int, resize: str = "crop") -> np.ndarray:
    """One picture, upright, in ``channels`` and square.

    The Exif orientation is applied. Transparency is laid over white; palettes, CMYK and other colour spaces
    become RGB; 16-bit grey is divided by 257, float grey has to lie in 0..1. Of an animation or a stack the
    first frame counts. Pillow's guard against decompression bombs stays on.

    Parameters
    ----------
    item : Path, bytes or callable
        The file.
    size : int
        Side of the result.
    channels : int
        1 or 3.
    resize : str
        ``"crop"``: the central square is scaled; ``"squash"``: the whole picture is. Bicubic, antialiased.

    Returns
    -------
    numpy.ndarray
        ``(channels, size, size)`` uint8.

    Raises
    ------
    Exception
        Whatever Pillow raises for a damaged file.
    """
    from PIL import Image, ImageOps

    with open_item(item) as stream, Image.open(stream) as opened:
        if opened.format == "JPEG":
            opened.draft(None, (2 * size, 2 * size))
        opened.load()
        image: Image.Image = opened
        with suppress(Exception):  # a damaged orientation tag is no reason to lose the picture
            image = ImageOps.exif_transpose(opened)
        image = plain(image, "L" if channels == 1 else "RGB")
        width, height = image.size
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side) if resize == "crop" else (0, 0, width, height)
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
    return np.ascontiguousarray(pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))


def common_channels(items: Sequence[Item]) -> int:
    """3 when most of an even sample of the pictures are in colour, else 1; only their heads are read."""
    chosen = np.unique(np.linspace(0, len(items) - 1, PROBED).astype(int))
    modes = [_mode(items[row]) for row in chosen]
    known = [mode for mode in modes if mode]
    return 3 if not known or 2 * sum(mode in _COLOUR for mode in known) >= len(known) else 1


@dataclass(frozen=True)
class Files(Pixels):
    """Pictures decoded when asked for. One that fails then is grey, and named once in the log."""

    items: Sequence[Item]
    names: Sequence[str]
    size: int
    channels: int
    resize: str = "crop"
    failed: set[int] = field(default_factory=set, compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, channels, size, size)``."""
        return (len(self.items), self.channels, self.size, self.size)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        rows = np.asarray(indices)
        made = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for place, reason in self.fill(made, rows):
            made[place] = 128
            row = int(rows[place])
            if row not in self.failed:
                self.failed.add(row)
                _log.warning("%s cannot be read (%s); grey takes its place.", self.names[row], reason)
        return made

    def fill(self, made: np.ndarray, rows: np.ndarray) -> list[tuple[int, str]]:
        """Decode ``rows`` into ``made``; the places that failed and why."""

        def one(place: int) -> str:
            try:
                made[place] = decode(
                    self.items[int(rows[place])], size=self.size, channels=self.channels, resize=self.resize
                )
            except Exception as error:
                return _reason(error)
            return ""

        return _failures(one, len(rows))


def read_pictures(
    files: Files, *, title: str, memory: int = MEMORY
) -> tuple[np.ndarray | Pixels, np.ndarray, list[str]]:
    """Decode everything if it fits into ``memory`` bytes, else check that every file opens.

    Returns
    -------
    images : numpy.ndarray or Pixels
        The readable pictures.
    kept : numpy.ndarray
        Their positions in ``files``.
    notes : list of str
        How many were left out, and which; empty when all could be read.

    Raises
    ------
    CounterpointError
        When more than a tenth, or all but one, cannot be read.
    """
    rows = np.arange(len(files))
    if int(np.prod(files.shape)) <= memory:
        images = np.empty(files.shape, np.uint8)
        broken = files.fill(images, rows)
        kept = np.delete(rows, [place for place, _ in broken])
        check_broken([(files.names[place], why) for place, why in broken], total=len(rows), title=title)
        return (images if not broken else images[kept]), kept, _notes(files, broken)
    broken = _failures(lambda place: "" if _mode(files.items[place]) else "no picture", len(rows))
    check_broken([(files.names[place], why) for place, why in broken], total=len(rows), title=title)
    kept = np.delete(rows, [place for place, _ in broken])
    remaining = Files(
        [files.items[row] for row in kept.tolist()],
        [files.names[row] for row in kept.tolist()],
        files.size,
        files.channels,
        files.resize,
    )
    return remaining, kept, _notes(files, broken)


def check_broken(broken: Sequence[tuple[str, str]], *, total: int, title: str) -> None:
    """An error when over a tenth of ``total``, or all but one, are among the ``(name, reason)`` broken."""
    if total - len(broken) < 2 or len(broken) > MAX_BROKEN * total:
        raise CounterpointError(
            f"{len(broken)} of {total} pictures of {title} cannot be read: {named(broken)}.",
            f"At most {MAX_BROKEN:.0%} may be left out, and two must remain.",
            "mend or remove these files",
        )


def named(broken: Sequence[tuple[str, str]], *, most: int = 5) -> str:
    """The first few broken files with their reasons, for a message.

    >>> named([("a.png", "cut off"), ("b.png", "empty")], most=1)
    'a.png (cut off), and 1 more'
    """
    first = ", ".join(f"{name} ({why})" for name, why in broken[:most])
    return first + (f", and {len(broken) - most} more" if len(broken) > most else "")


def _notes(files: Files, broken: Sequence[tuple[int, str]]) -> list[str]:
    if not broken:
        return []
    listed = named([(files.names[place], why) for place, why in broken])
    return [f"{len(broken)} of {len(files)} pictures cannot be read and were left out: {listed}."]


def _failures(one: Callable[[int], str], count: int) -> list[tuple[int, str]]:
    """Run ``one`` on every place in threads; the places for which it gave a reason."""
    threads = (
        1
        if multiprocessing.parent_process()
        else min(
            16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
    )
    with ThreadPoolExecutor(threads) as pool:
        return [(place, why) for place, why in enumerate(pool.map(one, range(count))) if why]


def _mode(item: Item) -> str:
    """The mode in the picture's head, or ``""`` when it has none that can be read."""
    from PIL import Image

    try:
        with open_item(item) as stream, Image.open(stream) as image:
            return image.mode
    except Exception:
        return ""


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "not a picture" if "cannot identify image file" in text else text[:100]
