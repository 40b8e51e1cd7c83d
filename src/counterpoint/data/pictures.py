"""Picture files to arrays: modes, orientation, size; decoded at once into one array, or when asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.source import ImageSource

if TYPE_CHECKING:
    from PIL.Image import Image

CHUNK = 4096


def fit_array(
    source: ImageSource, *, size: int | None, channels: int = 0, resize: str = "crop"
) -> ImageSource:
    """A source in memory with its pictures (and masks) brought to ``size`` and ``channels``.

    Parameters
    ----------
    source : ImageSource
        With pictures in one array.
    size : int, optional
        Side of the square result; ``None`` leaves the pictures as they are.
    channels : int
        1 (luma by ITU-R BT.601), 3 (grey repeated), or 0 to leave them.
    resize : str
        ``"crop"`` takes the central square first, ``"squash"`` the whole picture. Bilinear, antialiased.
    """
    check_resize(resize)
    images = source.images
    if not isinstance(images, np.ndarray):
        return source
    if channels and channels != images.shape[1]:
        images = _with_channels(images, channels)
    masks = source.masks
    if size and images.shape[2:] != (size, size):
        if resize == "crop":
            images, masks = _central(images), None if masks is None else _central(masks)
        if masks is not None:
            rows, columns = (((np.arange(size) + 0.5) * side / size).astype(int) for side in masks.shape[1:])
            masks = masks[:, rows[:, None], columns]
        images = _resized(images, size)
    return source if images is source.images else replace(source, images=images, masks=masks)


def check_resize(resize: str) -> None:
    """An error unless ``resize`` is one of the two ways."""
    if resize not in ("crop", "squash"):
        raise CounterpointError(
            f'No way to resize called "{resize}".', "crop or squash was expected.", "--data.resize crop"
        )


def plain(image: Image, mode: str) -> Image:
    """A Pillow picture of any mode as ``"L"`` or ``"RGB"``: see :func:`~counterpoint.data.decode.decode`."""
    from PIL import Image as pil

    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        top = 1.0 if image.mode == "F" else 65535.0
        if not (values.min() >= 0 and values.max() <= top):
            raise ValueError(
                f"values {values.min()}..{values.max()} of a {image.mode} picture, not 0..{top:g}"
            )
        image = pil.fromarray(np.rint(values * (255.0 / top)).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = pil.new("RGBA", image.size, (255, 255, 255, 255))
        image = pil.alpha_composite(white, image)
    return image if image.mode == mode else image.convert("RGB").convert(mode)


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    import torch
    from torch.nn.functional import interpolate

    made = np.empty((*images.shape[:2], size, size), images.dtype)
    for start in range(0, len(images), CHUNK):
        block = torch.from_numpy(np.array(images[start : start + CHUNK]))
        block = interpolate(block, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
        made[start : start + CHUNK] = block.numpy()
    return made


def _with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    if images.shape[1] == 1 and channels == 3:
        return np.repeat(images, 3, axis=1)
    if images.shape[1] == 3 and channels == 1:
        weights = np.array([0.299, 0.587, 0.114], np.float32)
        grey = np.stack([np.tensordot(weights, image, axes=1) for image in images])[:, None]
        return np.rint(grey).astype(np.uint8) if images.dtype == np.uint8 else grey.astype(images.dtype)
    raise CounterpointError(
        f"Pictures with {images.shape[1]} channels cannot be given {channels}.",
        "1 or 3 channels were expected.",
        "--data.channels 3",
    )


def _central(images: np.ndarray) -> np.ndarray:
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[..., top : top + side, left : left + side]
