"""Sampling of cut-outs: a naive bilinear reference, and levels that keep what they show."""

from __future__ import annotations

import numpy as np

from counterpoint.data.scenes_photo import pyramid, sample

_RGBA = np.random.default_rng(0).integers(0, 256, (3, 4, 16, 16), dtype=np.uint8)


def _naive(level: np.ndarray, u: float, v: float) -> np.ndarray:
    """Bilinear value at ``u, v`` texels from the centre of an unpadded level; zero outside."""
    side = level.shape[0]
    x, y = u + side / 2 - 0.5, v + side / 2 - 0.5
    total = np.zeros(4)
    for down in range(side):
        for right in range(side):
            total += max(0, 1 - abs(x - right)) * max(0, 1 - abs(y - down)) * level[down, right]
    return total


def test_samples_are_bilinear() -> None:
    levels = pyramid(_RGBA)
    rng = np.random.default_rng(1)
    u, v = rng.uniform(-10, 10, (2, 2, 5, 5)).astype(np.float32)
    alpha, colour = sample(levels, np.array([2, 0]), u, v, half=np.array([8, 8], np.float32))
    full = levels[0][:, 1:-1, 1:-1]
    for row, sprite in enumerate((2, 0)):
        for i in np.ndindex(5, 5):
            expected = _naive(full[sprite], u[row][i], v[row][i])
            np.testing.assert_allclose(colour[row][:, i[0], i[1]], expected[:3], atol=1e-5)
            np.testing.assert_allclose(alpha[row][i], expected[3], atol=1e-5)


def test_levels_halve_and_keep_the_mean() -> None:
    levels = pyramid(_RGBA)
    assert [level.shape[1] - 2 for level in levels] == [16, 8, 4]
    for level in levels:
        assert (level[:, [0, -1]] == 0).all()
        inner = level[:, 1:-1, 1:-1].mean((1, 2))
        np.testing.assert_allclose(inner, levels[0][:, 1:-1, 1:-1].mean((1, 2)), atol=1e-6)


def test_a_small_sprite_is_sampled_from_a_coarse_level() -> None:
    """A fine checkerboard, drawn at an eighth of its size, is grey, not black or white."""
    board = np.full((1, 4, 32, 32), 255, np.uint8)
    board[0, :3, np.add.outer(range(32), range(32)) % 2 == 0] = 0
    steps = np.arange(4, dtype=np.float32) - np.float32(1.5)
    u, v = np.broadcast_to(steps, (1, 4, 4)), np.broadcast_to(steps[:, None], (1, 4, 4))
    alpha, colour = sample(pyramid(board), np.array([0]), u, v, half=np.array([2], np.float32))
    np.testing.assert_allclose(colour, 0.5, atol=1e-3)
    np.testing.assert_allclose(alpha, 1, atol=1e-3)
