"""Sprites: equal areas, centred, true distances, and patterns that show."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.data.sprites import AREA, REACH, SHAPES, TEXTURES, distances, patterns

_STEPS = np.linspace(-1.5, 1.5, 601, dtype=np.float32)
_X, _Y = np.meshgrid(_STEPS, _STEPS)


@pytest.mark.parametrize("shape", list(SHAPES))
def test_shapes_have_one_area_one_centre_and_a_reach(shape: str) -> None:
    inside = SHAPES[shape](_X, _Y) < 0
    assert inside.sum() * (3 / 600) ** 2 == pytest.approx(AREA, rel=0.01)
    assert abs(_X[inside].mean()) < 0.005
    assert abs(_Y[inside].mean()) < 0.005
    assert np.hypot(_X, _Y)[inside].max() <= REACH


@pytest.mark.parametrize("shape", list(SHAPES))
def test_distances_grow_no_faster_than_the_way(shape: str) -> None:
    draw = np.random.default_rng(0).uniform(-1.5, 1.5, (4, 20000)).astype(np.float32)
    change = np.abs(SHAPES[shape](draw[0], draw[1]) - SHAPES[shape](draw[2], draw[3]))
    assert (change <= np.hypot(draw[0] - draw[2], draw[1] - draw[3]) + 1e-5).all()
    distance = SHAPES[shape](_X, _Y)
    slope = np.hypot(*np.gradient(distance, 3 / 600))
    assert np.median(slope[np.abs(distance) < 0.02]) == pytest.approx(1, abs=0.02)


def test_shapes_are_told_apart() -> None:
    masks = np.stack([SHAPES[shape](_X, _Y) < 0 for shape in SHAPES]).reshape(len(SHAPES), -1)
    common = (masks[:, None] & masks[None]).sum(-1) / (masks[:, None] | masks[None]).sum(-1)
    assert common[~np.eye(len(SHAPES), dtype=bool)].max() < 0.95


def test_batched_distances_are_those_one_by_one() -> None:
    shape = np.array([3, 0, 3, 7, 5])
    x = np.random.default_rng(0).normal(size=(5, 4, 6)).astype(np.float32)
    y = x[::-1].copy()
    found = distances(shape, x, y)
    for row, number in enumerate(shape):
        np.testing.assert_array_equal(found[row], list(SHAPES.values())[number](x[row], y[row]))


def test_patterns_repeat_and_cover_their_share() -> None:
    u, v = np.meshgrid(np.arange(120, dtype=np.float32), np.arange(120, dtype=np.float32))
    number = np.arange(len(TEXTURES))
    share = patterns(number, *(np.broadcast_to(c, (4, 120, 120)) for c in (u, v)), period=10.0)
    assert (share[0] == 0).all()
    assert share.min() >= 0
    assert share.max() <= 1
    assert np.abs(share[1:].mean((1, 2)) - [0.5, 0.5, np.pi * 0.31**2]).max() < 0.05
    np.testing.assert_allclose(share[1][:, 10:], share[1][:, :-10], atol=1e-4)
    np.testing.assert_allclose(share[3][10:], share[3][:-10], atol=1e-4)
