"""From the last feature map to one vector."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Pool(nn.Module):
    """``(batch, channels, height, width)`` to ``(batch, channels * factor)``.

    Parameters
    ----------
    kind : str
        ``"mean"`` or ``"max"`` over positions (factor 1), or ``"grid"``: means over the 2 x 2 quarters of
        the map, in the order top left, top right, bottom left, bottom right within each channel (factor 4).
    """

    def __init__(self, kind: str = "mean") -> None:
        super().__init__()
        self.kind = kind
        self.factor = 4 if kind == "grid" else 1

    def forward(self, maps: Tensor) -> Tensor:
        """Pool ``maps``; the result is contiguous and has the input's dtype."""
        if self.kind == "grid":
            return F.adaptive_avg_pool2d(maps, 2).flatten(1)
        return maps.amax((2, 3)) if self.kind == "max" else maps.mean((2, 3))

    def extra_repr(self) -> str:
        """Shown when the module is printed."""
        return self.kind
