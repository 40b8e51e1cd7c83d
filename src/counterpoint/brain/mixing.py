"""Mixing of brain responses: each sample becomes a weighted mean of itself and another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError


class MixedVoxels(NamedTuple):
    """What :func:`mixco` returns: ``mixed`` like the voxels, ``betas`` ``(batch,)``."""

    mixed: Tensor
    betas: Tensor


class Mix(NamedTuple):
    """What :func:`draw_mix` returns, each ``(batch,)``: the arguments of :func:`mixco` after the voxels."""

    permutation: Tensor
    betas: Tensor
    selected: Tensor


def mixco(voxels: Tensor, permutation: Tensor, betas: Tensor, selected: Tensor) -> MixedVoxels:
    r"""Mix sample i with sample ``permutation[i]`` where selected.

    .. math:: x_i^* = \beta_i x_i + (1 - \beta_i) x_{k_i}

    Kim et al. 2020 (MixCo); Scotti et al. 2023 (MindEye), section 3.2. The input is left as it is (the
    authors' helper writes into it).

    Parameters
    ----------
    voxels : Tensor
        ``(batch, ...)`` responses, of one subject or in a space that subjects share.
    permutation : Tensor
        ``(batch,)`` integers.
    betas : Tensor
        ``(batch,)`` in 0..1: the share of the sample itself.
    selected : Tensor
        ``(batch,)`` bool; other samples come back unchanged, with a beta of 1.

    Returns
    -------
    MixedVoxels
        ``mixed`` and the ``betas`` that :func:`~counterpoint.objectives.bimixco` takes.

    Raises
    ------
    CounterpointError
        Lengths that differ, or a ``selected`` that is not boolean.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[0.0], [4.0]])
    >>> mixco(x, torch.tensor([1, 0]), torch.tensor([0.75, 0.5]), torch.tensor([True, False]))
    MixedVoxels(mixed=tensor([[1.],
            [4.]]), betas=tensor([0.7500, 1.0000]))
    """
    for name, value in {"permutation": permutation, "betas": betas, "selected": selected}.items():
        if value.shape != (len(voxels),):
            raise CounterpointError(
                f"{name} has shape {tuple(value.shape)}.", f"({len(voxels)},) was expected: one entry per sample."
            )
    if selected.dtype != torch.bool:
        raise CounterpointError(f"selected is {selected.dtype}.", "A bool tensor was expected.", "selected.bool()")
    device, rows = voxels.device, (-1,) + (1,) * (voxels.ndim - 1)
    chosen = selected.to(device)
    share = betas.to(device).masked_fill(~chosen, 1.0)
    weight = share.to(voxels.dtype).view(rows)
    mixture = weight * voxels + (1.0 - weight) * voxels[permutation.to(device)]
    return MixedVoxels(torch.where(chosen.view(rows), mixture, voxels), share)


def draw_mix(
    batch: int,
    *,
    alpha: float = 0.15,
    probability: float = 0.5,
    groups: Sequence[int] | None = None,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Mix:
    r"""Draw who is mixed with whom: a random permutation and :math:`\beta_i \sim \mathrm{Beta}(\alpha, \alpha)`.

    A permutation may leave a sample where it is; it is then mixed with itself, which changes nothing.

    Parameters
    ----------
    batch : int
        Number of samples.
    alpha : float
        Above 0. Small values give betas near 0 or 1.
    probability : float
        Of each sample to be mixed at all.
    groups : sequence of int, optional
        Sizes of the parts of the batch, in order, one per subject. Samples are then mixed within their part,
        as positions in the whole batch (MedARC-AI/MindEyeV2 joins the parts' permutations without adding
        these offsets, so that later subjects point at the first one's pictures).
    generator : torch.Generator, optional
        For the same draw again.
    device : torch.device or str, optional
        Where the results go; by default the generator's device.

    Returns
    -------
    Mix
        ``permutation`` int64, ``betas`` float32 and ``selected`` bool, each ``(batch,)``.

    Raises
    ------
    CounterpointError
        An alpha or a probability that is none, groups that do not add up to the batch.

    Examples
    --------
    >>> import torch
    >>> mix = draw_mix(5, groups=[2, 3], generator=torch.Generator().manual_seed(0))
    >>> sorted(mix.permutation[:2].tolist()), sorted(mix.permutation[2:].tolist())
    ([0, 1], [2, 3, 4])
    """
    sizes = [batch] if groups is None else [int(size) for size in groups]
    if batch < 1 or sum(sizes) != batch or min(sizes, default=0) < 0:
        raise CounterpointError(f"groups are {sizes} in a batch of {batch}.", "Sizes that add up to it were expected.")
    if not (alpha > 0 and math.isfinite(alpha)):
        raise CounterpointError(f"alpha is {alpha}.", "It must be a finite number above 0.")
    if not 0.0 <= probability <= 1.0:
        raise CounterpointError(f"probability is {probability}.", "It must lie in 0..1.")
    home = generator.device if generator is not None else torch.device(device or "cpu")
    parts, start = [], 0
    for size in sizes:
        parts.append(start + torch.randperm(size, generator=generator, device=home))
        start += size
    # A beta variable is the share of one of two gamma variables: the way that takes a generator. In float64,
    # because at alpha 0.15 both may be smaller than float32 can hold.
    shape = torch.full((2, batch), alpha, dtype=torch.float64, device=home)
    first, second = torch._standard_gamma(shape, generator=generator)
    betas = (first / (first + second)).float()
    selected = torch.rand(batch, generator=generator, device=home) < probability
    target = home if device is None else device
    return Mix(torch.cat(parts).to(target), betas.to(target), selected.to(target))
