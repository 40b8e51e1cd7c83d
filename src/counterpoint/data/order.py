"""The order in which an epoch goes through a source, and sources that make their own batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from counterpoint.core.typing import Batch

BatchPlan = Callable[[int, np.random.Generator], Sequence[np.ndarray]]
"""``(epoch, generator) -> global batches``: one integer array of positions for each step of the epoch."""


class BatchSource(Protocol):
    """A source that makes its own batches, of whatever kind."""

    name: str
    split: str
    in_memory: bool

    def __len__(self) -> int: ...

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next batches belong to."""

    def batch(self, rows: np.ndarray) -> Batch:
        """The batch of the samples ``rows``."""


class EpochOrder:
    """The order of one epoch, a function of ``(seed, epoch)`` alone.

    Examples
    --------
    >>> order = EpochOrder(5, seed=0)
    >>> sorted(order.indices().tolist())
    [0, 1, 2, 3, 4]
    """

    def __init__(self, count: int, *, seed: int, shuffle: bool = True) -> None:
        self.count, self.seed, self.shuffle, self.epoch = count, seed, shuffle, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order :meth:`indices` gives."""
        self.epoch = int(epoch)

    def generator(self) -> np.random.Generator:
        """A fresh generator for this seed and epoch."""
        return np.random.default_rng([self.seed, self.epoch])

    def indices(self) -> np.ndarray:
        """``(count,)`` positions in this epoch's order."""
        return self.generator().permutation(self.count) if self.shuffle else np.arange(self.count)
