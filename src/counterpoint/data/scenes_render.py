"""Factors to pixels: background, shadow, sprites in order, light; and the exact object mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from counterpoint.data.scenes_layout import Factors, stream
from counterpoint.data.scenes_random import pixel_noise, uniform
from counterpoint.data.sprites import COLOURS, REACH, distances, patterns

Array = NDArray[np.float32]
_PALETTE = np.array(list(COLOURS.values()), np.float32) / 255
_COARSE = (4, 9)


def render(
    factors: Factors, *, size: int, seed: int, levels: list[Array] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    """Draw one batch of scenes.

    Parameters
    ----------
    factors : dict
        From :func:`~counterpoint.data.scenes_layout.draw_factors`.
    size, seed : int
        Side of the pictures in pixels; seed of background and noise.
    levels : list of ndarray, optional
        Photographs as sprites, from :func:`~counterpoint.data.scenes_photo.pyramid`.

    Returns
    -------
    image : uint8 ``(n, 3, size, size)``
    mask : uint8 ``(n, size, size)``
        0 background, ``j + 1`` where object ``j`` is on top.
    visible : float32 ``(n, k)``
        Share of each object's pixels that no later object hides; 0 where there is no object.
    """
    order = np.argsort(-factors["count"], kind="stable")
    sorted_ = {name: value[order] for name, value in factors.items()}
    picture = _background(sorted_, size, seed)
    n, most = sorted_["size"].shape
    mask = np.zeros((n, size, size), np.uint8)
    own = np.zeros((n, most), np.int64)
    for slot in range(most):
        rows = int((sorted_["count"] > slot).sum())
        if not rows:
            break
        one = {name: sorted_[name][:rows, slot] for name in _OBJECT if name in sorted_}
        alpha, colour = _drawn(one, size) if levels is None else _photographed(one, size, levels)
        _shade(picture[:rows], alpha, sorted_["_light"][:rows, 0], size)
        picture[:rows] *= 1 - alpha[:, None]
        picture[:rows] += colour
        solid = alpha >= 0.5
        mask[:rows][solid] = slot + 1
        own[:rows, slot] = solid.sum((1, 2))
    seen = np.stack([(mask == slot + 1).sum((1, 2)) for slot in range(most)], 1)
    image = _finish(picture, sorted_, seed)
    back = np.argsort(order, kind="stable")
    visible = (seen / np.maximum(own, 1)).astype(np.float32)
    return image[back], mask[back], visible[back]


_OBJECT = ("shape", "colour", "texture", "sprite", "x", "y", "radius", "angle", "_surface")


def _local(one: Factors, size: int) -> tuple[Array, Array]:
    """Pixel positions in each object's own frame, in pixels from its centre, ``(m, size, size)`` each."""
    # Rounding hides the last bits of sin and cos, which may depend on where in an array a value stands.
    turn = np.deg2rad(one["angle"])
    cos, sin = (np.round(f(turn), 6).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    steps = np.arange(size, dtype=np.float32) + np.float32(0.5)
    right = steps[None, None, :] - (one["x"] * size).astype(np.float32)[:, None, None]
    down = steps[None, :, None] - (one["y"] * size).astype(np.float32)[:, None, None]
    return cos * right + sin * down, cos * down - sin * right


def _drawn(one: Factors, size: int) -> tuple[Array, Array]:
    """Coverage ``(m, s, s)`` of one drawn sprite per picture, and colour ``(m, 3, s, s)`` times coverage."""
    u, v = _local(one, size)
    radius = (one["radius"] * size).astype(np.float32)[:, None, None]
    alpha = np.clip(np.float32(0.5) - distances(one["shape"], u / radius, v / radius) * radius, 0, 1)
    surface = one["_surface"].astype(np.float32)
    flipped = (surface[:, 0] < 0.5)[:, None, None]
    first, second = np.where(flipped, u, v), np.where(flipped, v, u)
    share = patterns(one["texture"], first, second, period=max(4.0, 0.14 * size))
    base = _PALETTE[one["colour"]] * (np.float32(0.92) + np.float32(0.14) * surface[:, 1:2])
    base += np.float32(0.05) * (surface[:, 2:5] - np.float32(0.5))
    lighter = surface[:, 5:6] < 0.5
    other = np.where(lighter, base + (1 - base) * np.float32(0.75), base * np.float32(0.42))
    colour = base[..., None, None] + share[:, None] * (other - base)[..., None, None]
    colour *= alpha[:, None]
    return alpha, colour


def _photographed(one: Factors, size: int, levels: list[Array]) -> tuple[Array, Array]:
    """The same of one cut-out per picture, its longest side ``2 * REACH * radius``."""
    from counterpoint.data.scenes_photo import sample

    u, v = _local(one, size)
    half = (REACH * one["radius"] * size).astype(np.float32)
    mirrored = one["_surface"][:, 0] < 0.5
    u = np.where(mirrored[:, None, None], -u, u)
    return sample(levels, one["sprite"], u, v, half=half)


def _shade(picture: Array, alpha: Array, strength: NDArray[np.float64], size: int) -> None:
    """A soft shadow to the lower right, up to 40 % dark, in place."""
    step = max(1, round(size / 24))
    dark = np.float32(0.4) * strength.astype(np.float32)[:, None, None]
    picture[:, :, step:, step:] *= 1 - (dark * alpha[:, :-step, :-step])[:, None]


def _background(factors: Factors, size: int, seed: int) -> Array:
    """Muted two-colour grounds, ``(n, 3, s, s)``: flat, gradient, clouds, weave."""
    kind = factors["background"]
    light = factors["_light"].astype(np.float32)
    blend = np.zeros((len(kind), size, size), np.float32)
    steps = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / size - np.float32(0.5)
    rows = np.flatnonzero(kind == 1)
    if len(rows):
        turn = 2 * np.pi * factors["_light"][rows, 1]
        cos, sin = (np.round(f(turn), 6).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
        blend[rows] = np.float32(0.5) + np.float32(0.7) * (cos * steps + sin * steps[:, None])
    rows = np.flatnonzero(kind == 2)
    if len(rows):
        blend[rows] = _clouds(seed, factors["index"][rows], size)
    rows = np.flatnonzero(kind == 3)
    if len(rows):
        period = (np.float32(0.22) + np.float32(0.2) * light[rows, 1])[:, None, None]
        phase = light[rows, 2][:, None, None]
        a = np.abs((steps + phase) / period - np.floor((steps + phase) / period) - np.float32(0.5))
        down = steps[:, None] + light[rows, 3][:, None, None]
        b = np.abs(down / period - np.floor(down / period) - np.float32(0.5))
        blend[rows] = a + b
    level = np.float32(0.22) + np.float32(0.5) * light[:, 4:5]
    base = level + np.float32(0.14) * (light[:, 5:8] - np.float32(0.5))
    change = np.float32(0.16) + np.float32(0.12) * light[:, 8:9]
    change = np.where(level < 0.47, change, -change) + np.float32(0.1) * (light[:, 9:12] - np.float32(0.5))
    return base[..., None, None] + blend[:, None] * change[..., None, None]


def _clouds(seed: int, index: NDArray[np.int64], size: int) -> Array:
    """Value noise in about 0..1: random grids of 4 and 9 cells, interpolated, the finer at half weight."""
    out = np.zeros((len(index), size, size), np.float32)
    for octave, cells in enumerate(_COARSE):
        grid = uniform(seed, stream("noise") + 200 + octave, index, (cells + 1) ** 2)
        grid = grid.reshape(-1, cells + 1, cells + 1).astype(np.float32)
        at = (np.arange(size) + 0.5) / size * cells
        low = at.astype(np.int64)
        part = (at - low).astype(np.float32)
        columns = grid[:, :, low] + part * (grid[:, :, low + 1] - grid[:, :, low])
        rows = columns[:, low] + part[:, None] * (columns[:, low + 1] - columns[:, low])
        out += rows * np.float32((1.0, 0.5)[octave])
    return out - np.float32(0.25)


def _finish(picture: Array, factors: Factors, seed: int) -> NDArray[np.uint8]:
    """Exposure between 0.88 and 1.12, a little white noise, and rounding to bytes."""
    light = factors["_light"].astype(np.float32)
    gain = (np.float32(0.88) + np.float32(0.24) * light[:, 12])[:, None, None, None]
    grain = (np.float32(0.035) * light[:, 13])[:, None, None, None]
    picture *= gain
    picture += grain * pixel_noise(seed, stream("noise"), factors["index"], picture.shape[1:])
    np.clip(picture, 0, 1, out=picture)
    picture *= 255
    picture += np.float32(0.5)
    return picture.astype(np.uint8)
