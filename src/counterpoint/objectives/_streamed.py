"""Log-sum-exps over a similarity matrix, tile by tile, with gradients of their own: no square matrix is kept.

Counted in products of the whole matrix (rows x keys x dim), which dominate:

======================= ======= ======== =============================================
function                forward backward why
======================= ======= ======== =============================================
``WeightedLse``         3       0        the weights are known, so the gradient is made in the same sweep
``LseRowsCols``         1       3        column sums are known only at the end: tiles are made twice
``LseSelf``             1/2     3/2      the matrix is symmetric: tiles above the diagonal serve both sides
======================= ======= ======== =============================================
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives._tiles import (
    LN2,
    LOG2E,
    LOWEST,
    RunningLogSum,
    blocks,
    cut,
    full_rows,
    scratch,
    shifts,
    tile_side,
    weigh,
)
from counterpoint.objectives.masks import PairMask


def refuse_double_backward() -> None:
    """Raise when a graph of the gradient itself is asked for."""
    if torch.is_grad_enabled():
        raise CounterpointError(
            "A second derivative of a streamed objective was asked for (create_graph=True).",
            "The streamed kernels have first derivatives only; the dense path has all.",
            'with counterpoint.objectives.kernel_path("dense"): ...',
        )


def _tile(buffer: Tensor, query: Tensor, keys: Tensor, rows: slice, cols: slice, mask: PairMask) -> Tensor:
    """Base-2 logits of one tile with the left-out pairs at minus infinity."""
    tile = cut(buffer, rows.stop - rows.start, cols.stop - cols.start)
    torch.mm(query[rows], keys[cols].T, out=tile)
    mask.apply(tile, rows, cols)
    return tile


class WeightedLse(torch.autograd.Function):
    """``sum_i weights_i * lse_i`` over whole rows; gradients are made in the forward sweep and kept."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, keys: Tensor, weights: Tensor, extra: Tensor, mask: PairMask, record: bool
    ) -> Tensor:
        """``extra (n, e)``: further logits (natural base) that join each row's sum; e may be 0."""
        wants = [record and wanted for wanted in ctx.needs_input_grad[:4]]
        base2, extra2 = query * LOG2E, extra * LOG2E
        lse = torch.empty_like(weights)
        grad_query = torch.empty_like(query) if wants[0] else None
        grad_keys = keys.new_zeros(keys.shape[::-1]) if wants[1] else None
        step = full_rows(len(keys), query.device)
        buffer = scratch(min(step, len(query)), len(keys), query)
        everything = slice(0, len(keys))
        for rows in blocks(len(query), step):
            tile = _tile(buffer, base2, keys, rows, everything, mask)
            peak = tile.amax(1)
            if extra.shape[1]:
                peak = torch.maximum(peak, extra2[rows].amax(1))
            peak = peak.clamp_(min=LOWEST).unsqueeze(1)
            total = tile.sub_(peak).exp2_().sum(1) + torch.exp2(extra2[rows] - peak).sum(1)
            lse[rows] = total.log2() + peak.squeeze(1)
            # rows are scaled on the (n, dim) side: the tile itself is never divided by its sum
            share = (weights[rows] / total.clamp_min(torch.finfo(tile.dtype).tiny)).unsqueeze(1)
            if grad_query is not None:
                torch.mm(tile, keys, out=grad_query[rows]).mul_(share)
            if grad_keys is not None:
                grad_keys.addmm_((query[rows] * share).T, tile)
        grad_extra = weights.unsqueeze(1) * torch.exp2(extra2 - shifts(lse).unsqueeze(1)) if wants[3] else None
        lse *= LN2
        ctx.grads = (
            grad_query,
            None if grad_keys is None else grad_keys.T,
            lse if wants[2] else None,
            grad_extra,
        )
        return weigh(lse, weights)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        """The kept gradients times the incoming one."""
        refuse_double_backward()
        return *(None if grad is None else grad * upstream for grad in ctx.grads), None, None


