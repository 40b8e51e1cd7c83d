"""Sums in double precision, block by block: the ground that correlations and similarities of the brain scores share."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_tensor, blocks

_COLUMNS = 4096
_CONSTANT = 1e-12
"""A spread below this share of the mean is rounding, not variance."""

TIE = 1e-12
"""Similarities nearer than this are equal: sums of the same numbers in another order differ by 1e-15 or so."""


def as_finite(value: Array, name: str, *, axes: tuple[str, ...], flatten: bool = False) -> Tensor:
    """``value`` detached, with one axis per word of ``axes``; NaN or infinite is refused, naming the first place.

    ``flatten`` folds all axes beyond the second into it.
    """
    rows = as_tensor(value, name).detach()
    if flatten and rows.ndim > 2:
        rows = rows.flatten(1)
    if rows.ndim != len(axes) or 0 in rows.shape:
        raise CounterpointError(f"{name} has shape {tuple(rows.shape)}.", f"({', '.join(axes)}) was expected.")
    if rows.device.type == "mps":
        rows = rows.cpu()  # it has no float64
    if rows.is_floating_point():
        bad = ~torch.isfinite(rows)
        count = int(bad.sum())
        if count:
            place = (int(index[0]) for index in torch.nonzero(bad, as_tuple=True))
            where = ", ".join(f"{axis} {index}" for axis, index in zip(axes, place, strict=True))
            raise CounterpointError(
                f"{name} holds {count} NaN or infinite values; the first is at {where} (counted from 0).",
                "Leave such rows or columns out first.",
            )
    return rows


def as_matched(
    a: Array,
    b: Array,
    name_a: str,
    name_b: str,
    *,
    axes: tuple[str, str],
    smallest: int = 1,
    flatten: bool = False,
) -> tuple[Tensor, Tensor]:
    """Two finite arrays of one shape, row i with row i, on one device."""
    x, y = (as_finite(value, name, axes=axes, flatten=flatten) for value, name in ((a, name_a), (b, name_b)))
    if x.shape != y.shape:
        raise CounterpointError(
            f"{name_a} has shape {tuple(x.shape)} and {name_b} {tuple(y.shape)}.", "They must be equal."
        )
    if len(x) < smallest:
        raise CounterpointError(f"{name_a} has {len(x)} rows.", f"At least {smallest} are needed.")
    return x, y.to(x.device)


def as_repeats(responses: Array) -> Tensor:
    """``(repeats, stimuli, voxels)``, finite, with 2 repeats and 2 stimuli or more."""
    x = as_finite(responses, "responses", axes=("repeat", "stimulus", "voxel"))
    if x.shape[0] < 2 or x.shape[1] < 2:
        raise CounterpointError(
            f"responses has {x.shape[0]} repeats of {x.shape[1]} stimuli.", "2 of each or more are needed."
        )
    return x


def unit_columns(x: Tensor) -> Tensor:
    """Columns in double precision, centred and scaled to length one; a constant column becomes zeros."""
    x = x.double()
    mean = x.mean(0)
    x = x - mean
    norm = torch.linalg.vector_norm(x, dim=0)
    alive = norm > _CONSTANT * len(x) ** 0.5 * mean.abs()
    return x / torch.where(alive, norm, torch.inf)


def row_products(a: Tensor, b: Tensor, *, centre: bool) -> Tensor:
    """Pearson correlation (``centre``) or cosine of matched rows, ``(n,)`` in double precision."""
    scale_a, scale_b = _scales(a, centre), _scales(b, centre)
    out = torch.zeros(len(a), dtype=torch.float64, device=a.device)
    for part in blocks(a.shape[1], _COLUMNS):
        out += (_scaled(a, part, *scale_a) * _scaled(b, part, *scale_b)).sum(1)
    return out


def all_products(a: Tensor, b: Tensor, *, centre: bool) -> Tensor:
    """Pearson correlation (``centre``) or cosine of every row of ``a`` with every row of ``b``: ``(n_a, n_b)``."""
    scale_a, scale_b = _scales(a, centre), _scales(b, centre)
    out = torch.zeros(len(a), len(b), dtype=torch.float64, device=a.device)
    for part in blocks(a.shape[1], _COLUMNS):
        out.addmm_(_scaled(a, part, *scale_a), _scaled(b, part, *scale_b).T)
    return out


def _scales(x: Tensor, centre: bool) -> tuple[Tensor, Tensor]:
    """Mean (zero unless centred) and length of every row; infinite for a row of zeros or a constant one."""
    mean, square = (torch.zeros(len(x), 1, dtype=torch.float64, device=x.device) for _ in range(2))
    if centre:
        for part in blocks(x.shape[1], _COLUMNS):
            mean += x[:, part].double().sum(1, keepdim=True)
        mean /= x.shape[1]
    for part in blocks(x.shape[1], _COLUMNS):
        square += (x[:, part].double() - mean).square().sum(1, keepdim=True)
    norm = square.sqrt()
    alive = norm > _CONSTANT * x.shape[1] ** 0.5 * mean.abs()
    return mean, torch.where(alive, norm, torch.inf)


def _scaled(x: Tensor, part: slice, mean: Tensor, norm: Tensor) -> Tensor:
    return (x[:, part].double() - mean) / norm
