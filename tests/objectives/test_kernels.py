"""The streamed kernels against a matrix formed in full."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
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

SIZES = [(1, 1), (2, 3), (8, 8), (9, 7), (17, 33), (40, 16)]


def masks(rows: int, keys: int) -> dict[str, PairMask | None]:
    """None, diagonals inside and outside the matrix, ids."""
    ids = torch.arange(max(rows, keys)) % 3
    return {
        "none": None,
        "diagonals": PairMask(diagonals=(0, 5, -7, 100)),
        "ids": PairMask(row_ids=ids[:rows], key_ids=ids[:keys] + 1),
    }


def naive_logits(query: Tensor, keys: Tensor, mask: PairMask | None) -> Tensor:
    """Entry by entry."""
    rows = []
    for i in range(len(query)):
        row = []
        for j in range(len(keys)):
            out = mask is not None and (
                (j - i) in mask.diagonals
                or (mask.row_ids is not None and mask.key_ids is not None and mask.row_ids[i] == mask.key_ids[j])
            )
            row.append(query.new_tensor(-torch.inf) if out else (query[i] * keys[j]).sum())
        rows.append(torch.stack(row))
    return torch.stack(rows)


def finite_sum(lse: Tensor) -> Tensor:
    """A weighted sum, so that each row has another incoming gradient; empty rows are left out."""
    weights = torch.linspace(-1.0, 2.0, len(lse), dtype=lse.dtype)
    return (weights * lse).masked_select(lse.detach() > -torch.inf).sum()


@pytest.mark.parametrize("kind", ["none", "diagonals", "ids"])
@pytest.mark.parametrize("size", SIZES)
def test_rows_and_columns(size: tuple[int, int], kind: str, path: str) -> None:
    """Row and column sums and their gradients, for sizes that tiles do not divide."""
    query, keys, scale = draw(size[0], 5), draw(size[1], 5, seed=1), torch.tensor(1.7, dtype=torch.float64)
    scale.requires_grad_()
    mask = masks(*size)[kind]

    def expected(q: Tensor, k: Tensor, s: Tensor) -> Tensor:
        logits = naive_logits(q * s, k, mask)
        keep_rows, keep_cols = (logits > -torch.inf).any(1), (logits > -torch.inf).any(0)
        rows = torch.linspace(-1.0, 2.0, len(q), dtype=q.dtype)[keep_rows] * logits[keep_rows].logsumexp(1)
        cols = torch.linspace(-1.0, 2.0, len(k), dtype=q.dtype)[keep_cols] * logits[:, keep_cols].logsumexp(0)
        return rows.sum() + 2 * cols.sum() + 0 * (q.sum() + k.sum() + s)

    def got(q: Tensor, k: Tensor, s: Tensor) -> Tensor:
        rows, cols = lse_rows_cols(q, k, scale=s, mask=mask)
        return finite_sum(rows) + 2 * finite_sum(cols)

    assert_same(outcome(got, [query, keys, scale]), outcome(expected, [query, keys, scale]))
    assert torch.equal(
        lse_rows(query, keys, scale=scale, mask=mask), lse_rows_cols(query, keys, scale=scale, mask=mask)[0]
    )


def test_one_side_only(small_tiles: None) -> None:
    """Gradients when only rows, or only columns, are used, and when one side is a constant."""
    query, keys = draw(19, 4), draw(11, 4, seed=1)
    for pick in (0, 1):

        def value(q: Tensor, k: Tensor, at: int = pick) -> Tensor:
            return lse_rows_cols(q, k)[at].square().sum()

        for inputs in ([query, keys], [query.detach(), keys], [query, keys.detach()]):
            with kernel_path("streamed"):
                streamed = outcome(value, inputs)
            with kernel_path("dense"):
                assert_same(streamed, outcome(value, inputs))


@pytest.mark.parametrize(
    "mask", [None, PairMask(diagonals=(0,)), PairMask(diagonals=(0, 6)), PairMask(row_ids=torch.arange(60) % 25)]
)
@pytest.mark.parametrize("rows", [2, 8, 13, 31])
def test_self(rows: int, mask: PairMask | None, small_tiles: None) -> None:
    """The triangle equals the square."""
    vectors, scale = draw(rows, 4), torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    if mask is not None and mask.row_ids is not None:
        mask = PairMask(row_ids=mask.row_ids[:rows])
    weights = torch.linspace(-1.0, 2.0, rows, dtype=torch.float64)

    def value(z: Tensor, s: Tensor) -> Tensor:
        return (weights * lse_self(z, scale=s, mask=mask)).sum()

    with kernel_path("streamed"):
        streamed = outcome(value, [vectors, scale])
    with kernel_path("dense"):
        dense = outcome(value, [vectors, scale])
    if bool(torch.isfinite(dense[0])):
        assert_same(streamed, dense)
    full = mask.symmetric() if mask else None
    with kernel_path("streamed"):
        expected = naive_logits(vectors * scale, vectors, full).logsumexp(1)
        torch.testing.assert_close(lse_self(vectors, scale=scale, mask=mask), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("width", [0, 1, 3])
def test_weighted(size: tuple[int, int], width: int, small_tiles: None) -> None:
    """One sweep gives the gradient of all inputs: query, keys, weights, further logits and scale."""
    inputs = [draw(size[0], 5), draw(size[1], 5, seed=1)]
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    keywords = {"scale": scale, "weights": draw(size[0], seed=2), "extra": draw(size[0], width, seed=3)}
    with kernel_path("streamed"):
        streamed = outcome(lambda *x, **k: weighted_lse(*x, **k).square(), inputs, **keywords)
    with kernel_path("dense"):
        assert_same(streamed, outcome(lambda *x, **k: weighted_lse(*x, **k).square(), inputs, **keywords))
    mean = weighted_lse(*inputs)
    torch.testing.assert_close(mean, lse_rows(*inputs).mean())


@pytest.mark.parametrize("size", SIZES)
def test_softmax_mean(size: tuple[int, int], small_tiles: None) -> None:
    """Means of values and all three gradients."""
    inputs = [draw(size[0], 5), draw(size[1], 5, seed=1), draw(size[1], 3, seed=2)]
    for learned in range(3):
        some = [x if i == learned or learned == 0 else x.detach() for i, x in enumerate(inputs)]
        with kernel_path("streamed"):
            streamed = outcome(lambda *x: softmax_mean(*x, scale=2.0).square().sum(), some)
        with kernel_path("dense"):
            assert_same(streamed, outcome(lambda *x: softmax_mean(*x, scale=2.0).square().sum(), some))


@pytest.mark.parametrize("chunk", [None, 1, 3, 1000])
@pytest.mark.parametrize("bias", [-10.0, 0.0, 7.0])
def test_softplus_total(bias: float, chunk: int | None, small_tiles: None) -> None:
    """Against torch's softplus, for logits of both signs, with the diagonal left out and without."""
    query, keys, offset = draw(19, 6), draw(11, 6, seed=1), torch.tensor(bias, dtype=torch.float64)
    offset.requires_grad_()
    for mask in (None, PairMask(diagonals=(0,))):

        def value(q: Tensor, k: Tensor, b: Tensor, left_out: PairMask | None = mask) -> Tensor:
            return softplus_total(q, k, scale=4.0, bias=b, mask=left_out, chunk_size=chunk)

        def expected(q: Tensor, k: Tensor, b: Tensor, left_out: PairMask | None = mask) -> Tensor:
            return torch.nn.functional.softplus(naive_logits(4.0 * q, k, left_out) + b, threshold=700).sum()

        with kernel_path("streamed"):
            assert_same(outcome(value, [query, keys, offset]), outcome(expected, [query, keys, offset]))


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 30),
    keys=st.integers(1, 30),
    dim=st.integers(1, 6),
    seed=st.integers(0, 99),
    log_scale=st.floats(-3, 5),
)
def test_paths_agree(rows: int, keys: int, dim: int, seed: int, log_scale: float) -> None:
    """Whatever the size and the scale, both paths give one number and one gradient."""
    query, other = draw(rows, dim, seed=seed), draw(keys, dim, seed=seed + 1)
    scale = torch.tensor(log_scale, dtype=torch.float64).exp().requires_grad_()

    def value(q: Tensor, k: Tensor, s: Tensor) -> Tensor:
        r, c = lse_rows_cols(q, k, scale=s)
        return r.sum() + c.square().sum() + lse_self(q, scale=s).sum() + weighted_lse(q, k, scale=s)

    with kernel_path("streamed"):
        streamed = outcome(value, [query, other, scale])
    with kernel_path("dense"):
        assert_same(streamed, outcome(value, [query, other, scale]), tolerance=1e-8)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), size=st.integers(2, 20))