def _gradient_tile(
    tile: Tensor,
    other: Tensor,
    row_part: tuple[Tensor, Tensor] | None,
    col_part: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """d(loss)/d(logit) of one tile from (shift, incoming gradient) of its rows and of its columns."""
    if row_part is None:
        assert col_part is not None
        return tile.sub_(col_part[0]).exp2_().mul_(col_part[1])
    if col_part is not None:
        torch.sub(tile, col_part[0], out=other).exp2_().mul_(col_part[1])
    tile.sub_(row_part[0].unsqueeze(1)).exp2_().mul_(row_part[1].unsqueeze(1))
    return tile if col_part is None else tile.add_(other)


class LseRowsCols(torch.autograd.Function):
    """Log-sum-exps of every row and every column (either may be switched off) in one sweep."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor, mask: PairMask, want_rows: bool, want_cols: bool) -> Any:
        """Two vectors, ``(n,)`` and ``(m,)``; a switched-off one is empty."""
        base2, side = query * LOG2E, tile_side(query.device)
        row_sums = RunningLogSum(len(query) if want_rows else 0, like=query)
        col_sums = RunningLogSum(len(keys) if want_cols else 0, like=query)
        first, second = scratch(side, side, query), scratch(side, side, query)
        for rows in blocks(len(query), side):
            for cols in blocks(len(keys), side):
                tile = _tile(first, base2, keys, rows, cols, mask)
                if want_cols:
                    col_sums.add(cols, tile, 0, cut(second, *tile.shape) if want_rows else tile)
                if want_rows:
                    row_sums.add(rows, tile, 1, tile)
        row_lse, col_lse = row_sums.result(), col_sums.result()
        ctx.save_for_backward(base2, keys, row_lse, col_lse)
        ctx.mask = mask
        ctx.set_materialize_grads(False)
        return row_lse * LN2, col_lse * LN2

    @staticmethod
    def backward(ctx: Any, grad_rows: Tensor | None, grad_cols: Tensor | None) -> Any:
        """A second sweep: each tile is made again, turned into its gradient and multiplied to both sides."""
        refuse_double_backward()
        base2, keys, row_lse, col_lse = ctx.saved_tensors
        wants_query, wants_keys = ctx.needs_input_grad[:2]
        if grad_rows is None and grad_cols is None:
            return (None,) * 5
        grad_query = torch.zeros_like(base2) if wants_query else None
        grad_keys = keys.new_zeros(keys.shape[::-1]) if wants_keys else None
        side, row_shift, col_shift = tile_side(base2.device), shifts(row_lse), shifts(col_lse)
        first, second = scratch(side, side, base2), scratch(side, side, base2)
        for rows in blocks(len(base2), side):
            row_part = None if grad_rows is None else (row_shift[rows], grad_rows[rows])
            for cols in blocks(len(keys), side):
                tile = _tile(first, base2, keys, rows, cols, ctx.mask)
                col_part = None if grad_cols is None else (col_shift[cols], grad_cols[cols])
                tile = _gradient_tile(tile, cut(second, *tile.shape), row_part, col_part)
                if grad_query is not None:
                    grad_query[rows].addmm_(tile, keys[cols])
                if grad_keys is not None:
                    grad_keys[:, cols].addmm_(base2[rows].T, tile)
        return grad_query, None if grad_keys is None else grad_keys.T / LOG2E, None, None, None


class LseSelf(torch.autograd.Function):
    """Log-sum-exps of the rows of ``rows @ rows.T``: tiles below the diagonal are never made."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, mask: PairMask) -> Tensor:
        """``(n,)``."""
        base2, side = vectors * LOG2E, tile_side(vectors.device)
        sums = RunningLogSum(len(vectors), like=vectors)
        first, second = scratch(side, side, vectors), scratch(side, side, vectors)
        for rows in blocks(len(vectors), side):
            for cols in blocks(len(vectors), side):
                if cols.start >= rows.start:
                    tile = _tile(first, base2, vectors, rows, cols, mask)
                    if cols.start > rows.start:
                        sums.add(cols, tile, 0, cut(second, *tile.shape))
                    sums.add(rows, tile, 1, tile)
        lse = sums.result()
        ctx.save_for_backward(vectors, lse)
        ctx.mask = mask
        return lse * LN2

    @staticmethod
    def backward(ctx: FunctionCtx, upstream: Tensor) -> Any:
        """Tiles above the diagonal once more; each serves its rows and, transposed, its columns."""
        refuse_double_backward()
        vectors, lse = ctx.saved_tensors  # type: ignore[attr-defined]
        mask: PairMask = ctx.mask  # type: ignore[attr-defined]
        base2, shift, side = vectors * LOG2E, shifts(lse), tile_side(vectors.device)
        grad = torch.zeros_like(vectors)
        mirrored = vectors.new_zeros(vectors.shape[::-1])
        first, second = scratch(side, side, vectors), scratch(side, side, vectors)
        for rows in blocks(len(vectors), side):
            row_part = (shift[rows], upstream[rows])
            for cols in blocks(len(vectors), side):
                if cols.start >= rows.start:
                    tile = _tile(first, base2, vectors, rows, cols, mask)
                    tile = _gradient_tile(tile, cut(second, *tile.shape), row_part, (shift[cols], upstream[cols]))
                    grad[rows].addmm_(tile, vectors[cols])
                    if cols.start > rows.start:
                        mirrored[:, cols].addmm_(vectors[rows].T, tile)
        return grad.add_(mirrored.T), None
