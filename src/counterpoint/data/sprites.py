"""Drawn sprites: shapes as signed distances, a palette, and surface patterns; all batched and antialiased.

Every shape takes local coordinates ``x, y`` (y downward, the centroid at the origin, 1 = the nominal radius)
and returns the distance to its outline, negative inside. All shapes cover the same area, ``AREA`` times the
squared radius, so size and shape are independent factors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

AREA = 2.2
REACH = 1.31
"""Largest distance from centre to outline over all shapes, in radii (the triangle's corner)."""

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (222, 38, 38),
    "orange": (248, 138, 22),
    "yellow": (248, 222, 40),
    "green": (44, 168, 62),
    "cyan": (52, 206, 222),
    "blue": (38, 72, 220),
    "purple": (142, 52, 190),
    "pink": (250, 136, 196),
}
TEXTURES = ("plain", "striped", "checked", "dotted")
SIZES = ("small", "medium", "large")
RADII = (0.12, 0.165, 0.22)
"""Nominal radius of each size, as a fraction of the picture's side."""

_ROOT3 = np.float32(np.sqrt(3.0))


def _circle(x: Array, y: Array) -> Array:
    return np.sqrt(x * x + y * y) - np.float32(np.sqrt(AREA / np.pi))


def _square(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x), np.abs(y)) - np.float32(np.sqrt(AREA) / 2)


def _triangle(x: Array, y: Array) -> Array:
    half = np.float32(np.sqrt(AREA * 4 / (3 * np.sqrt(3))) / 2)
    return np.maximum(y, np.abs(x) * (_ROOT3 / 2) - y / 2) - half


def _star(x: Array, y: Array) -> Array:
    """Five points: fold onto the nearest point, then the distance to the edge from point to notch."""
    notch = 0.45
    fifth = np.pi / 5
    tip = np.sqrt(AREA / (5 * notch * np.sin(fifth)))
    side = np.abs(x)
    along = -y
    for turn in (2 * fifth, 4 * fifth):
        along = np.maximum(along, side * np.float32(np.sin(turn)) - y * np.float32(np.cos(turn)))
    across = np.sqrt(np.maximum(x * x + y * y - along * along, 0))
    normal = np.array([notch * np.sin(fifth), 1 - notch * np.cos(fifth)])
    normal /= np.hypot(*normal)
    return (along - np.float32(tip)) * np.float32(normal[0]) + across * np.float32(normal[1])


def _cross(x: Array, y: Array) -> Array:
    arm = np.sqrt(AREA / (8 * 0.36 - 4 * 0.36**2))
    x, y, arm, width = np.abs(x), np.abs(y), np.float32(arm), np.float32(0.36 * arm)
    return np.minimum(np.maximum(x - arm, y - width), np.maximum(x - width, y - arm))


def _ring(x: Array, y: Array) -> Array:
    middle = 0.72
    return np.abs(np.sqrt(x * x + y * y) - np.float32(middle)) - np.float32(AREA / (4 * np.pi * middle))


def _heart(x: Array, y: Array) -> Array:
    """A square on its corner and a disc on each upper edge, moved so that the centroid is at the origin."""
    half = np.sqrt(AREA / (4 + np.pi))
    centroid = np.pi * (1 + 4 / (3 * np.pi)) / np.sqrt(2) / (4 + np.pi) * half
    x, y, half = np.abs(x), y - np.float32(centroid), np.float32(half)
    middle = half / np.float32(np.sqrt(2))
    disc = np.sqrt((x - middle) ** 2 + (y + middle) ** 2) - half
    return np.minimum((x + np.abs(y)) * np.float32(np.sqrt(0.5)) - half, disc)


def _hexagon(x: Array, y: Array) -> Array:
    x, y = np.abs(x), np.abs(y)
    return np.maximum(x * (_ROOT3 / 2) + y / 2, y) - np.float32(np.sqrt(AREA / (2 * np.sqrt(3))))


SHAPES: dict[str, Callable[[Array, Array], Array]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "heart": _heart,
    "hexagon": _hexagon,
}


def distances(shape: NDArray[np.int64], x: Array, y: Array) -> Array:
    """Signed distance of each row to its own shape: ``shape (m,)``, ``x, y (m, h, w)`` -> ``(m, h, w)``."""
    out = np.empty_like(x)
    for number, distance in enumerate(SHAPES.values()):
        rows = np.flatnonzero(shape == number)
        if len(rows):
            out[rows] = distance(x[rows], y[rows])
    return out


def _wave(u: Array, period: float) -> Array:
    """A square wave of the given period in pixels, its edges one pixel wide."""
    ramp = np.abs(u / period - np.floor(u / period) - np.float32(0.5))
    return np.clip((ramp - np.float32(0.25)) * np.float32(period) + np.float32(0.5), 0, 1)


def patterns(texture: NDArray[np.int64], u: Array, v: Array, *, period: float) -> Array:
    """Share of the second colour at each pixel for each row's texture; ``u, v (m, h, w)`` in pixels."""
    out = np.zeros_like(u)
    for number in (1, 2, 3):
        rows = np.flatnonzero(texture == number)
        if not len(rows):
            continue
        first, second = u[rows], v[rows]
        if number == 1:
            out[rows] = _wave(first, period)
        elif number == 2:
            a, b = _wave(first, 1.2 * period), _wave(second, 1.2 * period)
            out[rows] = a + b - 2 * a * b
        else:
            a = first / period - np.floor(first / period) - np.float32(0.5)
            b = second / period - np.floor(second / period) - np.float32(0.5)
            reach = np.sqrt(a * a + b * b) * np.float32(period)
            out[rows] = np.clip(np.float32(0.31 * period + 0.5) - reach, 0, 1)
    return out
