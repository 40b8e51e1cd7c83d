"""Crop, resize and flip a batch, every sample with its own box: two batched matrix products."""

from __future__ import annotations

import torch
from torch import Tensor


def resized_crop(images: Tensor, boxes: Tensor, flips: Tensor, *, size: int) -> Tensor:
    """Cut ``boxes`` out of ``images``, resize them to ``size`` x ``size`` and flip where asked.

    Bilinear with antialiasing, as ``torchvision.transforms.functional.resized_crop(..., antialias=True)``:
    the triangle filter of :func:`resize_weights` along each axis.

    Parameters
    ----------
    images
        ``(batch, channels, height, width)`` float.
    boxes
        ``(batch, 4)`` int64: top, left, height, width in pixels.
    flips
        ``(batch,)`` bool.
    """
    height, width = images.shape[-2:]
    rows = resize_weights(boxes[:, 0], boxes[:, 2], length=height, size=size)
    columns = resize_weights(boxes[:, 1], boxes[:, 3], length=width, size=size)
    columns = torch.where(flips[:, None, None], columns.flip(1), columns)
    rows, columns = (matrix.to(images.device, images.dtype) for matrix in (rows, columns))
    return rows[:, None] @ (images @ columns.transpose(1, 2)[:, None])


def resize_weights(start: Tensor, extent: Tensor, *, length: int, size: int) -> Tensor:
    """Resampling matrices ``(batch, size, length)`` from a stretch of an axis to ``size`` positions.

    Row ``i`` weighs the positions of the stretch ``start .. start + extent`` for output ``i``: a triangle of
    half-width max(1, extent / size) around (i + 0.5) * extent / size, cut at the stretch's ends, normalised
    (the bilinear antialiased filter of Pillow and torchvision; plain bilinear when enlarging).

    Examples
    --------
    >>> resize_weights(torch.tensor([1]), torch.tensor([2]), length=4, size=2).tolist()
    [[[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]]
    """
    scale = (extent / size)[:, None, None].float()
    support = scale.clamp(min=1.0)
    centre = (torch.arange(size)[:, None] + 0.5) * scale
    position = torch.arange(length) - start[:, None, None]
    weights = (1 - (position + 0.5 - centre).abs() / support).clamp(min=0)
    weights = weights * ((position >= 0) & (position < extent[:, None, None]))
    return weights / weights.sum(dim=2, keepdim=True)
