"""The batch of all processes, with gradient: called by a method before its objective."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        ctx.rows = tensor.shape[0]
        parts = [torch.empty_like(tensor) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].contiguous().clone()
        distributed.all_reduce(gradient)
        start = distributed.get_rank() * ctx.rows
        return gradient[start:start + ctx.rows]


def gather(tensor: Tensor) -> Tensor:
    """Rows of every process in rank order, ``(world * batch, ...)``; the tensor itself on one process.

    Every process computes the same loss on the joined batch. The backward sums the gradient over processes and
    keeps the own rows; distributed data parallel then averages over processes, which leaves exactly the
    gradient that one process would have on the joined batch. Each process must hold the same number of rows.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return tensor
    joined: Tensor = _Gather.apply(tensor)
    return joined
