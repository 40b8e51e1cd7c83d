"""The kernel most objectives stand on: log-sum-exps over query x key similarities, exact and memory-lean.

Two paths give the same numbers. *dense* forms the matrix and leaves the rest to autograd; *streamed* sweeps
over tiles that stay in cache, under a running maximum, with gradients of its own. Small problems go dense,
large ones streamed; :func:`kernel_path` forces one. The streamed path has no second derivative and says so
when asked.

All functions accept float64, float32, bfloat16 and float16; the work is done in float64 if any input is
float64, else in float32 (also under autocast), and so is the result. Similarities are
``scale * query_i . key_j``; rows are not normalised here. A ``scale`` tensor (0-d, or one per query row)
receives a gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives._checks import check_devices, check_matrix
from counterpoint.objectives._streamed import LseRowsCols, LseSelf, WeightedLse
from counterpoint.objectives._streamed_sums import SoftmaxMean, SoftplusTotal
from counterpoint.objectives._tiles import compute_dtype, weigh
from counterpoint.objectives.masks import PairMask

DENSE_ENTRIES = 1 << 15
"""Up to this many similarities (181 x 181) the dense path is taken. Measured on one core at dim 64 to 512: below
it the streamed path is up to a third slower (more, smaller calls), above it faster, at 1024 x 1024 by half."""

_path: ContextVar[str] = ContextVar("path", default="auto")


@contextmanager
def kernel_path(path: str) -> Iterator[None]:
    """Force ``"dense"`` or ``"streamed"`` for the calls inside (``"auto"``: by size, the default).

    Examples
    --------
    >>> import torch
    >>> z = torch.eye(3)
    >>> with kernel_path("streamed"):
    ...     print(f"{lse_rows(z, z).sum():.4f}")
    4.6543
    """
    if path not in ("auto", "dense", "streamed"):
        raise CounterpointError(f'No kernel path called "{path}".', 'Known: "auto", "dense", "streamed".')
    token = _path.set(path)
    try:
        yield
    finally:
        _path.reset(token)


def lse_rows(query: Tensor, keys: Tensor, *, scale: float | Tensor = 1.0, mask: PairMask | None = None) -> Tensor:
    """``log sum_j exp(scale * query_i . key_j)`` for every row ``i``: ``(n,)``.

    Parameters
    ----------
    query, keys : Tensor
        ``(n, dim)`` and ``(m, dim)``.
    scale : float or Tensor
        Usually 1 / temperature.
    mask : PairMask, optional
        Pairs to leave out; a row with nothing left is minus infinity.

    Raises
    ------
    CounterpointError
        Shapes that do not fit, and a second derivative through the streamed path.
    """
    query, keys = _prepare(query, keys, scale)
    with _exact(query):
        if _dense(query, keys):
            return _lse(_logits(query, keys, mask), 1)
        return LseRowsCols.apply(query, keys, mask or PairMask(), True, False)[0]


def lse_rows_cols(
    query: Tensor, keys: Tensor, *, scale: float | Tensor = 1.0, mask: PairMask | None = None
) -> tuple[Tensor, Tensor]:
    """Row and column log-sum-exps, ``(n,)`` and ``(m,)``, of one matrix in one sweep; see :func:`lse_rows`.

    >>> import torch
    >>> rows, cols = lse_rows_cols(torch.zeros(2, 4), torch.zeros(3, 4))
    >>> [round(float(x), 4) for x in (rows[0], cols[0])]  # ln 3 and ln 2
    [1.0986, 0.6931]
    """
    query, keys = _prepare(query, keys, scale)
    with _exact(query):
        if _dense(query, keys):
            logits = _logits(query, keys, mask)
            return _lse(logits, 1), _lse(logits, 0)
        rows, cols = LseRowsCols.apply(query, keys, mask or PairMask(), True, True)
        return rows, cols


def lse_self(vectors: Tensor, *, scale: float | Tensor = 1.0, mask: PairMask | None = None) -> Tensor:
    """``log sum_j exp(scale * v_i . v_j)`` over the rows of one matrix: half the work of :func:`lse_rows`.

    The mask is made symmetric. ``scale`` must be above 0 (its root is put on both sides) and not per row.

    >>> import torch
    >>> round(float(lse_self(torch.zeros(5, 4), mask=PairMask(diagonals=(0,)))[0]), 4)  # ln 4
    1.3863
    """
    root = scale**0.5
    vectors, _ = _prepare(vectors, vectors, root)
    mask = (mask or PairMask()).symmetric()
    with _exact(vectors):
        if _dense(vectors, vectors):
            return _lse(_logits(vectors, vectors, mask), 1)
        return LseSelf.apply(vectors, mask)


def weighted_lse(
    query: Tensor,
    keys: Tensor,
    *,
    scale: float | Tensor = 1.0,
    weights: Tensor | None = None,
    extra: Tensor | None = None,
    mask: PairMask | None = None,
) -> Tensor:
    """``sum_i weights_i * log( sum_j exp(scale * query_i . key_j) + sum_e exp(extra_ie) )``, a scalar.

    Because the weights are known beforehand, value and gradient come from one sweep (three products in all,
    where :func:`lse_rows` takes four): the way to write a one-directional InfoNCE.

    Parameters
    ----------
    weights : Tensor, optional
        ``(n,)``; the mean by default. Receives a gradient.
    extra : Tensor, optional
        ``(n, e)`` further logits per row, such as that of a positive which is not among the keys. Receives a
        gradient.
    """
    query, keys = _prepare(query, keys, scale)
    rows = query.shape[0]
    weights = query.new_full((rows,), 1.0 / rows) if weights is None else weights.to(query.dtype)
    extra = query.new_empty(rows, 0) if extra is None else extra.to(query.dtype)
    if weights.shape != (rows,) or extra.ndim != 2 or extra.shape[0] != rows:
        raise CounterpointError(
            f"weights have shape {tuple(weights.shape)}, extra logits {tuple(extra.shape)}.",
            f"For {rows} rows: ({rows},) and ({rows}, any).",
        )
    with _exact(query):
        if _dense(query, keys):
            return weigh(_lse(torch.cat([_logits(query, keys, mask), extra], 1), 1), weights)
        return WeightedLse.apply(query, keys, weights, extra, mask or PairMask(), torch.is_grad_enabled())


def softmax_mean(
    query: Tensor, keys: Tensor, values: Tensor, *, scale: float | Tensor = 1.0, mask: PairMask | None = None
) -> Tensor:
    """``softmax_j(scale * query_i . key_j)``-weighted mean of ``values``: ``(n, d)``.

    Soft targets become linear in it: ``sum_ij target_ij a_i . b_j = sum_i a_i . softmax_mean(..,
    values=b)_i``.

    >>> import torch
    >>> softmax_mean(torch.zeros(1, 2), torch.zeros(4, 2), torch.arange(4.0)[:, None])
    tensor([[1.5000]])
    """
    query, keys = _prepare(query, keys, scale)
    check_matrix("values", values)
    if values.shape[0] != keys.shape[0]:
        raise CounterpointError(f"values have {values.shape[0]} rows and keys {keys.shape[0]}.", "One value per key.")
    with _exact(query):
        if _dense(query, keys):
            return torch.softmax(_logits(query, keys, mask), 1) @ values.to(query.dtype)
        return SoftmaxMean.apply(query, keys, values.to(query.dtype), mask or PairMask())


def softplus_total(
    query: Tensor,
    keys: Tensor,
    *,
    scale: float | Tensor = 1.0,
    bias: float | Tensor = 0.0,
    mask: PairMask | None = None,
    chunk_size: int | None = None,
) -> Tensor:
    """``sum_ij log(1 + exp(scale * query_i . key_j + bias))``: all pairs as negatives of a sigmoid loss.

    ``chunk_size``: rows per tile on the streamed path (None: what suits the device); the value does not
    depend on it beyond rounding. ``bias`` may be a 0-d tensor and receives a gradient.
    """
    query, keys = _prepare(query, keys, scale)
    bias = torch.as_tensor(bias, dtype=query.dtype, device=query.device)
    with _exact(query):
        if _dense(query, keys) and chunk_size is None:
            return F.softplus(_logits(query, keys, mask) + bias, threshold=50.0).sum()
        return SoftplusTotal.apply(query, keys, bias, mask or PairMask(), chunk_size, torch.is_grad_enabled())


def _prepare(query: Tensor, keys: Tensor, scale: float | Tensor) -> tuple[Tensor, Tensor]:
    """Both in the dtype of the work; the scale is carried by the query (by both when they are one tensor)."""
    check_matrix("query", query)
    check_matrix("keys", keys)
    check_devices(query=query, keys=keys)
    if query.shape[1] != keys.shape[1] or 0 in (*query.shape, *keys.shape):
        raise CounterpointError(
            f"query has shape {tuple(query.shape)} and keys {tuple(keys.shape)}.",
            "(n, dim) and (m, dim) with one dim and no empty side were expected.",
        )
    dtype = compute_dtype(query, keys)
    scale = scale.to(query.device, dtype) if isinstance(scale, Tensor) else scale
    factor = scale.unsqueeze(1) if isinstance(scale, Tensor) and scale.ndim == 1 else scale
    return query.to(dtype) * factor, keys.to(dtype)


def _dense(query: Tensor, keys: Tensor) -> bool:
    path = _path.get()
    return path == "dense" or (path == "auto" and query.shape[0] * keys.shape[0] <= DENSE_ENTRIES)


def _logits(query: Tensor, keys: Tensor, mask: PairMask | None) -> Tensor:
    """The whole matrix, left-out pairs at minus infinity."""
    logits = query @ keys.T
    if mask is None:
        return logits
    holes = torch.zeros_like(logits)
    mask.apply(holes, slice(0, len(query)), slice(0, len(keys)))
    return logits + holes


def _lse(logits: Tensor, dim: int) -> Tensor:
    """Log-sum-exp whose gradient is 0, not NaN, where every entry is left out."""
    empty = (logits == -torch.inf).all(dim, keepdim=True)
    return torch.logsumexp(logits.masked_fill(empty, 0.0), dim).masked_fill(empty.squeeze(dim), -torch.inf)


def _exact(query: Tensor) -> Any:
    """Switches autocast off: half precision has too few digits for logits of 100 and more."""
    return torch.autocast(query.device.type, enabled=False)
