"""What is asked of a scene: a class for the picture, or a class for every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.scenes_layout import BACKGROUNDS, Factors
from counterpoint.data.source import ImageSource
from counterpoint.data.sprites import COLOURS, SHAPES, SIZES, TEXTURES

if TYPE_CHECKING:
    from counterpoint.data.stamps import Cutouts

LABELS = ("shape", "colour", "shape-colour", "texture", "size", "count", "background")


def check_label(label: str, photos: Cutouts | None) -> None:
    """Refuse a label that is unknown or that photographs do not have."""
    if label not in LABELS:
        raise unknown("label of scenes", label, LABELS, 'label="shape"')
    if photos is not None and label in ("colour", "shape-colour", "texture"):
        raise CounterpointError(
            f'Photographs have no label "{label}".',
            "shape (their category), size, count or background.",
            'label="shape"',
        )


def scene_labels(
    factors: Factors, label: str, *, photos: Cutouts | None, counts: tuple[int, int]
) -> tuple[NDArray[np.int64], list[str]]:
    """``(n,)`` classes and their names for one of ``LABELS``."""
    if label == "count":
        return factors["count"] - counts[0], [str(number) for number in range(counts[0], counts[1] + 1)]
    if label == "background":
        return factors["background"].astype(np.int64), list(BACKGROUNDS)
    rows, main = np.arange(len(factors["main"])), factors["main"]
    if label == "size":
        return factors["size"][rows, main], list(SIZES)
    if photos is not None:
        return factors["category"][rows, main], list(photos.class_names)
    if label == "shape-colour":
        both = factors["shape"][rows, main] * len(COLOURS) + factors["colour"][rows, main]
        return both, [f"{colour} {shape}" for shape in SHAPES for colour in COLOURS]
    names = {"shape": list(SHAPES), "colour": list(COLOURS), "texture": list(TEXTURES)}[label]
    return factors[label][rows, main], names


def semantic_masks(source: ImageSource, *, factor: str = "shape") -> NDArray[np.int64]:
    """Class of each pixel: 0 for background, ``1 + factor`` of the object on top elsewhere.

    Parameters
    ----------
    source : ImageSource
        From :func:`~counterpoint.data.scenes.scenes`.
    factor : str
        One of its factors with one whole number per object: shape, colour, texture, size, category.

    Returns
    -------
    ndarray
        ``(n, size, size)`` int64.
    """
    per_object = [
        key for key, value in source.factors.items() if np.ndim(value) == 2 and value.dtype.kind == "i"
    ]
    if source.masks is None or factor not in per_object:
        raise unknown("factor", factor, per_object, "source.factors.keys()")
    table = np.concatenate([np.zeros((len(source), 1), np.int64), source.factors[factor] + 1], axis=1)
    return np.take_along_axis(table, source.masks.reshape(len(source), -1).astype(np.int64), 1).reshape(
        source.masks.shape
    )
