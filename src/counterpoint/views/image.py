"""Views of pictures, batched on tensors: every sample its own parameters, reproducible from one generator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.views import batched, pil
from counterpoint.views.batched import on_one_core
from counterpoint.views.parameters import ViewParameters, draw
from counterpoint.views.spec import ImageViews


class ViewMaker:
    """Make the views of a batch as :class:`~counterpoint.views.spec.ImageViews` describes them.

    Examples
    --------
    >>> make = ViewMaker(ImageViews(size=8, small_views=1, small_size=4))
    >>> images = torch.zeros(5, 3, 10, 10, dtype=torch.uint8)
    >>> views, coords = make(images, torch.Generator().manual_seed(0))
    >>> [tuple(view.shape) for view in views], tuple(coords[0].shape)
    ([(5, 3, 8, 8), (5, 3, 8, 8), (5, 3, 4, 4)], (5, 5))
    """

    def __init__(self, spec: ImageViews) -> None:
        self.spec = spec

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """Views and where they were cut.

        Parameters
        ----------
        images
            ``(batch, channels, height, width)``: uint8, or float in 0..1.
        generator
            Source of all randomness; torch's global one when not given. Parameters are drawn on the
            generator's device: with one on the processor the same seed gives the same views everywhere.

        Returns
        -------
        views
            One ``(batch, channels, size, size)`` float32 tensor per view, normalised, full-size views first.
        coords
            One ``(batch, 5)`` float32 tensor per view: top, left, height, width as fractions of the picture,
            and 1.0 where the view was flipped left to right.

        Raises
        ------
        CounterpointError
            The pictures are no batch, are neither uint8 nor float in 0..1, or hold NaN.
        """
        check_pictures(images)
        if images.device.type == "cpu":
            return on_one_core(lambda: self._make(images, generator))
        return self._make(images, generator)

    def plain(self, images: Tensor) -> Tensor:
        """``images`` as float32, normalised and otherwise untouched: what evaluation feeds the encoder."""
        check_pictures(images)
        scale = 1.0 if images.is_floating_point() else 255.0
        mean, std = (scale * value for value in self._statistics(images))
        return (images.float() - mean).div_(std)

    def size_of(self, view: int, *, height: int, width: int) -> int:
        """Side in pixels of view number ``view`` of pictures of ``height`` x ``width``."""
        size = self.spec.size or min(height, width)
        if view < self.spec.num_views:
            return size
        return self.spec.small_size or max(1, round(size * 3 / 7))

    @torch.no_grad()
    def _make(self, images: Tensor, generator: torch.Generator | None) -> tuple[list[Tensor], list[Tensor]]:
        batch, _, height, width = images.shape
        full, count = self.spec.num_views, self.spec.count
        drawn = [
            draw(self.spec, batch=batch, height=height, width=width, view=view, generator=generator)
            for view in range(count)
        ]
        views: list[Tensor] = []
        for first, last in ((0, full), (full, count)):
            if first < last:
                size = self.size_of(first, height=height, width=width)
                views.extend(self._render(images, drawn[first:last], size=size))
        return views, [part.coords(height=height, width=width).to(images.device) for part in drawn]

    def _render(self, images: Tensor, drawn: list[ViewParameters], *, size: int) -> tuple[Tensor, ...]:
        """Views of one size, one tensor per entry of ``drawn``."""
        channels = images.shape[1]
        mean, std = self._statistics(images)
        out = _empty(len(drawn) * len(images), channels, size, size, device=images.device)
        if out.numel():
            together = ViewParameters.join(drawn)
            active = self._active(channels)
            render = pil.render if self.spec.backend == "pil" else batched.render
            render(images, together, size=size, active=active, out=out, shift=-mean / std, scale=1 / std)
        return out.view(len(drawn), *images.shape[:2], size, size).unbind(0)

    def _active(self, channels: int) -> tuple[bool, ...]:
        spec, rgb = self.spec, channels == 3
        return spec.brightness > 0, spec.contrast > 0, rgb and spec.saturation > 0, rgb and spec.hue > 0

    def _statistics(self, images: Tensor) -> tuple[Tensor, Tensor]:
        spec = self.spec
        return _per_channel("mean", spec.mean, images), _per_channel("std", spec.std, images)


def _empty(*shape: int, device: torch.device) -> Tensor:
    """An uninitialised float32 tensor; on the host through NumPy, which asks the system for huge pages.

    Large blocks come fresh from the system for each batch: in small pages, handing them over took up to a fifth
    of the time of a batch of 224-pixel views.
    """
    if device.type == "cpu":
        return torch.from_numpy(np.empty(shape, dtype=np.float32))
    return torch.empty(shape, device=device)


def check_pictures(images: Tensor) -> None:
    """Refuse what is no batch of pictures in uint8 or in float 0..1; the float check also finds NaN."""
    if images.dim() != 4 or 0 in images.shape[1:]:
        raise CounterpointError(
            f"Views were given a tensor of shape {tuple(images.shape)}.",
            "Pictures come as (batch, channels, height, width).",
        )
    if images.dtype == torch.uint8 or not images.numel():
        return
    if not images.is_floating_point():
        raise CounterpointError(
            f"Views were given pictures of type {images.dtype}.",
            "uint8 in 0..255 or float in 0..1 was expected.",
        )
    low, high = (float(value) for value in images.aminmax())
    if not (low >= -1e-4 and high <= 1 + 1e-4):
        what = "hold NaN" if low != low or high != high else f"run from {low:.4g} to {high:.4g}"
        raise CounterpointError(f"Float pictures {what}.", "Finite values in 0..1 (or uint8) were expected.")


def _per_channel(name: str, value: tuple[float, ...] | None, images: Tensor) -> Tensor:
    value, channels = value or (0.5,), images.shape[1]
    if len(value) not in (1, channels):
        raise CounterpointError(
            f"views.{name} has {len(value)} numbers for {channels} channels.",
            "One number, or one per channel, was expected.",
        )
    return torch.tensor(value, device=images.device).expand(channels)[:, None, None]
