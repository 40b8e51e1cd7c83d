"""The low-level branch: from voxels to the latent of a picture autoencoder, a blurred guess of what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError


class LatentGuess(NamedTuple):
    """``latent`` ``(batch, channels, side, side)`` and ``maps`` ``(batch, places, map_dim)`` or None."""

    latent: Tensor
    maps: Tensor | None


class LatentBranch(nn.Module):
    """Voxels to a latent picture, with help from the high-level branch where it is given.

    Linear - LN - SiLU - Dropout, residual blocks of the same kind, Linear to a small map, group normalisation,
    then convolutional stages that double its side until the latent's. Scotti et al. 2023 (MindEye), low-level
    pipeline; the guidance is that of Liu et al. 2024 (STTM, arXiv 2403.06361). The stages are plain residual
    ones, without the attention in the middle of the authors' upsampler. For MindEye's size: ``side=64,
    widths=(256, 128, 64), map_channels=64, map_dim=512``.

    Parameters
    ----------
    in_dim : int or None
        Voxels; None takes ``(batch, hidden)`` from a layer per subject.
    hidden, blocks : int
        Width and number of residual blocks.
    dropout, block_dropout : float
        After the first layer and in the blocks.
    latent_channels, side : int
        Of the latent: 4 x 8 x 8 is that of a 64-pixel picture, 4 x 64 x 64 that of a 512-pixel one.
    widths : sequence of int
        Channels of each convolutional stage; all but the last double the side, so the small map has a side of
        ``side / 2 ** (len(widths) - 1)``.
    map_channels : int
        Channels of the small map.
    map_dim : int, optional
        Width of the tokens that an auxiliary projector makes of the small map's places, to be compared with a
        frozen network's; None for no such projector.
    guidance_dim : int, optional
        Length of the high-level branch's hidden feature; None for a branch without guidance.
    brain_drop, guidance_drop : float
        In training, chance per sample that one of the two gives way to its learned stand-in, where both are
        given. The authors drop the brain in 0.4 of the batches.

    Examples
    --------
    >>> branch = LatentBranch(50, hidden=32, blocks=1, guidance_dim=16, map_dim=8)
    >>> guess = branch(torch.randn(3, 50), torch.randn(3, 16))
    >>> guess.latent.shape, guess.maps.shape
    (torch.Size([3, 4, 8, 8]), torch.Size([3, 16, 8]))
    """

    def __init__(
        self,
        in_dim: int | None,
        *,
        hidden: int = 4096,
        blocks: int = 4,
        dropout: float = 0.5,
        block_dropout: float = 0.25,
        latent_channels: int = 4,
        side: int = 8,
        widths: Sequence[int] = (128, 64),
        map_channels: int = 64,
        map_dim: int | None = None,
        guidance_dim: int | None = None,
        brain_drop: float = 0.4,
        guidance_drop: float = 0.0,
    ) -> None:
        super().__init__()
        smallest = side >> max(len(widths) - 1, 0)
        if not widths or smallest < 1 or smallest << (len(widths) - 1) != side:
            raise CounterpointError(
                f"A latent of side {side} cannot be made in {len(widths)} stages.",
                "The side must be divisible by 2 for every stage but the last.",
            )
        if min(brain_drop, guidance_drop) < 0.0 or brain_drop + guidance_drop > 1.0:
            raise CounterpointError(
                f"brain_drop is {brain_drop} and guidance_drop {guidance_drop}.", "Shares that add up to 1 at most."
            )
        self.small = (map_channels, smallest, smallest)
        self.brain_drop, self.guidance_drop = brain_drop, guidance_drop
        self.first: nn.Module = nn.Identity() if in_dim is None else _layer(in_dim, hidden, dropout)
        self.blocks = nn.ModuleList(_layer(hidden, hidden, block_dropout) for _ in range(blocks))
        self.merge: _Merge | None = None
        if guidance_dim is not None:
            self.merge = _Merge(hidden, guidance_dim, block_dropout)
        self.to_map = nn.Linear(hidden, map_channels * smallest**2, bias=False)
        self.norm = nn.GroupNorm(1, map_channels)
        self.upsampler = _upsampler(map_channels, widths, latent_channels)
        self.project = None if map_dim is None else _map_projector(map_channels, max(map_dim, map_channels), map_dim)

    def forward(
        self, x: Tensor | None, guidance: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> LatentGuess:
        """The latent, and tokens of the small map where asked for.

        Parameters
        ----------
        x : Tensor or None
            ``(batch, in_dim)`` voxels; None to go by the guidance alone.
        guidance : Tensor, optional
            ``(batch, guidance_dim)`` hidden feature of the high-level branch; None to go without.
        generator : torch.Generator, optional
            Of the drops in training.
        """
        if (x is None or guidance is not None) and self.merge is None:
            raise CounterpointError(
                "This branch has no guidance, and was given " + ("no voxels." if x is None else "some."),
                "",
                "LatentBranch(..., guidance_dim=...)",
            )
        feature = None if x is None else self._feature(x)
        if self.merge is not None:
            feature = self.merge(feature, guidance, drops=self._drops(feature, guidance, generator))
        small = self.norm(self.to_map(feature).unflatten(1, self.small))
        maps = None if self.project is None else self.project(small).flatten(2).transpose(1, 2)
        return LatentGuess(self.upsampler(small), maps)

    def _feature(self, x: Tensor) -> Tensor:
        feature: Tensor = self.first(x)
        for block in self.blocks:
            feature = feature + block(feature)
        return feature

    def _drops(
        self, feature: Tensor | None, guidance: Tensor | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor] | None:
        """Which samples lose the brain and which the guidance; never both."""
        if not self.training or feature is None or guidance is None:
            return None
        home = feature.device if generator is None else generator.device
        chance = torch.rand(len(feature), 1, generator=generator, device=home).to(feature.device)
        return chance < self.brain_drop, chance >= 1.0 - self.guidance_drop


class _Merge(nn.Module):
    """Brain plus guidance, either of them a learned vector where missing, through a residual layer."""

    def __init__(self, hidden: int, guidance_dim: int, dropout: float) -> None:
        super().__init__()
        self.no_brain = nn.Parameter(torch.randn(hidden))
        self.no_guidance = nn.Parameter(torch.randn(hidden))
        self.resize = nn.Identity() if guidance_dim == hidden else nn.Linear(guidance_dim, hidden)
        self.layer = _layer(hidden, hidden, dropout)

    def forward(self, brain: Tensor | None, guidance: Tensor | None, *, drops: tuple[Tensor, Tensor] | None) -> Tensor:
        if brain is None and guidance is None:
            raise CounterpointError("Neither voxels nor guidance were given.", "One of them is needed.")
        top = None if guidance is None else self.resize(guidance)
        if drops is not None and brain is not None and top is not None:
            brain = torch.where(drops[0], self.no_brain.to(brain.dtype), brain)
            top = torch.where(drops[1], self.no_guidance.to(top.dtype), top)
        joined = (self.no_brain if brain is None else brain) + (self.no_guidance if top is None else top)
        result: Tensor = joined + self.layer(joined)
        return result


class _Stage(nn.Module):
    """Two convolutions around a shortcut, at one side, then twice the side unless it is the last stage."""

    def __init__(self, inside: int, outside: int, *, grow: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_convolution(inside, outside), *_convolution(outside, outside))
        self.shortcut = nn.Identity() if inside == outside else nn.Conv2d(inside, outside, 1)
        self.grow = nn.Conv2d(outside, outside, 3, padding=1) if grow else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.shortcut(x) + self.layers(x)
        if self.grow is not None:
            x = self.grow(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return x


def _layer(inside: int, outside: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inside, outside, bias=False), nn.LayerNorm(outside), nn.SiLU(), nn.Dropout(dropout))


def _convolution(inside: int, outside: int) -> tuple[nn.Module, ...]:
    groups = max(n for n in range(1, 33) if inside % n == 0)
    return nn.GroupNorm(groups, inside), nn.SiLU(), nn.Conv2d(inside, outside, 3, padding=1)


def _upsampler(inside: int, widths: Sequence[int], outside: int) -> nn.Sequential:
    stages: list[nn.Module] = [nn.Conv2d(inside, widths[0], 3, padding=1)]
    for number, (before, width) in enumerate(zip([widths[0], *widths], widths, strict=False)):
        stages.append(_Stage(before, width, grow=number < len(widths) - 1))
    return nn.Sequential(*stages, *_convolution(widths[-1], outside))


def _map_projector(inside: int, hidden: int, outside: int) -> nn.Sequential:
    """Convolutions of side 1: 64 - 512 - 512 - 512 at MindEye's size."""

    def normed(before: int) -> list[nn.Module]:
        return [nn.Conv2d(before, hidden, 1, bias=False), nn.GroupNorm(1, hidden), nn.ReLU()]

    return nn.Sequential(*normed(inside), *normed(hidden), nn.Conv2d(hidden, outside, 1))
