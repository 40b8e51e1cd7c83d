"""Contrast energy of pictures: what simulated early visual voxels respond to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID, WAVELENGTHS, ORIENTATIONS = 6, (4, 8, 16), 4


def gabor_energy(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], list[str], NDArray[np.float64]]:
    """Contrast energy of pictures in 3 scales and 4 orientations, and lightness, colour and contrast, by place.

    Parameters
    ----------
    images : ndarray
        ``(n, 3, height, width)`` uint8.

    Returns
    -------
    energy : ndarray
        ``(n, 576)`` float32: square roots of quadrature energy, averaged over each of 6 x 6 fields.
    names : list of str
    centres : ndarray
        ``(576, 2)`` centre of each field, x to the right and y upward, -1 to 1.

    Notes
    -----
    The energy of a Gabor pair is the modulus of the picture filtered with a one-sided Gaussian in the frequency
    domain, one octave wide (Adelson and Bergen, JOSA A 1985).
    """
    height, width = images.shape[-2:]
    filters = _filters(height, width)
    parts = []
    for low in range(0, len(images), 128):
        colour = images[low : low + 128].astype(np.float32) / 255
        grey = colour.mean(1)
        spectrum = np.fft.fft2(grey - grey.mean((1, 2), keepdims=True))
        maps = [np.sqrt(np.abs(np.fft.ifft2(spectrum * one))) for one in filters]
        maps += [grey, colour[:, 0] - colour[:, 1], colour[:, 2] - colour[:, :2].mean(1)]
        local = np.stack([_pool(one) for one in maps], 1)
        contrast = np.sqrt(np.maximum(_pool(grey**2) - _pool(grey) ** 2, 0))[:, None]
        parts.append(np.concatenate([local, contrast], 1).reshape(len(grey), -1))
    kinds = [f"gabor {length}px {180 * turn // ORIENTATIONS}deg" for length in WAVELENGTHS
             for turn in range(ORIENTATIONS)] + ["lightness", "red-green", "blue-yellow", "contrast"]
    side = (np.arange(GRID) + 0.5) * 2 / GRID - 1
    y, x = np.meshgrid(-side, side, indexing="ij")
    centres = np.tile(np.stack([x.ravel(), y.ravel()], 1), (len(kinds), 1))
    names = [f"{kind} field {place}" for kind in kinds for place in range(GRID**2)]
    return np.concatenate(parts).astype(np.float32), names, centres


def _filters(height: int, width: int) -> list[NDArray[np.float32]]:
    fy, fx = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    found = []
    for length in WAVELENGTHS:
        for turn in range(ORIENTATIONS):
            angle = np.pi * turn / ORIENTATIONS
            u, v = np.cos(angle) / length, np.sin(angle) / length
            found.append((2 * np.exp(-((fx - u) ** 2 + (fy - v) ** 2) * (2.5 * length) ** 2 / 2)).astype(np.float32))
    return found


def _pool(maps: NDArray[np.floating]) -> NDArray[np.floating]:
    """``(n, height, width)`` to the means over 6 x 6 fields."""
    rows, columns = (np.linspace(0, side, GRID + 1).round().astype(int) for side in maps.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(maps, rows[:-1], 1), columns[:-1], 2)
    return sums / (np.diff(rows)[:, None] * np.diff(columns))
