"""Brightness, contrast, saturation, hue, grey and solarise on float batches, one factor per sample.

Values are in 0..1. Each function changes ``images`` in place and returns it: a batch small enough to stay in
the processor's cache is then passed over without another trip to memory. The formulas are those of
``torchvision.transforms.functional`` on tensors. With one channel, or with other counts than three,
saturation, hue and grey have no meaning and leave the pictures as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

GRAY = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in a grey value (ITU-R BT.601, as torchvision rounds them)."""


def gray_plane(images: Tensor) -> Tensor:
    """``(batch, 1, height, width)`` grey values of RGB pictures."""
    red, green, blue = images.unbind(1)
    return (red * GRAY[0]).add_(green, alpha=GRAY[1]).add_(blue, alpha=GRAY[2]).unsqueeze(1)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply by ``factor`` (batch,), cut at 0 and 1."""
    return images.mul_(_column(images, factor)).clamp_(0, 1)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move values away from (or towards) the picture's mean grey by ``factor`` (batch,), cut at 0 and 1."""
    mean = images.mean(dim=(2, 3))
    if images.shape[1] == 3:
        mean = mean @ torch.tensor(GRAY, device=images.device, dtype=images.dtype)[:, None]
    shift = (1 - factor) * mean.mean(dim=1)
    return images.mul_(_column(images, factor)).add_(_column(images, shift)).clamp_(0, 1)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move colours away from (or towards) their grey value by ``factor`` (batch,), cut at 0 and 1."""
    if images.shape[1] != 3:
        return images
    gray = gray_plane(images).mul_(_column(images, 1 - factor))
    return images.mul_(_column(images, factor)).add_(gray).clamp_(0, 1)


def adjust_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue by ``turn`` (batch,) circles at equal value and saturation (HSV).

    With value V = max(r, g, b), chroma C = V - min(r, g, b) and hue h in 0..6, a channel is
    V - C + C * clamp(t, 0, 1), where t is |h - 3| - 1 for red, 2 - |h - 2| for green, 2 - |h - 4| for blue.
    """
    if images.shape[1] != 3:
        return images
    red, green, blue = images.unbind(1)
    low = torch.minimum(torch.minimum(red, green), blue)
    top = torch.maximum(torch.maximum(red, green), blue)
    chroma = top - low
    scale = chroma.clamp(min=1e-12).reciprocal_()
    hue = torch.where(
        top == red,
        (green - blue).mul_(scale),
        torch.where(top == green, (blue - red).mul_(scale).add_(2), (red - green).mul_(scale).add_(4)),
    )
    hue.add_(6 * turn[:, None, None].to(hue))
    hue.sub_(torch.floor(hue / 6).mul_(6))
    centre = torch.tensor([3.0, 2.0, 4.0], device=hue.device, dtype=hue.dtype)[:, None, None]
    sign = torch.tensor([1.0, -1.0, -1.0], device=hue.device, dtype=hue.dtype)[:, None, None]
    torch.sub(hue[:, None], centre, out=images)
    images.abs_().mul_(sign).add_(1.5 * -sign + 0.5).clamp_(0, 1)
    return images.mul_(chroma[:, None]).add_(low[:, None])


def to_gray(images: Tensor) -> Tensor:
    """Replace the three channels by the grey value."""
    return images.copy_(gray_plane(images).expand_as(images)) if images.shape[1] == 3 else images


def solarise(images: Tensor, *, threshold: float = 0.5) -> Tensor:
    """Invert values of ``threshold`` and above (Pillow's and torchvision's 128 of 255)."""
    return images.copy_(torch.where(images >= threshold, 1 - images, images))


ADJUSTMENTS = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)


def colour_jitter(images: Tensor, factors: Tensor, *, order: Sequence[int]) -> Tensor:
    """Apply the four adjustments in ``order`` (numbers into :data:`ADJUSTMENTS`), factors ``(batch, 4)``."""
    for number in order:
        ADJUSTMENTS[number](images, factors[:, number])
    return images


def _column(images: Tensor, values: Tensor) -> Tensor:
    return values.to(images.dtype)[:, None, None, None]
