"""The Pillow backend: one picture at a time in 8-bit steps, as the papers' own pipelines make their views.

It takes the same drawn parameters as the batched backend, so that both make the same views up to Pillow's
rounding after each operation and its box-filter approximation of the Gaussian. It exists to check the one against
the other and to reproduce a published pipeline closely; the batched backend is faster at every size measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.views.parameters import ViewParameters

if TYPE_CHECKING:
    from PIL.Image import Image


def render(
    images: Tensor,
    drawn: ViewParameters,
    *,
    size: int,
    active: tuple[bool, ...],
    out: Tensor,
    shift: Tensor,
    scale: Tensor,
) -> None:
    """Write ``out[i] = view_i * scale + shift``; arguments as :func:`counterpoint.views.batched.render`."""
    if images.shape[1] not in (1, 3):
        raise CounterpointError(
            f"The pil backend was given pictures of {images.shape[1]} channels.",
            "Pillow knows grey and RGB.",
            "--views.backend tensor",
        )
    raw = images if images.dtype == torch.uint8 else (images * 255).round().to(torch.uint8)
    pixels = raw.permute(0, 2, 3, 1).cpu().numpy()
    for row in range(len(out)):
        view = _view(_picture(pixels[row % len(images)]), drawn, row, size=size, active=active)
        values = torch.from_numpy(np.array(view, dtype=np.float32)).view(size, size, -1).permute(2, 0, 1)
        out[row] = values.to(out.device).div_(255).mul_(scale).add_(shift)


def _picture(pixels: np.ndarray) -> Image:
    from PIL import Image

    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _view(image: Image, drawn: ViewParameters, row: int, *, size: int, active: tuple[bool, ...]) -> Image:
    from PIL import ImageFilter, ImageOps
    from torchvision.transforms import functional

    image = functional.resized_crop(image, *drawn.box[row].tolist(), [size, size])
    if drawn.flip[row]:
        image = functional.hflip(image)
    if drawn.jitter[row]:
        adjust = (
            functional.adjust_brightness,
            functional.adjust_contrast,
            functional.adjust_saturation,
            functional.adjust_hue,
        )
        for number in drawn.order[row].tolist():
            if active[number]:
                image = adjust[number](image, float(drawn.factors[row, number]))
    if drawn.gray[row] and image.mode == "RGB":
        image = functional.to_grayscale(image, num_output_channels=3)
    if drawn.sigma[row] > 0:
        image = image.filter(ImageFilter.GaussianBlur(radius=float(drawn.sigma[row])))
    return ImageOps.solarize(image, 128) if drawn.solarise[row] else image
