"""Crop, resize and flip a batch, every sample with its own box.

Bilinear resampling with antialiasing is separable and touches few neighbours, so each axis is one weighted sum
of rows: :func:`torch.nn.functional.embedding_bag` over the picture's rows, then over those of its transpose. On
a processor this takes about half the time of ``grid_sample``, a quarter of two batched matrix products.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

Taps = tuple[Tensor, Tensor]
"""Positions ``(batch, size, taps)`` int64 along an axis, and their float32 weights."""

Bags = tuple[Tensor, Tensor]
"""Rows ``(batch, channels * size, taps)`` int64 of a stack of pictures, and their float32 weights."""

_BLOCKED = 16_384


def resized_crop(images: Tensor, boxes: Tensor, flips: Tensor, *, size: int) -> Tensor:
    """Cut ``boxes`` out of ``images``, resize them to ``size`` x ``size`` and flip where asked.

    Equals ``torchvision.transforms.functional.resized_crop(..., antialias=True)``: a triangle filter along
    each axis (see :func:`axis_taps`).

    Parameters
    ----------
    images
        ``(batch, channels, height, width)`` float32.
    boxes
        ``(batch, 4)`` int64: top, left, height, width in pixels.
    flips
        ``(batch,)`` bool: left to right.

    Examples
    --------
    >>> image = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> resized_crop(image, torch.tensor([[1, 1, 2, 2]]), torch.tensor([True]), size=2).tolist()
    [[[[6.0, 5.0], [10.0, 9.0]]]]
    """
    columns = axis_taps(boxes[:, 1], boxes[:, 3], size=size, flips=flips)
    rows = axis_taps(boxes[:, 0], boxes[:, 2], size=size)
    _, channels, height, width = images.shape
    place = torch.arange(len(images), device=images.device)
    across = bags(columns, place=place, channels=channels, length=width)
    down = bags(rows, place=place, channels=channels, length=height)
    return resample(transpose(images), across, down)


def resample(transposed: Tensor, across: Bags, down: Bags) -> Tensor:
    """Resample ``transposed`` pictures (batch, channels, width, height) to (batch, channels, size, size)."""
    return weighted_rows(transpose(weighted_rows(transposed, across)), down)


def transpose(images: Tensor) -> Tensor:
    """``images`` with rows and columns exchanged, contiguous."""
    out = torch.empty(*images.shape[:2], *images.shape[:1:-1], dtype=images.dtype, device=images.device)
    if images.device.type == "cpu" and images[0, 0].numel() > _BLOCKED:
        # torch transposes a lone matrix in cache-sized blocks, a stack of them element by element
        for plane, target in zip(images.flatten(0, 1), out.flatten(0, 1), strict=True):
            target.copy_(plane.t())
        return out
    return out.copy_(images.transpose(2, 3))


def axis_taps(start: Tensor, extent: Tensor, *, size: int, flips: Tensor | None = None) -> Taps:
    """Which positions of an axis make up each of ``size`` outputs of a stretch, and with what weights.

    Output ``i`` of the stretch ``start .. start + extent`` is the mean of positions under a triangle of
    half-width max(1, extent / size) around (i + 0.5) * extent / size, cut at the stretch's ends (the bilinear
    antialiased filter of Pillow and torchvision; plain bilinear when enlarging).

    Parameters
    ----------
    start, extent
        ``(batch,)`` int64, in pixels.
    flips
        ``(batch,)`` bool: outputs in reverse order.

    Examples
    --------
    >>> index, weight = axis_taps(torch.tensor([1]), torch.tensor([2]), size=2)
    >>> index.tolist(), weight.tolist()
    ([[[1, 2], [2, 2]]], [[[1.0, 0.0], [1.0, 0.0]]])
    """
    scale = extent[:, None].double() / size
    support = scale.clamp(min=1.0)
    output = torch.arange(size, device=extent.device).expand(len(extent), size)
    if flips is not None:
        output = torch.where(flips[:, None], size - 1 - output, output)
    centre = (output + 0.5) * scale
    count = int(2 * support.max()) + 1 if float(support.max()) > 1 else 2
    first = torch.floor(centre - support + 0.5)
    position = first[:, :, None] + torch.arange(count, device=extent.device)
    weight = (1 - (position + 0.5 - centre[:, :, None]).abs() / support[:, :, None]).clamp_(min=0)
    last = (extent - 1)[:, None, None]
    weight.mul_((position >= 0) & (position <= last))
    total = reduce(torch.add, weight.unbind(2))  # a few taps: faster than a sum along the short last axis
    weight.div_(total.unsqueeze(2))
    index = torch.minimum(position.clamp_(min=0), last).long().add_(start[:, None, None])
    return index, weight.float()


def bags(taps: Taps, *, place: Tensor, channels: int, length: int) -> Bags:
    """``taps`` of an axis as bags of rows, for pictures that stand at ``place`` in a stack.

    Parameters
    ----------
    place
        ``(batch,)`` int64: position of each sample's picture among those that are resampled together.
    length
        Positions along the axis.

    Returns
    -------
    index, weight
        ``(batch, channels * size, taps)``: rows of the stack seen as (pictures * channels * length) rows.
    """
    index, weight = taps
    batch, size, count = index.shape
    first = place[:, None] * (channels * length) + torch.arange(channels, device=place.device) * length
    shape = batch, channels * size, count
    spread = weight[:, None].expand(batch, channels, size, count)
    rows = index[:, None] + first[:, :, None, None]
    return rows.reshape(shape).contiguous(), spread.reshape(shape).contiguous()


def weighted_rows(images: Tensor, taps: Bags) -> Tensor:
    """Weighted sums of rows of a contiguous stack ``images`` (batch, channels, length, width).

    Returns ``(batch, channels, size, width)`` for the ``(index, weight)`` of :func:`bags`.
    """
    batch, channels, _, width = images.shape
    index, weight = taps
    rows = torch.nn.functional.embedding_bag(
        index.view(-1, index.shape[2]),
        images.view(-1, width),
        mode="sum",
        per_sample_weights=weight.view(-1, weight.shape[2]),
    )
    return rows.view(batch, channels, -1, width)
