"""Tiles of a similarity matrix that never exists as a whole: their sizes and their running sums.

Inside the kernels logits are in base 2 (the query is multiplied by log2(e) once), because ``exp2`` costs a
third of ``exp`` on a CPU and the change of base is free.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

LOG2E = math.log2(math.e)
LN2 = math.log(2.0)
LOWEST = -1e30  # stands for "no entry yet": finite, so that (-inf) - LOWEST stays -inf and exp2 of it is 0


def compute_dtype(*tensors: Tensor) -> torch.dtype:
    """float64 if any input is float64, float32 for everything narrower."""
    return torch.float64 if any(x.dtype == torch.float64 for x in tensors) else torch.float32


def blocks(total: int, step: int) -> Iterator[slice]:
    """Slices of at most ``step`` that cover ``range(total)``."""
    return (slice(start, min(start + step, total)) for start in range(0, total, step))


def tile_side(device: torch.device) -> int:
    """Side of a square tile. On a CPU 512: 1 MB in float32, which one core's second-level cache holds."""
    return 512 if device.type == "cpu" else 4096


def full_rows(keys: int, device: torch.device) -> int:
    """How many rows of ``keys`` entries to hold at once: 32 to 512, about 4 MB in all on a CPU."""
    budget = 1 << 20 if device.type == "cpu" else 1 << 25
    return max(32, min(tile_side(device), budget // max(keys, 1)))


def scratch(height: int, width: int, like: Tensor) -> Tensor:
    """One flat buffer that tiles of up to ``height * width`` entries are cut from."""
    return torch.empty(height * width, dtype=like.dtype, device=like.device)


def cut(buffer: Tensor, height: int, width: int) -> Tensor:
    """A contiguous ``(height, width)`` tile at the start of a buffer."""
    return buffer[: height * width].view(height, width)


class RunningLogSum:
    """Base-2 log-sum-exp of rows (or columns) that arrive tile by tile, under a running maximum."""

    def __init__(self, size: int, *, like: Tensor) -> None:
        self.peak = torch.full((size,), LOWEST, dtype=like.dtype, device=like.device)
        self.sum = torch.zeros(size, dtype=like.dtype, device=like.device)

    def add(self, at: slice, tile: Tensor, dim: int, out: Tensor) -> None:
        """Take in a tile of logits; ``dim`` is summed away, ``out`` a buffer (the tile itself may serve)."""
        peak = torch.maximum(tile.amax(dim), self.peak[at])
        self.sum[at] *= torch.exp2(self.peak[at] - peak)
        self.peak[at] = peak
        torch.sub(tile, peak.unsqueeze(dim), out=out)
        self.sum[at] += out.exp2_().sum(dim)

    def result(self) -> Tensor:
        """The log-sum-exps in base 2; minus infinity where nothing was summed."""
        return self.peak + torch.log2(self.sum)


def shifts(lse: Tensor) -> Tensor:
    """What to subtract from base-2 logits before ``exp2``: the log-sum-exp, or 0 where nothing was summed."""
    return lse.masked_fill(lse == -torch.inf, 0.0)


def weigh(lse: Tensor, weights: Tensor) -> Tensor:
    """``sum_i weights_i * lse_i``, where a row of weight 0 with nothing in it counts as 0, not as NaN."""
    return (weights * lse.masked_fill((weights == 0) & (lse == -torch.inf), 0.0)).sum()
