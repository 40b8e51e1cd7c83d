"""Barlow Twins: both ways of summing squares, invariances."""

from __future__ import annotations

import pytest
import torch

from counterpoint.objectives import barlow_twins_loss
from tests.objectives import references
from tests.objectives.conftest import assert_same, draw, outcome


@pytest.mark.parametrize(("batch", "dim"), [(3, 8), (8, 8), (9, 2), (2, 5)])
def test_wide_and_narrow(batch: int, dim: int) -> None:
    """Fewer samples than dimensions takes another road to the same value."""
    inputs = [draw(batch, dim), draw(batch, dim, seed=1)]
    assert_same(outcome(barlow_twins_loss, inputs), outcome(references.barlow_twins_loss, inputs))


def test_column_shift_and_scale() -> None:
    """Each dimension is standardised: where it lies does not matter, and hardly how far it spreads."""
    a, b = draw(40, 6), draw(40, 6, seed=1)
    moved = barlow_twins_loss(a * 3.0 + 7.0, b)
    torch.testing.assert_close(moved, barlow_twins_loss(a, b), rtol=1e-4, atol=1e-4)


def test_decorrelated_is_zero_and_constant_is_dim() -> None:
    """Orthogonal columns give the identity; constant columns give C = 0, so 1 per dimension."""
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    assert float(barlow_twins_loss(signs, signs)) == pytest.approx(0.0, abs=1e-8)
    constant = torch.ones(4, 3, dtype=torch.float64)
    assert float(barlow_twins_loss(constant, constant)) == pytest.approx(3.0)


def test_lambda_weighs_the_off_diagonal() -> None:
    """Linear in it, and it may learn."""
    a, b = draw(6, 4), draw(6, 4, seed=1)
    lambd = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    value, (_, _, slope) = outcome(barlow_twins_loss, [a, b], lambd=lambd)
    torch.testing.assert_close(value - barlow_twins_loss(a, b, lambd=0.0).detach(), 0.5 * slope)


def test_float32_with_large_means() -> None:
    """Centring before squaring keeps the digits."""
    a, b = draw(64, 8), draw(64, 8, seed=1)
    exact = barlow_twins_loss(a + 100.0, b).detach()
    single = barlow_twins_loss((a + 100.0).float(), b.float()).detach()
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-4)
