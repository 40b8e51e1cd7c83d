"""The batch contract: one dictionary with fixed keys that loaders fill, views extend and methods read."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from torch import Tensor


class Batch(TypedDict, total=False):
    """Keys a batch may carry. Every tensor has the batch as first axis; lists hold one entry per view."""

    index: Tensor
    """``(batch,)`` int64: position of each sample in its source."""
    image: Tensor
    """``(batch, channels, height, width)`` uint8 as stored, or float in 0..1 when the source was float."""
    responses: list[Tensor]
    """One ``(samples, voxels)`` or ``(samples, time, parcels)`` float tensor per subject; samples of all subjects,
    in this order, make up the batch."""
    subject: list[str]
    """The subject of each entry of ``responses``."""
    stimulus: Tensor
    """``(batch,)`` int64: which picture each sample saw, equal numbers for equal pictures."""
    target: Tensor
    """``(batch, tokens, dim)`` float: the picture as a frozen network sees it."""
    text: Tensor
    """``(batch, dim)`` float: the caption as a frozen network reads it."""
    latent: Tensor
    """``(batch, channels, height, width)`` float: the picture in the latent space of an autoencoder."""
    maps: Tensor
    """``(batch, places, channels)``: the picture's feature map; ``maps_varied``: that of a varied copy."""
    maps_varied: Tensor
    label: Tensor
    """``(batch,)`` int64 class, or float target; absent when the source has none. -1 marks "unknown"."""
    caption: list[str]
    """``batch`` strings."""
    mask: Tensor
    """``(batch, height, width)`` int64 object ids, 0 for background."""
    views: list[Tensor]
    """One ``(batch, channels, height, width)`` float tensor per view, normalised, made on the device."""
    coords: list[Tensor]
    """One ``(batch, 5)`` float tensor per view: top, left, height, width as fractions of the picture, and
    1.0 where the view was flipped left to right."""
