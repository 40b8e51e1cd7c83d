"""The boundary of the evaluation functions: NumPy or torch comes in, checked tensors go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.core.errors import CounterpointError

Array: TypeAlias = Tensor | NDArray[np.generic]
"""What the public functions of this package take: a torch tensor or a NumPy array."""


def as_tensor(value: Array, name: str) -> Tensor:
    """``value`` as a tensor that shares memory where it can; an object array or a list of strings is an error."""
    if isinstance(value, Tensor):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise CounterpointError(
            f"{name} is {type(value).__name__} of {array.dtype}.", "A numeric NumPy array or torch tensor was expected."
        )
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()  # torch has no read-only tensors and no negative strides
    return torch.from_numpy(array)


def as_rows(value: Array, name: str, *, smallest: int = 1, keep_integers: bool = False) -> Tensor:
    """``(samples, dim)`` of floating point, with ``smallest`` rows or more; half precision becomes float32."""
    rows = as_tensor(value, name)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise CounterpointError(f"{name} has shape {tuple(rows.shape)}.", "(samples, dim) was expected.")
    if len(rows) < smallest:
        raise CounterpointError(f"{name} has {len(rows)} rows.", f"At least {smallest} are needed.")
    if not rows.is_floating_point():
        return rows if keep_integers else rows.float()
    return rows if rows.dtype in (torch.float32, torch.float64) else rows.float()


def as_labels(value: Array, name: str, *, length: int, num_classes: int | None = None) -> Tensor:
    """``(length,)`` int64 class numbers, below ``num_classes`` where that is given."""
    labels = as_tensor(value, name)
    if labels.shape != (length,):
        raise CounterpointError(f"{name} has shape {tuple(labels.shape)}.", f"({length},) was expected.")
    if labels.is_floating_point() or labels.is_complex():
        raise CounterpointError(f"{name} is {labels.dtype}.", "Class numbers are integers.", f"{name}.astype('int64')")
    labels = labels.long()
    low, high = (int(labels.min()), int(labels.max())) if length else (0, -1)
    if low < 0 or (num_classes is not None and high >= num_classes):
        raise CounterpointError(
            f"{name} runs from {low} to {high}.",
            f"Class numbers are 0 to {'...' if num_classes is None else num_classes - 1}; "
            "leave rows of unknown class out.",
        )
    return labels


def same_width(name_a: str, a: Tensor, name_b: str, b: Tensor, *, same_length: bool = False) -> None:
    """Both have the same number of columns (and rows)."""
    if a.shape[1] != b.shape[1] or (same_length and len(a) != len(b)):
        raise CounterpointError(
            f"{name_a} has shape {tuple(a.shape)} and {name_b} {tuple(b.shape)}.",
            "They must be equal." if same_length else "The number of columns must be equal.",
        )


def check_finite(rows: Tensor, what: str) -> None:
    """No NaN and no infinity in ``rows``; ``what`` names their origin in the error."""
    if not rows.is_floating_point():
        return
    bad = sum(int((~torch.isfinite(rows[part]).all(1)).sum()) for part in blocks(len(rows), 4096))
    if bad:
        raise CounterpointError(
            f"{what}: {bad} of {len(rows)} rows hold NaN or infinite values.",
            "Finite features are needed; training may have diverged (lower the learning rate).",
        )


def blocks(total: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``range(total)``."""
    return (slice(start, min(start + size, total)) for start in range(0, total, size))


def unit_rows(rows: Tensor) -> Tensor:
    """Rows scaled to length one; a row of zeros stays zero."""
    return torch.nn.functional.normalize(rows, dim=1)
