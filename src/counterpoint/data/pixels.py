"""Pictures behind an index: read when asked for, and never more than was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Pixels(Protocol):
    """Pictures that are decoded when asked for: what a lazily read source holds in place of an array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, channels, height, width)``."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """``(len(indices), channels, height, width)`` uint8 for an integer array of positions."""


@dataclass(frozen=True)
class Rows:
    """Some rows of lazily read pictures, in the order given; nothing is decoded until they are asked for."""

    pixels: Pixels
    indices: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, channels, height, width)``."""
        return (len(self.indices), *self.pixels.shape[1:])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return self.pixels[self.indices[np.asarray(indices)]]
