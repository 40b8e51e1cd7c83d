"""Brightness, contrast, saturation, hue, grey and solarise on float batches, one factor per sample.

Values are in 0..1. Each function changes ``images`` in place and returns it: a batch small enough to stay in
the processor's cache is then passed over without another trip to memory. The formulas are those of
``torchvision.transforms.functional`` on tensors. With one channel, or with other counts than three,
saturation, hue and grey have no meaning and leave the pictures as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

GRAY = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in a grey value (ITU-R BT.601, as torchvision rounds them)."""


def gray_plane(images: Tensor) -> Tensor:
    """``(batch, height, width)`` grey values of RGB pictures."""
    red, green, blue = images.unbind(1)
    return (red * GRAY[0]).add_(green, alpha=GRAY[1]).add_(blue, alpha=GRAY[2])


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply by ``factor`` (batch,), cut at 0 and 1.

    >>> adjust_brightness(torch.full((1, 1, 1, 2), 0.4), torch.tensor([1.5])).tolist()
    [[[[0.6000000238418579, 0.6000000238418579]]]]
    """
    return images.mul_(_column(factor)).clamp_(0, 1)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move values away from (or towards) the picture's mean grey by ``factor`` (batch,), cut at 0 and 1."""
    mean = torch.mv(images.flatten(2).mean(dim=2), _mean_weights(images.shape[1], images.device))
    return images.mul_(_column(factor)).add_(_column(mean.sub_(mean * factor))).clamp_(0, 1)


@cache
def _mean_weights(channels: int, device: torch.device) -> Tensor:
    return torch.tensor(GRAY if channels == 3 else (1 / channels,) * channels, device=device)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move colours away from (or towards) their grey value by ``factor`` (batch,), cut at 0 and 1."""
    if images.shape[1] != 3:
        return images
    gray = gray_plane(images).mul_((1 - factor).view(-1, 1, 1))
    return images.mul_(_column(factor)).add_(gray.unsqueeze(1)).clamp_(0, 1)


def adjust_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue by ``turn`` (batch,) circles at equal value and saturation (HSV).

    With low = min(r, g, b) and C = max(r, g, b) - low, the hue in circles is
    +-(1 + (g + b - r - low) / C) / 6, negative where b > g. A channel is low + C * clamp(2 - 6 * d, 0, 1),
    where d is the distance of the hue from the channel's own (0, 1/3, 2/3) around the circle.
    """
    if images.shape[1] != 3:
        return images
    red, green, blue = images.unbind(1)
    low = torch.minimum(red, green)
    chroma = torch.maximum(red, green)
    torch.minimum(low, blue, out=low)
    torch.maximum(chroma, blue, out=chroma).sub_(low).mul_(6)
    hue = (green + blue).sub_(red).sub_(low).div_(chroma.clamp(min=1e-8)).add_(1 / 6)
    torch.copysign(hue, green - blue, out=hue).add_(turn.view(-1, 1, 1))
    hue.sub_(torch.floor(hue))
    # Red is measured from its far side, hue 1/2, which saves wrapping the distance for each channel.
    for channel, centre in ((red, 1 / 2), (green, 1 / 3), (blue, 2 / 3)):
        torch.sub(hue, centre, out=channel)
    images.abs_().clamp_(1 / 6, 1 / 3).mul_(chroma.unsqueeze(1))
    red.add_(low).sub_(chroma, alpha=1 / 6)
    low.add_(chroma, alpha=1 / 3)
    rest = images.narrow(1, 1, 2)
    torch.sub(low.unsqueeze(1), rest, out=rest)
    return images


def to_gray(images: Tensor) -> Tensor:
    """Replace the three channels by the grey value."""
    return images.copy_(gray_plane(images)[:, None].expand_as(images)) if images.shape[1] == 3 else images


def solarise(images: Tensor, *, threshold: float = 0.5) -> Tensor:
    """Invert values of ``threshold`` and above (Pillow's and torchvision's 128 of 255)."""
    return images.copy_(torch.where(images >= threshold, 1 - images, images))


ADJUSTMENTS = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)


def colour_jitter(images: Tensor, factors: Tensor, *, order: Sequence[int]) -> Tensor:
    """Apply adjustments in ``order`` (numbers into :data:`ADJUSTMENTS`) with ``factors`` (batch, 4)."""
    for number in order:
        ADJUSTMENTS[number](images, factors[:, number])
    return images


def _column(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
