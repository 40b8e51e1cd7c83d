"""Pictures side by side in one array."""

from __future__ import annotations

import numpy as np


def as_rgb(images: np.ndarray) -> np.ndarray:
    """Pictures ``(..., channels, height, width)`` as uint8 ``(..., height, width, 3)``.

    Pictures are uint8, or float in 0..1. One channel is repeated, of more than three the first three are
    shown; values that are not finite become 0.

    >>> as_rgb(np.ones((2, 1, 4, 4), dtype=np.float32)).shape
    (2, 4, 4, 3)
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        images = (np.clip(np.nan_to_num(images.astype(np.float32)), 0, 1) * 255).round().astype(np.uint8)
    channels = images.shape[-3]
    images = images[..., :3, :, :] if channels >= 3 else np.repeat(images[..., :1, :, :], 3, axis=-3)
    return np.moveaxis(images, -3, -1)


def shrink(images: np.ndarray, largest: int) -> np.ndarray:
    """Average blocks of pixels of ``(..., height, width, 3)`` until neither side exceeds ``largest``."""
    factor = -(-max(images.shape[-3:-1]) // largest)
    if factor == 1:
        return images
    height, width = (side // factor * factor for side in images.shape[-3:-1])
    blocks = images[..., :height, :width, :].astype(np.float32)
    blocks = blocks.reshape(*images.shape[:-3], height // factor, factor, width // factor, factor, 3)
    return blocks.mean(axis=(-4, -2)).round().astype(np.uint8)


def mosaic(images: np.ndarray, *, largest: int, gap: int) -> np.ndarray:
    """Pictures ``(rows, columns, channels, height, width)`` as one RGBA array; the gaps are transparent."""
    tiles = shrink(as_rgb(images), largest)
    rows, columns, height, width, _ = tiles.shape
    board = np.zeros((rows, height + gap, columns, width + gap, 4), dtype=np.uint8)
    top = left = gap // 2
    board[:, top : top + height, :, left : left + width, :3] = tiles.transpose(0, 2, 1, 3, 4)
    board[:, top : top + height, :, left : left + width, 3] = 255
    return board.reshape(rows * (height + gap), columns * (width + gap), 4)
