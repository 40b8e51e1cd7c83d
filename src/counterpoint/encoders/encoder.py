"""What every encoder of pictures offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """A network from pictures to vectors whose last feature map can be had as well.

    Attributes
    ----------
    dim : int
        Length of the vectors.
    """

    dim: int

    @abstractmethod
    def maps(self, x: Tensor) -> Tensor:
        """``(batch, channels, height, width)`` to the last feature map ``(batch, depth, rows, columns)``."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, height, width)`` to ``(batch, dim)``."""
