"""Gaussian blur of a batch, every sample with its own standard deviation."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_blur(images: Tensor, sigma: Tensor, *, radius: int | None = None) -> Tensor:
    """Blur ``images`` (batch, channels, height, width) with ``sigma`` (batch,) pixels, edges mirrored.

    Equals ``torchvision.transforms.functional.gaussian_blur`` with ``kernel_size = 2 * radius + 1``. Without
    ``radius`` each sample has its own, ceil(3 * sigma), so that a sample's blur does not depend on its
    neighbours; it is never more than the picture's side less one.
    """
    limit = min(images.shape[-2:]) - 1
    reach = torch.ceil(3 * sigma) if radius is None else torch.full_like(sigma, radius)
    widest = min(int(reach.max()), limit)
    if widest == 0:
        return images
    taps = gaussian_taps(sigma.to(images), reach=reach.to(images).clamp(max=widest))
    return _convolve(_convolve(images, taps, dim=3), taps, dim=2)


def gaussian_taps(sigma: Tensor, *, reach: Tensor) -> Tensor:
    """``(batch, largest reach + 1)`` weights of the distances 0, 1, ...; zero beyond a sample's ``reach``.

    Distance 0 counted once and the others twice, they sum to 1.

    >>> gaussian_taps(torch.tensor([1e-3, 1e3]), reach=torch.tensor([1.0, 1.0])).round(decimals=3).tolist()
    [[1.0, 0.0], [0.3330000042915344, 0.3330000042915344]]
    """
    distance = torch.arange(int(reach.max()) + 1, device=sigma.device, dtype=sigma.dtype)
    taps = torch.exp(-0.5 * (distance / sigma[:, None]) ** 2) * (distance <= reach[:, None])
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
