"""Random numbers by counter: the numbers of sample ``index`` depend on ``(seed, stream, index)`` alone.

A hash replaces the state of a generator, so a picture is the same whichever batch it is drawn in. The mixer
is the finaliser of SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_MASK = (1 << 64) - 1


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


def keys(seed: int, stream: int, index: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One 64-bit key per entry of ``index``, shape ``(n,)``."""
    start = np.array([seed & _MASK], np.uint64) * _STEP + np.array([stream & _MASK], np.uint64)
    return _mix(_mix(start) + index.astype(np.uint64) * _STEP)


def uniform(seed: int, stream: int, index: NDArray[np.int64], count: int = 1) -> NDArray[np.float64]:
    """``(n, count)`` numbers in [0, 1), row ``i`` from ``index[i]`` alone.

    >>> import numpy as np
    >>> both = uniform(7, 0, np.arange(10), 3)
    >>> bool((both[4:6] == uniform(7, 0, np.arange(4, 6), 3)).all())
    True
    """
    slots = np.arange(1, count + 1, dtype=np.uint64) * _STEP
    bits = _mix(keys(seed, stream, index)[:, None] + slots)
    return (bits >> np.uint64(11)).astype(np.float64) * np.float64(2.0**-53)


def balanced(seed: int, stream: int, index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """One of ``count`` values per index, each exactly once in every aligned block of ``count`` indices."""
    order = np.argsort(uniform(seed, stream, index // count, count), axis=1, kind="stable")
    return np.take_along_axis(order, (index % count)[:, None], axis=1)[:, 0]


def pixel_noise(
    seed: int, stream: int, index: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """White noise in [-1, 1), shape ``(n, *shape)``: a 32-bit hash of key and pixel number."""
    low = (keys(seed, stream, index) >> np.uint64(32)).astype(np.uint32)
    bits = low[:, None] + np.arange(int(np.prod(shape)), dtype=np.uint32) * np.uint32(0x9E3779B9)
    bits ^= bits >> np.uint32(16)
    bits *= np.uint32(0x21F0AAAD)
    bits ^= bits >> np.uint32(15)
    bits *= np.uint32(0x735A2D97)
    bits ^= bits >> np.uint32(15)
    noise = bits.view(np.int32).astype(np.float32)
    noise *= np.float32(2.0**-31)
    return noise.reshape(len(index), *shape)
