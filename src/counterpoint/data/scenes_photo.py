"""Photographic sprites: cut-outs at several resolutions, sampled at any place, angle and scale, in batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_LEVELS = 4


def pyramid(rgba: NDArray[np.uint8]) -> list[Array]:
    """Cut-outs at full, half, quarter and eighth size, each ``(m, s + 2, s + 2, 4)`` float32 in 0..1.

    Colours are multiplied by alpha, so that what is outside does not bleed in; one empty texel lies around.
    """
    level = rgba.transpose(0, 2, 3, 1).astype(np.float32) / np.float32(255)
    level[..., :3] *= level[..., 3:]
    levels = []
    for _ in range(_LEVELS):
        levels.append(np.pad(level, ((0, 0), (1, 1), (1, 1), (0, 0))))
        half = level.shape[1] // 2
        if half < 4:
            break
        level = level[:, : 2 * half, : 2 * half].reshape(-1, half, 2, half, 2, 4).mean((2, 4))
    return levels


def sample(
    levels: list[Array], sprite: NDArray[np.int64], u: Array, v: Array, *, half: Array
) -> tuple[Array, Array]:
    """Sprites at positions ``u, v (m, h, w)`` in pixels from their centres, bilinearly.

    Parameters
    ----------
    levels : list of ndarray
        From :func:`pyramid`.
    sprite : ndarray
        ``(m,)`` which cut-out each row shows.
    half : ndarray
        ``(m,)`` half the side of each cut-out's square, in pixels.

    Returns
    -------
    alpha : ndarray
        ``(m, h, w)``.
    colour : ndarray
        ``(m, 3, h, w)``, multiplied by alpha.
    """
    out = np.zeros((*u.shape, 4), np.float32)
    sides = np.array([level.shape[1] - 2 for level in levels])
    # The level whose texels come closest to the pixels, on a logarithmic scale.
    closest = np.abs(np.log2(sides / (2 * half[:, None].astype(np.float64)))).argmin(1)
    reach = (half + 1 + half / sides.min())[:, None, None]
    inside = (np.abs(u) < reach) & (np.abs(v) < reach)
    for number, level in enumerate(levels):
        here = inside & (closest == number)[:, None, None]
        row = np.nonzero(here)[0]
        scale = (sides[number] / (2 * half[row])).astype(np.float32)
        out[here] = _bilinear(level, sprite[row], u[here] * scale, v[here] * scale)
    return out[..., 3], np.moveaxis(out[..., :3], -1, 1)


def _bilinear(level: Array, sprite: NDArray[np.int64], u: Array, v: Array) -> Array:
    """Texels at ``u, v (p,)`` from the centre, ``(p, 4)``; beyond the edge the empty border answers."""
    padded = level.shape[1]
    u = np.clip(u + np.float32(padded / 2 - 0.5), 0, np.float32(padded - 1))
    v = np.clip(v + np.float32(padded / 2 - 0.5), 0, np.float32(padded - 1))
    left, top = (np.minimum(place.astype(np.int64), padded - 2) for place in (u, v))
    u, v = (u - left).astype(np.float32)[:, None], (v - top).astype(np.float32)[:, None]
    texels = level.reshape(-1, 4)
    at = (sprite * padded + top) * padded + left
    upper = texels[at] * (1 - u) + texels[at + 1] * u
    lower = texels[at + padded] * (1 - u) + texels[at + padded + 1] * u
    return upper * (1 - v) + lower * v
