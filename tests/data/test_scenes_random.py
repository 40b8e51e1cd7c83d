"""Random numbers by counter: uniform, balanced, and independent of the company they are drawn in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.data.scenes_random import balanced, pixel_noise, uniform

_LOW = (1 << 64) - 1


def _naive(seed: int, stream: int, index: int, slot: int) -> float:
    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _LOW
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _LOW
        return z ^ (z >> 31)

    step = 0x9E3779B97F4A7C15
    start = mix((seed * step + stream) & _LOW)
    key = mix((start + index * step) & _LOW)
    return (mix((key + (slot + 1) * step) & _LOW) >> 11) / 2**53


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 2**63 - 1), st.integers(0, 300), st.lists(st.integers(0, 2**41), min_size=1, max_size=5)
)
def test_numbers_are_those_of_whole_number_arithmetic(seed: int, stream: int, index: list[int]) -> None:
    drawn = uniform(seed, stream, np.array(index), 4)
    assert drawn.tolist() == [[_naive(seed, stream, i, slot) for slot in range(4)] for i in index]


def test_numbers_are_uniform_and_uncorrelated() -> None:
    drawn = uniform(0, 0, np.arange(40000), 4)
    for column in drawn.T:
        counts = np.histogram(column, 20, (0, 1))[0]
        assert ((counts - 2000) ** 2 / 2000).sum() < 44  # chi-square, 19 degrees of freedom, p = 0.001
    assert np.abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.02
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.02
    assert abs(np.corrcoef(drawn[:, 0], uniform(1, 0, np.arange(40000), 1)[:, 0])[0, 1]) < 0.02


@pytest.mark.parametrize("count", [1, 3, 8])
def test_every_block_holds_every_value_once(count: int) -> None:
    values = balanced(3, 1, np.arange(count * 50), count).reshape(50, count)
    assert (np.sort(values, axis=1) == np.arange(count)).all()
    assert count == 1 or len({tuple(row) for row in values.tolist()}) > 1


def test_pixel_noise_is_white_and_its_own() -> None:
    noise = pixel_noise(2, 5, np.arange(50), (3, 16, 16))
    np.testing.assert_array_equal(noise[7], pixel_noise(2, 5, np.array([7]), (3, 16, 16))[0])
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 3**-0.5) < 0.01
    flat = noise.reshape(50, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(50)).max() < 0.2
    assert abs((noise[..., 1:] * noise[..., :-1]).mean()) < 0.01