def test_permutation(seed: int, size: int) -> None:
    """The order of the keys does not matter, that of the rows is followed."""
    query, keys = draw(size, 3, seed=seed), draw(size + 3, 3, seed=seed + 1)
    order = torch.randperm(size + 3, generator=torch.Generator().manual_seed(seed))
    with kernel_path("streamed"):
        torch.testing.assert_close(lse_rows(query, keys[order]), lse_rows(query, keys))
        rows = order[order < size]
        torch.testing.assert_close(lse_rows(query[rows], keys), lse_rows(query, keys)[rows])
        torch.testing.assert_close(lse_self(query[rows]), lse_self(query)[rows])


def test_real_tile_sizes() -> None:
    """More rows than one real tile, in float32."""
    query, keys = draw(600, 8, dtype=torch.float32), draw(1030, 8, seed=1, dtype=torch.float32)

    def value(q: Tensor, k: Tensor) -> Tensor:
        rows, cols = lse_rows_cols(q, k)
        return rows.mean() + cols.mean() + lse_self(q).mean() + weighted_lse(q, k) + softplus_total(q, k) / 1e6

    streamed = outcome(value, [query, keys])
    with kernel_path("dense"):
        assert_same(streamed, outcome(value, [query, keys]), tolerance=3e-5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: lse_rows(torch.zeros(3), torch.zeros(3, 2)),
        lambda: lse_rows(torch.zeros(3, 2), torch.zeros(3, 4)),
        lambda: lse_rows(torch.zeros(0, 2), torch.zeros(3, 2)),
        lambda: lse_rows(torch.zeros(3, 2, dtype=torch.long), torch.zeros(3, 2)),
        lambda: weighted_lse(torch.zeros(3, 2), torch.zeros(3, 2), weights=torch.ones(2)),
        lambda: weighted_lse(torch.zeros(3, 2), torch.zeros(3, 2), extra=torch.ones(3)),
        lambda: softmax_mean(torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(4, 2)),
        lambda: kernel_path("fast").__enter__(),
    ],
)
def test_wrong_inputs(call: Callable[[], object]) -> None:
    """Shapes that do not fit are the caller's error, named before work begins."""
    with pytest.raises(CounterpointError):
        call()
