"""The random parameters of one view of a batch: drawn on the host, one row per sample.

A row takes the same 36 uniform numbers whatever the settings, so that switching one augmentation on or off,
or moving the pictures to another device, leaves the draws of all others as they were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from counterpoint.views.spec import ImageViews

TRIES = 10
_UNIFORMS = 2 * TRIES + 16


@dataclass(frozen=True)
class ViewParameters:
    """Parameters of one view for ``batch`` samples, on the host.

    Attributes
    ----------
    box
        ``(batch, 4)`` int64: top, left, height, width of the crop in pixels.
    flip
        ``(batch,)`` bool: flipped left to right after the crop.
    jitter
        ``(batch,)`` bool: the four colour operations apply.
    factors
        ``(batch, 4)`` float64: brightness, contrast and saturation factor, hue turn in circles.
    order
        ``(batch, 4)`` int64: which operation comes first, second, third, fourth (0 brightness ... 3 hue).
    gray
        ``(batch,)`` bool.
    sigma
        ``(batch,)`` float64: standard deviation of the blur in pixels of the view; 0 for none.
    solarise
        ``(batch,)`` bool.
    """

    box: Tensor
    flip: Tensor
    jitter: Tensor
    factors: Tensor
    order: Tensor
    gray: Tensor
    sigma: Tensor
    solarise: Tensor

    def take(self, rows: Tensor) -> ViewParameters:
        """The parameters of the samples ``rows``, in that order."""
        return ViewParameters(*(getattr(self, item.name)[rows] for item in fields(self)))

    @staticmethod
    def join(parts: Sequence[ViewParameters]) -> ViewParameters:
        """The samples of several views one after the other."""
        names = [item.name for item in fields(ViewParameters)]
        return ViewParameters(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def coords(self, *, height: int, width: int) -> Tensor:
        """``(batch, 5)`` float32: top, left, height, width as fractions of the picture, and the flip flag."""
        full = torch.tensor([height, width, height, width], dtype=torch.float64)
        return torch.cat([self.box / full, self.flip[:, None].double()], dim=1).float()


def draw(
    views: ImageViews,
    *,
    batch: int,
    height: int,
    width: int,
    view: int,
    generator: torch.Generator | None = None,
) -> ViewParameters:
    """Draw the parameters of view number ``view`` for ``batch`` pictures of ``height`` x ``width`` pixels.

    The distributions are those of ``torchvision.transforms`` (RandomResizedCrop, RandomHorizontalFlip,
    ColorJitter, RandomGrayscale, GaussianBlur, RandomSolarize), each sample for itself.
    """
    device = generator.device if generator is not None else "cpu"
    uniform = torch.rand(batch, _UNIFORMS, generator=generator, device=device, dtype=torch.float64).cpu()
    crop, (flip, jitter, gray, blur, sigma, solarise) = uniform[:, :22], uniform[:, 22:28].unbind(1)
    strength = torch.tensor([views.brightness, views.contrast, views.saturation, views.hue]).double()
    low = torch.cat([(1 - strength[:3]).clamp(min=0), -strength[3:]])
    high = torch.cat([1 + strength[:3], strength[3:]])
    sigma_low, sigma_high = views.blur_sigma
    blurred = blur < views.probability("blur", view=view)
    return ViewParameters(
        box=crop_boxes(
            crop,
            height=height,
            width=width,
            ratio=views.crop_ratio,
            scale=views.crop_scale if view < views.num_views else views.small_scale,
        ),
        flip=flip < views.flip,
        jitter=jitter < views.jitter,
        factors=low + uniform[:, 28:32] * (high - low),
        order=uniform[:, 32:36].argsort(dim=1),
        gray=gray < views.gray,
        sigma=torch.where(blurred, sigma_low + sigma * (sigma_high - sigma_low), 0.0),
        solarise=solarise < views.probability("solarise", view=view),
    )


def crop_boxes(
    uniform: Tensor, *, height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> Tensor:
    """Random resized crops as ``(batch, 4)`` int64 top, left, height, width.

    The distribution of torchvision's ``RandomResizedCrop``: ten tries of an area uniform in ``scale`` and a
    width / height log-uniform in ``ratio``; the first that fits the picture is placed uniformly; when
    none fits, the largest central crop within ``ratio`` is taken.

    Parameters
    ----------
    uniform
        ``(batch, 22)`` numbers in [0, 1): ten areas, ten ratios, top, left.

    Examples
    --------
    >>> crop_boxes(torch.full((1, 22), 0.5), height=40, width=40, scale=(0.25, 0.25), ratio=(1.0, 1.0))
    tensor([[10, 10, 20, 20]])
    """
    uniform = uniform.double()
    area = (scale[0] + uniform[:, :TRIES] * (scale[1] - scale[0])) * (height * width)
    log_low, log_high = math.log(ratio[0]), math.log(ratio[1])
    aspect = (log_low + uniform[:, TRIES : 2 * TRIES] * (log_high - log_low)).exp()
    wide, high = (area * aspect).sqrt().round().long(), (area / aspect).sqrt().round().long()
    fits = (wide > 0) & (wide <= width) & (high > 0) & (high <= height)
    first = fits.to(torch.uint8).argmax(dim=1, keepdim=True)
    w, h = wide.gather(1, first)[:, 0], high.gather(1, first)[:, 0]
    top = (uniform[:, 20] * (height - h + 1)).long().clamp(max=height - 1)
    left = (uniform[:, 21] * (width - w + 1)).long().clamp(max=width - 1)
    box = torch.stack([top, left, h, w], dim=1)
    return torch.where(fits.any(dim=1, keepdim=True), box, _central_box(height, width, ratio))


def _central_box(height: int, width: int, ratio: tuple[float, float]) -> Tensor:
    """The largest central crop whose width / height lies within ``ratio``."""
    h, w = height, width
    if width / height < ratio[0]:
        h = min(height, max(1, round(width / ratio[0])))
    elif width / height > ratio[1]:
        w = min(width, max(1, round(height * ratio[1])))
    return torch.tensor([[(height - h) // 2, (width - w) // 2, h, w]])
