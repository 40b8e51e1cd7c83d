"""Two more streamed sums: attention-like means of values, and the softplus total of the sigmoid loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from counterpoint.objectives._streamed import _tile, refuse_double_backward
from counterpoint.objectives._tiles import (
    LOG2E,
    LOWEST,
    blocks,
    cut,
    full_rows,
    scratch,
    tile_side,
)
from counterpoint.objectives.masks import PairMask


def _softmax_rows(buffer: Tensor, base2: Tensor, keys: Tensor, rows: slice, mask: PairMask) -> Tensor:
    """Softmax of whole rows; a row with nothing in it is all zero."""
    tile = _tile(buffer, base2, keys, rows, slice(0, len(keys)), mask)
    tile.sub_(tile.amax(1, keepdim=True).clamp_(min=LOWEST)).exp2_()
    return tile.mul_(tile.sum(1, keepdim=True).clamp_min_(torch.finfo(tile.dtype).tiny).reciprocal_())


class SoftmaxMean(torch.autograd.Function):
    """``softmax(query @ keys.T) @ values`` with gradients for all three; whole rows are made twice."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor, values: Tensor, mask: PairMask) -> Tensor:
        """``(n, d)``."""
        base2, step = query * LOG2E, full_rows(len(keys), query.device)
        buffer = scratch(min(step, len(query)), len(keys), query)
        out = query.new_empty(len(query), values.shape[1])
        for rows in blocks(len(query), step):
            torch.mm(_softmax_rows(buffer, base2, keys, rows, mask), values, out=out[rows])
        ctx.save_for_backward(base2, keys, values, out)
        ctx.mask = mask
        return out

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        """``dS = P * (g V^T - <g, out>)``, the usual softmax derivative."""
        refuse_double_backward()
        base2, keys, values, out = ctx.saved_tensors
        wants_query, wants_keys, wants_values = ctx.needs_input_grad[:3]
        grad_query = torch.empty_like(base2) if wants_query else None
        grad_keys = keys.new_zeros(keys.shape[::-1]) if wants_keys else None
        grad_values = values.new_zeros(values.shape[::-1]) if wants_values else None
        step, inner = full_rows(len(keys), base2.device), (upstream * out).sum(1, keepdim=True)
        first = scratch(min(step, len(base2)), len(keys), base2)
        second = torch.empty_like(first) if wants_query or wants_keys else first
        for rows in blocks(len(base2), step):
            share = _softmax_rows(first, base2, keys, rows, ctx.mask)
            if grad_values is not None:
                grad_values.addmm_(upstream[rows].T, share)
            if wants_query or wants_keys:
                inward = torch.mm(upstream[rows], values.T, out=cut(second, *share.shape))
                inward.sub_(inner[rows]).mul_(share)
                if grad_query is not None:
                    torch.mm(inward, keys, out=grad_query[rows])
                if grad_keys is not None:
                    grad_keys.addmm_(base2[rows].T, inward)
        grad_keys = None if grad_keys is None else grad_keys.T / LOG2E
        return grad_query, grad_keys, None if grad_values is None else grad_values.T, None


class SoftplusTotal(torch.autograd.Function):
    """``sum_ij softplus(query_i . key_j + bias)``; gradients are made in the forward sweep and kept."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, keys: Tensor, bias: Tensor, mask: PairMask, height: int | None, record: bool
    ) -> Tensor:
        """``height``: rows of a tile (None: chosen by the device)."""
        wants = [record and wanted for wanted in ctx.needs_input_grad[:3]]
        side = tile_side(query.device)
        height = min(height or side, len(query))
        first, second = scratch(height, side, query), scratch(height, side, query)
        grad_query = torch.zeros_like(query) if wants[0] else None
        grad_keys = keys.new_zeros(keys.shape[::-1]) if wants[1] else None
        total = torch.zeros((), dtype=torch.float64, device=query.device)
        grad_bias = torch.zeros_like(total)
        for rows in blocks(len(query), height):
            for cols in blocks(len(keys), side):
                tile = _tile(first, query, keys, rows, cols, mask).add_(bias)
                other = cut(second, *tile.shape)
                total += _softplus_sum(tile, other)
                if any(wants):
                    torch.sigmoid(tile, out=other)
                if wants[2]:
                    grad_bias += other.sum(1).sum(dtype=torch.float64)
                if grad_query is not None:
                    grad_query[rows].addmm_(other, keys[cols])
                if grad_keys is not None:
                    grad_keys[:, cols].addmm_(query[rows].T, other)
        ctx.grads = (
            grad_query,
            None if grad_keys is None else grad_keys.T,
            grad_bias.to(bias) if wants[2] else None,
        )
        return total.to(query.dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        """The kept gradients times the incoming one."""
        refuse_double_backward()
        return *(None if grad is None else grad * upstream for grad in ctx.grads), None, None, None


def _softplus_sum(tile: Tensor, out: Tensor) -> Tensor:
    """Sum of ``softplus`` over a tile, which is kept; ``out`` is overwritten.

    softplus(l) = max(l, 0) + log1p(e) with e = exp(-|l|), and log1p(e) = 2 atanh(e / (2 + e)): as exact for
    the tiny e that a good bias leaves, at a sixth of what ``log1p`` costs on a CPU.
    """
    positive_part = torch.clamp(tile, min=0.0, out=out).sum(1).sum(dtype=torch.float64)
    torch.abs(tile, out=out).mul_(LOG2E).exp2_()  # 1 / e, infinite where softplus is 0 to all digits
    out.mul_(2.0).add_(1.0).reciprocal_().atanh_()
    return positive_part + 2.0 * out.sum(1).sum(dtype=torch.float64)
