"""Contrast energy of gratings: the right orientation and scale answer, wherever the grating's phase lies."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.brain.gabor import GRID, ORIENTATIONS, WAVELENGTHS, gabor_energy


def grating(length, turn, phase=0.0, size=64):
    y, x = np.mgrid[:size, :size]
    angle = np.pi * turn / ORIENTATIONS
    wave = np.cos(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length + phase)
    return np.repeat(np.round(127.5 + 100 * wave)[None, None], 3, 1).astype(np.uint8)


@pytest.mark.parametrize("turn", range(ORIENTATIONS))
@pytest.mark.parametrize("length", WAVELENGTHS)
def test_the_matching_filter_answers_most(length, turn):
    energy, names, centres = gabor_energy(grating(length, turn))
    assert energy.shape == (1, len(names)) == (1, 576)
    assert centres.shape == (576, 2)
    by_kind = energy.reshape(-1, GRID**2)[:-4].mean(1)
    best = names[by_kind.argmax() * GRID**2]
    assert best.startswith(f"gabor {length}px {180 * turn // ORIENTATIONS}deg")
    shifted = gabor_energy(grating(length, turn, phase=1.3))[0].reshape(-1, GRID**2)[:-4].mean(1)
    np.testing.assert_allclose(shifted.max(), by_kind.max(), rtol=0.02)


def test_fields_lie_where_they_say():
    """A patch of grating at the upper right is seen by fields with positive x and y."""
    picture = np.full((1, 3, 64, 64), 128, np.uint8)
    picture[:, :, 4:20, 44:60] = grating(4, 0)[:, :, :16, :16]
    energy, names, centres = gabor_energy(picture)
    chosen = np.array([name.startswith("gabor 4px 0deg") for name in names])
    best = centres[chosen][energy[0, chosen].argmax()]
    assert best[0] > 0.3
    assert best[1] > 0.3


def test_lightness_and_colour_against_means():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (2, 3, 60, 60), np.uint8)
    energy, names, _ = gabor_energy(picture)
    field = (picture[:, :, 10:20, 50:60] / 255).mean((2, 3))
    place = 1 * GRID + 5
    found = {kind: energy[:, names.index(f"{kind} field {place}")] for kind in ("lightness", "red-green")}
    np.testing.assert_allclose(found["lightness"], field.mean(1), rtol=1e-4)
    np.testing.assert_allclose(found["red-green"], field[:, 0] - field[:, 1], atol=1e-5)
