"""Views of pictures, batched on tensors: every sample its own parameters, reproducible from one generator."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.views.blur import gaussian_blur
from counterpoint.views.colour import colour_jitter, solarise, to_gray
from counterpoint.views.crop import resized_crop
from counterpoint.views.parameters import ViewParameters, draw
from counterpoint.views.spec import ImageViews

CHUNK = 32_000
"""Values of a view worked on at once on a processor, so that they stay in its second-level cache."""


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

    def __call__(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> tuple[list[Tensor], list[Tensor]]:
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
        batch, _, height, width = images.shape
        views, coords = [], []
        for number in range(self.spec.count):
            drawn = draw(self.spec, batch=batch, height=height, width=width, view=number, generator=generator)
            views.append(self._view(images, drawn, size=self.size_of(number, height=height, width=width)))
            coords.append(drawn.coords(height=height, width=width).to(images.device))
        return views, coords

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

    def _view(self, images: Tensor, drawn: ViewParameters, *, size: int) -> Tensor:
        batch, channels = images.shape[:2]
        out = torch.empty(batch, channels, size, size, device=images.device)
        limit = max(1, CHUNK // (channels * size * size)) if images.device.type == "cpu" else batch
        scale = 1.0 if images.is_floating_point() else 1 / 255
        mean, std = self._statistics(images)
        device = images.device
        for rows, order in groups(drawn, limit=limit):
            index = rows.to(device)
            view = images[index].float().mul_(scale)
            view = resized_crop(view, drawn.box[rows], drawn.flip[rows], size=size)
            if order is not None:
                colour_jitter(view, drawn.factors[rows].to(device, view.dtype), order=order)
            for chosen, change in ((drawn.gray, to_gray), (drawn.solarise, solarise)):
                if change is solarise:
                    self._blur(view, drawn.sigma[rows])
                some = chosen[rows].nonzero()[:, 0].to(device)
                if len(some):
                    view[some] = change(view[some])
            out[index] = view.sub_(mean).div_(std)
        return out

    def _blur(self, view: Tensor, sigma: Tensor) -> None:
        some = sigma.nonzero()[:, 0]
        if len(some):
            index = some.to(view.device)
            view[index] = gaussian_blur(view[index], sigma[some].to(view.device))

    def _statistics(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(_per_channel(name, getattr(self.spec, name), images) for name in ("mean", "std"))  # type: ignore[return-value]


def groups(drawn: ViewParameters, *, limit: int) -> Iterator[tuple[Tensor, tuple[int, ...] | None]]:
    """Split a batch into rows that share an order of colour operations (None: no colour), ``limit`` at most.

    Grouping keeps every sample's own order while each operation runs once for a whole group.
    """
    key = (drawn.order * torch.tensor([64, 16, 4, 1])).sum(dim=1)
    key = torch.where(drawn.jitter, key, -1)
    sorted_key, rows = key.sort(stable=True)
    _, counts = sorted_key.unique_consecutive(return_counts=True)
    for group in rows.split(counts.tolist()):
        first = int(group[0])
        order = tuple(drawn.order[first].tolist()) if drawn.jitter[first] else None
        for chunk in group.split(limit):
            yield chunk, order


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
