"""What is in each scene: factors, positions and relations, drawn before a single pixel is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from counterpoint.data.scenes_random import balanced, uniform
from counterpoint.data.sprites import COLOURS, RADII, REACH, SHAPES, TEXTURES

Factors = dict[str, NDArray]

BACKGROUNDS = ("flat", "gradient", "clouds", "weave")
RELATIONS = ("left of", "right of", "above", "below")
MARGIN = 0.08
"""Smallest difference of two centres, as a fraction of the side, that counts as a relation."""

PHOTO_SCALE = 1.15
"""Photographs are drawn this much larger: many are thin, and all need more pixels to be known."""

_STREAMS = {
    name: number
    for number, name in enumerate(
        ("count", "main", "shape", "colour", "offset", "texture", "size", "jitter", "angle", "place",
         "background", "surface", "light", "photo", "caption", "noise")
    )
}  # fmt: skip
_TRIES = 24


def stream(name: str) -> int:
    """The number of a named stream of random numbers; each factor has its own."""
    return _STREAMS[name]


def draw_factors(
    seed: int, index: NDArray[np.int64], *, objects: tuple[int, int], photos: int = 0
) -> Factors:
    """Every factor of the scenes ``index``, except what only the drawn pixels tell.

    Parameters
    ----------
    seed, index
        Which scenes; ``index (n,)``.
    objects : tuple of int
        Smallest and largest number of objects; the second is ``k`` below.
    photos : int
        Number of cut-outs to choose sprites from; 0 for drawn sprites.

    Returns
    -------
    dict
        ``(n,)``: index, count, main (the largest object), background. ``(n, k)``: shape, colour, texture,
        size (drawn sprites) or sprite (photographs), all -1 where there is no object; x, y, radius as
        fractions of the side and angle in degrees, NaN where there is no object. ``(n, k, k)`` bool: left_of,
        above. ``(n, ...)`` starting with an underscore: nuisances of the surface and the light.
    """
    n, most = len(index), objects[1]
    slots = np.arange(most)
    count = objects[0] + balanced(seed, stream("count"), index, objects[1] - objects[0] + 1)
    there = slots < count[:, None]
    main = np.floor(uniform(seed, stream("main"), index)[:, 0] * count).astype(np.int64)
    size = _sizes(uniform(seed, stream("size"), index, most), count, main)
    jitter = 0.94 + 0.12 * uniform(seed, stream("jitter"), index, most)
    scale = PHOTO_SCALE if photos else 1.0
    radius = np.where(there, scale * np.array(RADII)[size] * jitter, np.nan)
    x, y = _places(seed, index, radius)
    factors: Factors = {
        "index": index,
        "count": count,
        "main": main,
        "background": balanced(seed, stream("background"), index, len(BACKGROUNDS)),
        "size": np.where(there, size, -1),
        "x": x,
        "y": y,
        "radius": radius,
        "angle": np.where(there, 24 * uniform(seed, stream("angle"), index, most) - 12, np.nan),
        "_surface": uniform(seed, stream("surface"), index, most * 6).reshape(n, most, 6),
        "_light": uniform(seed, stream("light"), index, 16),
    }
    kinds = _photographs if photos else _drawings
    factors |= {
        name: np.where(there, value, -1)
        for name, value in kinds(seed, index, main, most=most, photos=photos).items()
    }
    with np.errstate(invalid="ignore"):
        factors["left_of"] = x[:, None, :] - x[:, :, None] >= MARGIN
        factors["above"] = y[:, None, :] - y[:, :, None] >= MARGIN
    return factors


def _drawings(
    seed: int, index: NDArray[np.int64], main: NDArray[np.int64], *, most: int, photos: int
) -> Factors:
    """Shape, colour and texture; the main object's shape and colour are balanced, alone and jointly.

    In every aligned block of 64 scenes each of the 64 pairs occurs once, and in every block of 8 each
    shape and each colour once: the colour is the shape plus a constant that changes from block to block.
    """
    kinds = len(SHAPES)
    shape = np.floor(uniform(seed, stream("shape"), index, most) * kinds).astype(np.int64)
    colour = np.floor(uniform(seed, stream("colour"), index, most) * len(COLOURS)).astype(np.int64)
    texture = np.floor(uniform(seed, stream("texture"), index, most) * len(TEXTURES)).astype(np.int64)
    rows = np.arange(len(index))
    shape[rows, main] = balanced(seed, stream("shape") + 100, index, kinds)
    shift = balanced(seed, stream("offset"), index // kinds, len(COLOURS))
    colour[rows, main] = (shape[rows, main] + shift) % len(COLOURS)
    return {"shape": shape, "colour": colour, "texture": texture}


def _photographs(
    seed: int, index: NDArray[np.int64], main: NDArray[np.int64], *, most: int, photos: int
) -> Factors:
    """Different cut-outs in one picture: a start and distinct offsets from it."""
    drawn = uniform(seed, stream("photo"), index, most + 1)
    part = max(photos // most, 1)
    offset = np.floor(drawn[:, 1:] * part).astype(np.int64) + part * np.arange(most)
    start = np.floor(drawn[:, :1] * photos).astype(np.int64)
    return {"sprite": (start + offset) % photos}


def _sizes(
    drawn: NDArray[np.float64], count: NDArray[np.int64], main: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Any size for a lone object; with company the main one is strictly the largest, so labels are clear."""
    alone = np.floor(drawn * 3).astype(np.int64)
    rows = np.arange(len(drawn))
    leader = 1 + (drawn[rows, main] < 0.7)
    crowd = np.where(count > 3, 0.6, 1.0)[:, None]
    others = np.floor(drawn * crowd * leader[:, None]).astype(np.int64)
    others[rows, main] = leader
    return np.where(count[:, None] == 1, alone, others)


def _places(
    seed: int, index: NDArray[np.int64], radius: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres: the first of 24 tries in which no two objects overlap much, else the loosest of them."""
    n, most = radius.shape
    drawn = uniform(seed, stream("place"), index, _TRIES * most * 2).reshape(n, _TRIES, most, 2)
    border = REACH * radius[:, None, :, None]
    centres = border + drawn * (1 - 2 * border)
    gap = np.full((n, _TRIES), np.inf)
    for first in range(most):
        for second in range(first):
            apart = np.hypot(*np.moveaxis(centres[:, :, first] - centres[:, :, second], -1, 0))
            pair = radius[:, first] + radius[:, second]
            smaller = np.fmin(radius[:, first], radius[:, second])
            gap = np.fmin(gap, (apart - pair[:, None]) / smaller[:, None])
    fits = gap >= -0.15
    chosen = np.where(fits.any(1), fits.argmax(1), gap.argmax(1))
    place = centres[np.arange(n), chosen]
    return place[..., 0], place[..., 1]
