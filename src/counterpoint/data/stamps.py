"""About 550 photographs of single things, cut out, with English captions: the stamps of Tux Paint.

Size: 549 pictures in colour, 64 px unless asked; 433 for training, 116 for testing, 15 classes

The folders give the classes, the first line of each text file the caption. Symbols are left out, and so are
the drawings in SVG, which Pillow does not read.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.debian import package_folder
from counterpoint.data.scenes_random import uniform
from counterpoint.data.source import ImageSource
from counterpoint.data.stamps_read import PACKAGE, Cutouts, read_cutouts

INNER = "usr/share/tuxpaint/stamps"
SPLITS = ("train", "test", "fit", "validation")
BACKGROUNDS = ("white", "grey", "random")


def stamps(
    *,
    split: str = "train",
    size: int = 64,
    background: str = "white",
    folder: str | Path | None = None,
    download: bool = False,
) -> ImageSource:
    """Stamps on a plain ground, labelled by their top folder (animals, food, vehicles ...).

    Parameters
    ----------
    split : str
        ``"train"`` or ``"test"`` (one fifth); ``"fit"`` and ``"validation"`` (one sixth) are parts of train;
        every class is in each in proportion.
        Pictures of one thing stay on one side.
    size : int
        Side in pixels.
    background : str
        ``"white"``, ``"grey"``, or ``"random"``: one colour per picture, always the same.
    folder : path, optional
        A folder of category folders with pictures and text files; by default the package's.
    download : bool
        Consent to fetch 161 MB (see :mod:`counterpoint.data.debian`).

    Returns
    -------
    ImageSource
        With captions, and ``factors``: group, alpha (the exact outline, ``(n, size, size)`` uint8).

    Raises
    ------
    CounterpointError
        For an unknown split or background, or when the stamps are absent.
    """
    if background not in BACKGROUNDS:
        raise unknown("background", background, BACKGROUNDS, 'background="white"')
    chosen = cutouts(size=size, split=split, folder=folder, download=download)
    ground = {"white": np.full((1, 3), 1.0), "grey": np.full((1, 3), 0.5)}.get(background)
    if ground is None:
        drawn = [uniform(_number(name), 0, np.zeros(1, np.int64), 3) for name in chosen.files]
        ground = 0.2 + 0.65 * np.concatenate(drawn)
    alpha = chosen.rgba[:, 3:].astype(np.float32) / 255
    pixels = chosen.rgba[:, :3] * alpha + 255 * ground.astype(np.float32)[:, :, None, None] * (1 - alpha)
    return ImageSource(
        name="stamps",
        split=split,
        images=np.round(pixels).astype(np.uint8),
        labels=chosen.labels,
        class_names=chosen.class_names,
        captions=chosen.captions,
        masks=(chosen.rgba[:, 3] >= 128).astype(np.uint8),
        factors={"group": chosen.groups, "alpha": chosen.rgba[:, 3]},
        licence=chosen.licence,
        home=chosen.home,
        notes=chosen.notes,
    )


def cutouts(
    *,
    size: int = 64,
    split: str | None = None,
    folder: str | Path | None = None,
    named: bool = False,
    download: bool = False,
) -> Cutouts:
    """The stamps with their alpha, for scenes or for pasting onto pictures of your own.

    Parameters
    ----------
    size : int
        Side of the square in pixels, 8 to 512.
    split : str, optional
        As in :func:`stamps`; by default all.
    folder, download
        As in :func:`stamps`.
    named : bool
        Only those that :meth:`Cutouts.only_named` keeps.
    """
    if split is not None and split not in SPLITS:
        raise unknown("split of stamps", split, SPLITS, 'split="train"')
    if not 8 <= size <= 512:
        raise CounterpointError(f"size={size}.", "A side of 8 to 512 pixels was expected.", "size=64")
    chosen = read_cutouts(_home(folder, download=download), size)
    if split is not None:
        wanted = ("fit", "validation") if split == "train" else (split,)
        chosen = chosen.subset(np.flatnonzero(np.isin(_sides(chosen), wanted)))
    return chosen.only_named() if named else chosen


def _home(folder: str | Path | None, *, download: bool) -> Path:
    if folder is None:
        return package_folder(PACKAGE, INNER, download=download, keep=(".png", ".jpg", ".txt", ".svg"))
    if not Path(folder).is_dir():
        raise CounterpointError(
            f"{folder} is not a folder.", "A folder of category folders with pictures was expected.",
            "counterpoint data fetch stamps",
        )  # fmt: skip
    return Path(folder)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def _sides(chosen: Cutouts) -> list[str]:
    """Split of each picture: the groups of a class, in the order of their hashes, are dealt out in turn."""
    class_of: dict[int, int] = {}
    for group, label in zip(chosen.groups.tolist(), chosen.labels.tolist(), strict=True):
        class_of.setdefault(group, label)
    side = {}
    for label in range(len(chosen.class_names)):
        groups = sorted(group for group, own in class_of.items() if own == label)
        for place, group in enumerate(groups):
            side[group] = "test" if place % 5 == 2 else "validation" if place % 15 in (1, 8) else "fit"
    return [side[group] for group in chosen.groups.tolist()]
