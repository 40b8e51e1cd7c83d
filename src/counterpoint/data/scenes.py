"""Drawn scenes of one to five sprites of which everything is known: captions, masks, factors, relations.

Size: any number of 16 to 256 px, colour; 32 px unless asked
Licence: Apache-2.0 (drawn by this package)
Fetch: computed here, thousands a second

Sample ``i`` of seed ``s`` is the same picture whichever batch, order or process draws it, so any number of
scenes needs no storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.captions import scene_captions
from counterpoint.data.scenes_labels import check_label, scene_labels
from counterpoint.data.scenes_layout import Factors, draw_factors
from counterpoint.data.scenes_render import render
from counterpoint.data.source import ImageSource

if TYPE_CHECKING:
    from counterpoint.data.stamps import Cutouts

SPLITS = {"train": 0, "test": 1 << 40}
"""First index of each split; the ranges cannot meet."""
LARGEST = 5
_CHUNK_PIXELS = 1 << 17


def scenes(
    n: int,
    *,
    size: int = 32,
    seed: int = 0,
    objects: int | tuple[int, int] = (1, 3),
    sprites: str | Cutouts = "procedural",
    label: str = "shape",
    start: int = 0,
    split: str = "train",
    wording: str = "plain",
    download: bool = False,
) -> ImageSource:
    """Generate ``n`` scenes with captions, object masks and factors.

    Parameters
    ----------
    n : int
        Number of pictures.
    size : int
        Side in pixels, 16 to 256.
    seed : int
        Another seed is another world of scenes; the same seed and index give the same picture.
    objects : int or tuple of int
        Number of objects in a picture, or the smallest and largest number; 1 to 5. Balanced.
    sprites : str or Cutouts
        ``"procedural"`` (8 shapes, 8 colours, 4 textures), ``"stamps"`` (photographs cut out, see
        :func:`~counterpoint.data.stamps.stamps`), or cut-outs chosen with
        :func:`~counterpoint.data.stamps.cutouts`. "stamps" puts the same things into train and test scenes;
        to keep them apart, choose ``cutouts(split="train")`` for one and ``cutouts(split="test")`` for the other.
    label : str
        What ``labels`` say, of the largest object where it is about one object: shape, colour, shape-colour,
        texture, size; or count, background. With photographs "shape" means the category of the cut-out.
        Shape, colour and their pairs are exactly balanced in every 64 pictures. Pictures do not depend on it.
    start : int
        Index of the first picture within the split.
    split : str
        ``"train"`` or ``"test"``: ranges of indices that never meet.
    wording : str
        ``"plain"``, one phrase for each fact, or ``"varied"``, with synonyms and openings.
    download : bool
        Consent to fetch the stamps when they are needed and not there.

    Returns
    -------
    ImageSource
        ``images (n, 3, size, size)`` uint8; ``captions``; ``masks (n, size, size)`` uint8, ``j + 1`` where
        object ``j`` is on top; ``factors`` with ``k`` the largest number of objects:

        - ``(n,)`` index, seed, count, main (which object is largest), background, relation (0 none, else
          1 + place in ``RELATIONS``), wording.
        - ``(n, k)`` shape, colour, texture, size as places in ``SHAPES``, ``COLOURS``, ``TEXTURES``,
          ``SIZES`` (photographs: sprite, category, noun); -1 where there is no object. x, y, radius in
          fractions of the side (y downward), angle in degrees (clockwise); NaN where there is no object.
          visible, the share of the object not hidden by others. mention, the objects the caption speaks of,
          in order, then -1.
        - ``(n, k, k)`` bool left_of and above: entry ``[i, j]`` says that ``i`` is so to ``j`` by at least
          8 % of the side.

    Raises
    ------
    CounterpointError
        For settings outside these ranges, or stamps that are absent.

    Notes
    -----
    With company, the largest object is of a strictly larger size than all others. Objects overlap a little at
    most; captions speak only of objects of which at least 60 % is to be seen, and are true of the picture.
    :func:`~counterpoint.data.scenes_negatives.hard_negatives` gives captions that are false of it.

    Examples
    --------
    >>> source = scenes(3, seed=1)
    >>> source.images.shape, len(source.captions)
    ((3, 3, 32, 32), 3)
    >>> bool((scenes(1, seed=1, start=2).images[0] == source.images[2]).all())
    True
    """
    few, *more = (objects, objects) if isinstance(objects, int) else objects
    counts = (int(few), int(more[-1]) if more else int(few))
    _check(n, size=size, seed=seed, counts=counts, start=start, split=split, wording=wording)
    photos = _photos(sprites, download=download)
    check_label(label, photos)
    index = SPLITS[split] + start + np.arange(n, dtype=np.int64)
    factors, images, masks = _generate(index, size=size, seed=seed, counts=counts, photos=photos)
    factors["seed"] = np.full(n, seed, np.int64)
    captions = scene_captions(factors, wording=wording)
    labels, names = scene_labels(factors, label, photos=photos, counts=counts)
    return ImageSource(
        name="scenes" if photos is None else "scenes-stamps",
        split=split,
        images=images,
        labels=labels,
        class_names=names,
        captions=captions,
        masks=masks,
        factors={key: value for key, value in factors.items() if not key.startswith("_")},
        licence="Apache-2.0 (drawn by this package)" if photos is None else photos.licence,
        home="counterpoint.data.scenes",
    )


def _generate(
    index: NDArray[np.int64], *, size: int, seed: int, counts: tuple[int, int], photos: Cutouts | None
) -> tuple[Factors, NDArray[np.uint8], NDArray[np.uint8]]:
    levels = None
    if photos is not None:
        from counterpoint.data.scenes_photo import pyramid

        levels = pyramid(photos.rgba)
    n = len(index)
    images, masks = np.empty((n, 3, size, size), np.uint8), np.empty((n, size, size), np.uint8)
    step = max(8, _CHUNK_PIXELS // size**2)
    parts = []
    for low in range(0, n, step):
        rows = slice(low, low + step)
        part = draw_factors(seed, index[rows], objects=counts, photos=0 if photos is None else len(photos.names))
        images[rows], masks[rows], part["visible"] = render(part, size=size, seed=seed, levels=levels)
        parts.append({key: value for key, value in part.items() if not key.startswith("_")})
    factors = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    if photos is not None:
        absent = factors["sprite"] < 0
        factors["category"] = np.where(absent, -1, photos.labels[factors["sprite"]])
        factors["noun"] = np.where(absent, "", np.array(photos.names)[factors["sprite"]])
    return factors, images, masks


def _photos(sprites: str | Cutouts, *, download: bool) -> Cutouts | None:
    if sprites == "procedural":
        return None
    from counterpoint.data.stamps import cutouts

    if isinstance(sprites, str):
        if sprites != "stamps":
            raise unknown("kind of sprite", sprites, ("procedural", "stamps"), 'sprites="procedural"')
        sprites = cutouts(named=True, download=download)
    named = sprites.only_named()
    if len(named.names) < LARGEST:
        raise CounterpointError(
            f"{len(named.names)} of {len(sprites.names)} cut-outs have a name for a caption.",
            f"{LARGEST} or more are needed.",
        )
    return named


def _check(n: int, *, size: int, seed: int, counts: tuple[int, int], start: int, split: str, wording: str) -> None:
    if n < 1 or start < 0 or n + start > SPLITS["test"]:
        raise CounterpointError(f"n={n}, start={start}.", "n >= 1 and start >= 0 were expected.")
    if not 0 <= seed < 1 << 63:
        raise CounterpointError(f"seed={seed}.", "A whole number of 0 to 2^63 - 1 was expected.", "seed=0")
    if not 16 <= size <= 256:
        raise CounterpointError(f"size={size}.", "A side of 16 to 256 pixels was expected.", "size=32")
    if not 1 <= counts[0] <= counts[1] <= LARGEST:
        raise CounterpointError(
            f"objects={counts}.",
            f"Smallest and largest number, 1 to {LARGEST}, were expected.",
            "objects=(1, 3)",
        )
    if split not in SPLITS:
        raise unknown("split of scenes", split, SPLITS, 'split="train"')
    if wording not in ("plain", "varied"):
        raise unknown("wording", wording, ("plain", "varied"), 'wording="plain"')
