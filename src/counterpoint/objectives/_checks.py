"""What every objective asks of its inputs, checked before any work, in the words of the caller."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives._tiles import compute_dtype


def check_pairs(*, smallest: int = 1, **tensors: Tensor) -> None:
    """All are floating ``(batch, dim)`` of one shape on one device, with ``smallest`` rows or more."""
    for name, value in tensors.items():
        check_matrix(name, value)
    if len({tuple(value.shape) for value in tensors.values()}) > 1:
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in tensors.items())
        raise CounterpointError(f"Shapes differ: {shapes}.", "All must be the same (batch, dim), row i with row i.")
    check_devices(**tensors)
    check_batch(next(iter(tensors.values())).shape[0], smallest)


def check_batch(batch: int, smallest: int) -> None:
    """An error for fewer than ``smallest`` samples."""
    if batch < smallest:
        what = "has no negatives" if smallest > 1 else "has nothing to compare"
        raise CounterpointError(
            f"A batch of {batch} {what}.",
            f"At least {smallest} samples are needed.",
            "--data.batch_size 2 or more; drop a last batch that is smaller",
        )


def check_matrix(name: str, value: Tensor, *, dims: int = 2, form: str = "(batch, dim)") -> None:
    """``value`` is a floating tensor of ``dims`` axes."""
    if not isinstance(value, Tensor):
        raise CounterpointError(
            f"{name} is a {type(value).__name__}.",
            f"A tensor {form} was expected.",
            f"torch.as_tensor({name})",
        )
    if value.ndim != dims or value.shape[-1] == 0:
        raise CounterpointError(f"{name} has shape {tuple(value.shape)}.", f"{form} was expected.")
    if not value.is_floating_point():
        raise CounterpointError(f"{name} is {value.dtype}.", "Embeddings are floating point.", f"{name}.float()")


def check_devices(**tensors: Tensor) -> None:
    """All on one device."""
    if len({value.device for value in tensors.values()}) > 1:
        where = ", ".join(f"{name} on {value.device}" for name, value in tensors.items())
        raise CounterpointError(f"Devices differ: {where}.", "All inputs must be on one device.")


def check_queue(queue: Tensor, *, like: Tensor, name: str) -> None:
    """``queue`` is ``(num_entries, dim)`` with at least one entry and the width of ``like``."""
    check_matrix("queue", queue, form="(num_entries, dim)")
    if queue.shape[0] == 0 or queue.shape[1] != like.shape[1]:
        raise CounterpointError(
            f"queue has shape {tuple(queue.shape)} and {name} {tuple(like.shape)}.",
            f"queue must be (num_entries, {like.shape[1]}) with one entry or more.",
        )
    check_devices(queue=queue, **{name: like})


def positive(name: str, value: float | Tensor) -> float | Tensor:
    """``value`` as a float or 0-d tensor above zero.

    A tensor's value is only looked at on the CPU: elsewhere that would stop the device at every step.
    """
    number = scalar(name, value)
    seen = number.detach() if isinstance(number, Tensor) else number
    known = not isinstance(seen, Tensor) or seen.device.type == "cpu"
    if known and not (float(seen) > 0 and math.isfinite(float(seen))):
        raise CounterpointError(
            f"{name} is {float(seen)}.",
            "It must be a finite number above 0.",
            f"learn log({name}) and pass its exponential" if isinstance(value, Tensor) else "",
        )
    return number


def scalar(name: str, value: float | Tensor) -> float | Tensor:
    """``value`` as a float or a 0-d tensor."""
    if isinstance(value, Tensor):
        if value.numel() != 1 or not value.is_floating_point():
            raise CounterpointError(
                f"{name} is a {value.dtype} tensor of shape {tuple(value.shape)}.",
                "A number or a floating 0-d tensor was expected.",
            )
        return value.reshape(())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CounterpointError(f"{name} is {value!r}.", "A number or a floating 0-d tensor was expected.")
    return float(value)


def unit(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Rows (last axis) scaled to length 1, in one dtype: float64 if any input is, else float32."""
    dtype = compute_dtype(*tensors)
    return tuple(F.normalize(x.to(dtype), dim=-1) for x in tensors)


def row_dots(a: Tensor, b: Tensor) -> Tensor:
    """Dot product of row i with row i: ``(batch,)``, in the precision given, also under autocast."""
    with torch.autocast(a.device.type, enabled=False):
        return torch.linalg.vecdot(a, b)
