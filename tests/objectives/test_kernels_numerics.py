"""The kernels where numbers are hard: logits of hundreds, half precision, empty rows, derivatives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives import (
    PairMask,
    kernel_path,
    lse_rows,
    lse_rows_cols,
    lse_self,
    softmax_mean,
    softplus_total,
    weighted_lse,
)
from tests.objectives.conftest import assert_same, draw, outcome


def test_softplus_of_tiny_and_huge_logits() -> None:
    """A total of tiny terms keeps its digits, a huge one does not overflow, in float32."""
    one = torch.ones(30, 1)
    for bias, expected in ((-30.0, 900 * 9.357622968839299e-14), (90.0, 900 * 90.0), (-200.0, 0.0)):
        with kernel_path("streamed"):
            total = softplus_total(one, one, scale=0.0, bias=bias)
        torch.testing.assert_close(float(total), expected, rtol=3e-6, atol=0.0)


@pytest.mark.parametrize("factor", [1.0, 30.0, 200.0, 1e4])
def test_running_maximum(factor: float, small_tiles: None) -> None:
    """Logits of hundreds, as at temperature 0.005, in float32: no overflow, no vanished row."""
    query, keys = draw(21, 6, dtype=torch.float32), draw(34, 6, seed=1, dtype=torch.float32)
    unit_query, unit_keys = (torch.nn.functional.normalize(x, dim=1).detach() for x in (query, keys))
    unit_query[3], unit_keys[5] = -unit_keys[0], -unit_query[0]
    logits = factor * unit_query.double() @ unit_keys.double().T
    with kernel_path("streamed"):
        rows, cols = lse_rows_cols(unit_query, unit_keys, scale=factor)
        own = lse_self(unit_query, scale=factor)
        total = weighted_lse(unit_query, unit_keys, scale=factor)
    close = {"rtol": 3e-6, "atol": 3e-6 * factor}
    torch.testing.assert_close(rows.double(), logits.logsumexp(1), **close)
    torch.testing.assert_close(cols.double(), logits.logsumexp(0), **close)
    torch.testing.assert_close(
        own.double(), (factor * unit_query.double() @ unit_query.double().T).logsumexp(1), **close
    )
    torch.testing.assert_close(total.double(), logits.logsumexp(1).mean(), **close)


def test_further_logits_of_hundreds(small_tiles: None) -> None:
    """A positive far above, or far below, all keys: the maximum runs over both."""
    query, keys = draw(7, 3, dtype=torch.float32), draw(9, 3, seed=1, dtype=torch.float32)
    extra = torch.linspace(-900.0, 900.0, 7)[:, None].requires_grad_()
    expected = torch.logsumexp(torch.cat([query @ keys.T, extra], 1), 1).mean()
    with kernel_path("streamed"):
        got = weighted_lse(query, keys, extra=extra)
    torch.testing.assert_close(got, expected)
    for x, y in zip(*(torch.autograd.grad(v, [query, keys, extra]) for v in (got, expected)), strict=True):
        torch.testing.assert_close(x, y)


def test_weighted_with_an_empty_row(path: str) -> None:
    """A row whose every key is left out, with weight 0, adds neither value nor gradient; its extra logit does."""
    query, keys = draw(4, 3), draw(5, 3, seed=1)
    mask = PairMask(row_ids=torch.tensor([1, 0, 0, 0]), key_ids=torch.ones(5, dtype=torch.long))
    weights = torch.tensor([0.0, 1.0, 2.0, 3.0], dtype=torch.float64)
    got = outcome(lambda q, k: weighted_lse(q, k, weights=weights, mask=mask), [query, keys])
    rest = outcome(lambda q, k: (weights[1:] * (q[1:] @ k.T).logsumexp(1)).sum(), [query, keys])
    assert_same(got, rest)
    lone = weighted_lse(query[:1], keys, mask=PairMask(diagonals=(0, 1, 2, 3, 4)), extra=torch.full((1, 1), 2.5))
    torch.testing.assert_close(float(lone.detach()), 2.5)


FUNCTIONS: list[Callable[[Tensor], Tensor]] = [
    lambda z: lse_rows(z, z + 1).sum(),
    lambda z: lse_rows_cols(z, z + 1)[1].sum(),
    lambda z: lse_self(z).sum(),
    lambda z: weighted_lse(z, z + 1),
    lambda z: softmax_mean(z, z + 1, z).sum(),
    lambda z: softplus_total(z, z + 1),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradcheck(function: Callable[[Tensor], Tensor], path: str) -> None:
    """Against finite differences."""
    assert torch.autograd.gradcheck(function, draw(9, 3))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_second_derivative(function: Callable[[Tensor], Tensor]) -> None:
    """The streamed path refuses and says what to do; the dense path can."""
    z = draw(9, 3)
    with kernel_path("streamed"):
        value = function(z)
    with pytest.raises(CounterpointError, match="kernel_path"):
        torch.autograd.grad(value, z, create_graph=True)
    with kernel_path("dense"):
        (first,) = torch.autograd.grad(function(z), z, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), z)
    assert bool(torch.isfinite(second).all())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_inputs(dtype: torch.dtype, path: str) -> None:
    """Half-precision inputs, float32 work and result; gradients come back in the input's dtype."""
    query, keys = draw(20, 6, dtype=dtype), draw(13, 6, seed=1, dtype=dtype)
    value = weighted_lse(query, keys, scale=20.0)
    assert value.dtype == torch.float32
    expected = (20.0 * query.double() @ keys.double().T).logsumexp(1).mean()
    torch.testing.assert_close(value.double(), expected, rtol=1e-6, atol=1e-6)
    value.backward()
    assert query.grad is not None
    assert query.grad.dtype == dtype


def test_autocast_is_kept_out(path: str) -> None:
    """Under autocast the logits stay in float32, and the gradient with them."""
    query, keys = draw(20, 6, dtype=torch.float32), draw(13, 6, seed=1, dtype=torch.float32)
    plain = weighted_lse(query, keys, scale=50.0) + lse_rows(query, keys).mean()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = weighted_lse(query, keys, scale=50.0) + lse_rows(query, keys).mean()
    got, expected = (torch.autograd.grad(x, [query, keys]) for x in (cast, plain))
    assert_same((cast.detach(), list(got)), (plain.detach(), list(expected)), tolerance=1e-6)


def test_no_grad_keeps_nothing() -> None:
    """Without gradients the value is the same and carries no graph."""
    query, keys = draw(20, 6), draw(13, 6, seed=1)
    with kernel_path("streamed"):
        value = weighted_lse(query, keys)
        with torch.no_grad():
            plain = weighted_lse(query, keys)
    assert not plain.requires_grad
    assert float(plain) == float(value.detach())


def test_per_row_scale(path: str) -> None:
    """A scale per row of the query receives a gradient per row."""
    query, keys, scale = draw(9, 4), draw(12, 4, seed=1), draw(9, seed=2)
    got = outcome(lambda q, k, s: lse_rows(q, k, scale=s).sum(), [query, keys, scale])
    expected = outcome(lambda q, k, s: torch.logsumexp(s[:, None] * (q @ k.T), 1).sum(), [query, keys, scale])
    assert_same(got, expected)


def test_empty_row_is_minus_infinity(path: str) -> None:
    """A row whose every key is left out."""
    ids = torch.zeros(3, dtype=torch.long)
    assert lse_rows(draw(3, 2), draw(3, 2), mask=PairMask(row_ids=ids, key_ids=ids)).tolist() == [-torch.inf] * 3
