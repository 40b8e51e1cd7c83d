"""Gaussian blur of a batch, every sample with its own standard deviation."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gaussian_blur(images: Tensor, sigma: Tensor, *, radius: int | None = None) -> Tensor:
    """Blur ``images`` (batch, channels, height, width) with ``sigma`` (batch,) pixels, edges mirrored.

    Equals ``torchvision.transforms.functional.gaussian_blur`` with ``kernel_size = 2 * radius + 1``; the
    radius is ceil(3 * largest sigma) when not given, and never more than the picture's side less one.
    """
    limit = min(images.shape[-2:]) - 1
    radius = min(math.ceil(3 * float(sigma.max())) if radius is None else radius, limit)
    if radius == 0:
        return images
    taps = gaussian_taps(sigma.to(images), radius=radius)
    return _convolve(_convolve(images, taps, dim=3), taps, dim=2)


def gaussian_taps(sigma: Tensor, *, radius: int) -> Tensor:
    """``(batch, radius + 1)`` weights of the distances 0 .. radius, summing to 1 with both sides counted."""
    distance = torch.arange(radius + 1, device=sigma.device, dtype=sigma.dtype)
    taps = torch.exp(-0.5 * (distance / sigma[:, None]) ** 2)
    return taps / (2 * taps.sum(dim=1, keepdim=True) - taps[:, :1])


def _convolve(images: Tensor, taps: Tensor, *, dim: int) -> Tensor:
    radius, length = taps.shape[1] - 1, images.shape[dim]
    edge = (radius, radius, 0, 0) if dim == 3 else (0, 0, radius, radius)
    padded = torch.nn.functional.pad(images, edge, mode="reflect")
    weight = taps[:, :, None, None, None].unbind(1)
    out, both = images * weight[0], torch.empty_like(images)
    for distance in range(1, radius + 1):
        before, after = (padded.narrow(dim, radius + side * distance, length) for side in (-1, 1))
        torch.add(before, after, out=both)
        if len(images) == 1:
            out.add_(both, alpha=float(weight[distance]))
        else:
            out.add_(both.mul_(weight[distance]))
    return out
