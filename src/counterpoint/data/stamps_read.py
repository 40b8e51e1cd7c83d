"""Pictures with alpha from category folders, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpoint.core.errors import CounterpointError
from counterpoint.data.debian import PACKAGES
from counterpoint.data.stamps_names import caption_of, groups_of, noun_of

PACKAGE = "tuxpaint-stamps-default"
LEFT_OUT = ("symbols",)


@dataclass(frozen=True)
class Cutouts:
    """Photographs with alpha, each trimmed to what is seen and centred in a square.

    Attributes
    ----------
    rgba : ndarray
        ``(n, 4, size, size)`` uint8, colour not multiplied by alpha.
    captions : list of str
        First English line of the text beside each picture; may be empty.
    names : list of str
        The thing's name where the caption is nothing else ("An owl." -> "owl"), else "".
    labels : ndarray
        ``(n,)`` int64 top folders, as places in ``class_names``.
    class_names : list of str
        The top folders in order.
    files : list of str
        Path of each picture below the folder of stamps.
    groups : ndarray
        ``(n,)`` int64; pictures of one thing (mirrored, numbered, same caption, same pixels) share a number.
    licence, home : str
        Terms of use, and where they come from.
    notes : list of str
        What was left out.
    """

    rgba: NDArray[np.uint8]
    captions: list[str]
    names: list[str]
    labels: NDArray[np.int64]
    class_names: list[str]
    files: list[str]
    groups: NDArray[np.int64]
    licence: str = PACKAGES[PACKAGE].licence
    home: str = PACKAGES[PACKAGE].home
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.files)

    def subset(self, rows: Sequence[int] | NDArray[np.int64]) -> Cutouts:
        """The cut-outs ``rows``, in that order."""
        rows = np.asarray(rows, np.int64)
        return replace(
            self,
            rgba=self.rgba[rows],
            labels=self.labels[rows],
            groups=self.groups[rows],
            captions=[self.captions[row] for row in rows],
            names=[self.names[row] for row in rows],
            files=[self.files[row] for row in rows],
        )

    def only_named(self) -> Cutouts:
        """Those with a name; where a group has several names only those with its first.

        Two names for one thing ("headstone", "tombstone") would make false captions true.
        """
        first: dict[int, str] = {}
        for group, name in zip(self.groups.tolist(), self.names, strict=True):
            if name:
                first.setdefault(group, name)
        rows = [row for row, name in enumerate(self.names) if name and first[int(self.groups[row])] == name]
        return self.subset(rows)


def read_cutouts(folder: Path, size: int) -> Cutouts:
    """Every picture below the category folders of ``folder``, in order of their paths."""
    paths = [
        path for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in (".png", ".jpg", ".svg") and len(path.relative_to(folder).parts) > 1
        and path.relative_to(folder).parts[0] not in LEFT_OUT
    ]  # fmt: skip
    drawings = sum(path.suffix.lower() == ".svg" for path in paths)
    read = [(path, _cut_out(path, size)) for path in paths if path.suffix.lower() != ".svg"]
    kept = [(path, picture) for path, picture in read if picture is not None]
    if not kept:
        raise CounterpointError(
            f"{folder} holds no picture that Pillow reads.", "Category folders with PNG files were expected."
        )
    files = [path.relative_to(folder).as_posix() for path, _ in kept]
    tops = [name.split("/")[0] for name in files]
    class_names = sorted(set(tops))
    captions = [caption_of(path) for path, _ in kept]
    rgba = np.stack([picture for _, picture in kept])
    return Cutouts(
        rgba=rgba,
        captions=captions,
        names=[noun_of(caption) for caption in captions],
        labels=np.array([class_names.index(top) for top in tops], np.int64),
        class_names=class_names,
        files=files,
        groups=groups_of(files, captions, [picture.tobytes() for picture in rgba]),
        notes=[f"{drawings} SVG drawings and {len(read) - len(kept)} unreadable pictures left out"],
    )


def _cut_out(path: Path, size: int) -> NDArray[np.uint8] | None:
    """One picture trimmed to its visible part, centred in a square; None when Pillow cannot read it."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    box = picture.getchannel("A").point(lambda value: 255 if value > 8 else 0).getbbox()
    if box is None:
        return None
    picture = picture.crop(box)
    scale = size / max(picture.size)
    shape = tuple(max(1, round(side * scale)) for side in picture.size)
    small = picture.resize((shape[0], shape[1]), Image.Resampling.LANCZOS, reducing_gap=3.0)
    square = Image.new("RGBA", (size, size))
    square.paste(small, ((size - shape[0]) // 2, (size - shape[1]) // 2))
    return np.asarray(square).transpose(2, 0, 1).copy()
