"""The convolutional network of the latent flow (two resolutions, modulated by time and embedding) and its checks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError

FREQUENCIES = 64


class Velocity(nn.Module):
    """``(n, 4, 8, 8)`` noised latents, time, condition and expected latent to a velocity ``(n, 4, 8, 8)``."""

    def __init__(self, *, width: int, condition: int) -> None:
        super().__init__()
        self.time = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, condition), nn.SiLU(), nn.Linear(condition, condition)
        )
        self.place = nn.Parameter(torch.zeros(width, 8, 8))
        self.enter = nn.Conv2d(8, width, 3, padding=1)
        self.fine = nn.ModuleList(_Block(width, condition) for _ in range(2))
        self.down = nn.Conv2d(width, 2 * width, 3, 2, padding=1)
        self.coarse = nn.ModuleList(_Block(2 * width, condition) for _ in range(2))
        self.up = nn.Conv2d(2 * width, width, 3, padding=1)
        self.join = nn.Conv2d(2 * width, width, 1)
        self.last = nn.ModuleList(_Block(width, condition) for _ in range(2))
        self.norm = nn.GroupNorm(8, width)
        self.leave = nn.Conv2d(width, 4, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, time: Tensor, condition: Tensor, expected: Tensor) -> Tensor:
        given = F.silu(condition + self.time(waves(time)))
        x = self.enter(torch.cat([x, expected], 1)) + self.place
        for block in self.fine:
            x = block(x, given)
        low = self.down(x)
        for block in self.coarse:
            low = block(low, given)
        up = self.up(F.interpolate(low, scale_factor=2.0))
        x = self.join(torch.cat([x, up], 1))
        for block in self.last:
            x = block(x, given)
        return self.leave(F.silu(self.norm(x)))


class _Block(nn.Module):
    """Residual block of two convolutions; scale and shift between them come from the condition."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.before, self.between = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.film = nn.Linear(condition, 2 * width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        scale, shift = self.film(given)[:, :, None, None].chunk(2, 1)
        inner = self.first(F.silu(self.before(x)))
        return x + self.second(F.silu(self.between(inner) * (1 + scale) + shift))


def waves(time: Tensor) -> Tensor:
    """Sines and cosines of time in 0..1 at frequencies of 1 to 1000."""
    rates = torch.exp(torch.linspace(0, math.log(1000), FREQUENCIES, device=time.device, dtype=time.dtype))
    angles = time[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def start_latents(low_level: Tensor | NDArray[np.floating[Any]], n: int) -> Tensor:
    x = torch.as_tensor(low_level)
    if x.shape != (n, 4, 8, 8):
        raise CounterpointError(
            f"low_level has shape {tuple(x.shape)}.",
            f"({n}, 4, 8, 8) was expected, as PictureAutoencoder.encode gives it.",
        )
    return x


def check_sampling(*, strength: float, samples: int, steps: int, given: bool) -> None:
    if not 0 <= strength <= 1:
        raise CounterpointError(f"strength={strength}.", "0 to 1 was expected.", "strength=0.85")
    if not given and strength < 1:
        raise CounterpointError(
            f"strength={strength} without low_level.", "There is nothing to start from.", "strength=1.0"
        )
    if samples < 1 or steps < 1:
        raise CounterpointError(f"samples={samples}, steps={steps}.", "1 or more of each was expected.")
