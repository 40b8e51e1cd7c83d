"""The boundary of the picture scores: checked pictures in 0..1, and how they are resized."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array
from counterpoint.evaluate._doubles import as_finite

_OVERSHOOT = 0.5
"""Decoders overshoot 0..1 a little; a picture beyond this is scaled otherwise (0..255, or -1..1)."""


def as_pictures(value: Array, name: str) -> Tensor:
    """``(n, 3, height, width)`` of floating point, clamped to 0..1; uint8 is divided by 255."""
    pictures = as_finite(value, name, axes=("picture", "channel", "row", "column"))
    if pictures.shape[1] != 3:
        raise CounterpointError(
            f"{name} has shape {tuple(pictures.shape)}.",
            "(n, 3, height, width) was expected.",
            "x.transpose(0, 3, 1, 2)",
        )
    if pictures.dtype == torch.uint8:
        return pictures.float() / 255
    if not pictures.is_floating_point():
        raise CounterpointError(f"{name} is {pictures.dtype}.", "Floats in 0..1 or uint8 were expected.")
    low, high = float(pictures.min()), float(pictures.max())
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        raise CounterpointError(f"{name} runs from {low:.3g} to {high:.3g}.", "Values in 0..1 or uint8 were expected.")
    return (pictures if pictures.dtype == torch.float64 else pictures.float()).clamp(0, 1)


def as_picture_pair(images: Array, reconstructions: Array) -> tuple[Tensor, Tensor]:
    """Equally many pictures and reconstructions, on one device; their sides may differ."""
    a, b = as_pictures(images, "images"), as_pictures(reconstructions, "reconstructions")
    if len(a) != len(b):
        raise CounterpointError(f"{len(a)} images and {len(b)} reconstructions.", "Row i belongs to row i.")
    return a, b.to(a.device)


def resized(pictures: Tensor, size: int) -> Tensor:
    """``(n, c, size, size)``: bilinear, antialiased where it shrinks (torchvision's default of today)."""
    if pictures.shape[2:] == (size, size):
        return pictures
    return torch.nn.functional.interpolate(pictures, size=(size, size), mode="bilinear", antialias=True)
