"""SimSiam and BYOL: range, crossing, stop-gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from counterpoint.objectives import byol_loss, simsiam_loss
from tests.objectives.conftest import draw


@pytest.mark.parametrize(("function", "best", "worst"), [(simsiam_loss, -1.0, 1.0), (byol_loss, 0.0, 8.0)])
def test_range(function: Callable[..., torch.Tensor], best: float, worst: float) -> None:
    """Equal and opposite directions; one sample is enough."""
    z = draw(1, 4).detach()
    assert float(function(z, z, 3 * z, 2 * z)) == pytest.approx(best, abs=1e-12)
    assert float(function(z, z, -z, -z)) == pytest.approx(worst)


@pytest.mark.parametrize("function", [simsiam_loss, byol_loss])
def test_targets_are_crossed_and_constant(function: Callable[..., torch.Tensor]) -> None:
    """p_a meets the target of b; neither target learns."""
    p_a, p_b, z_a, z_b = (draw(5, 4, seed=n) for n in range(4))
    value = function(p_a, p_b, z_a, z_b)
    value.backward()
    assert z_a.grad is None
    assert z_b.grad is None
    shifted = torch.autograd.grad(function(p_a, p_b, z_a + 5.0, z_b), p_a)[0]
    torch.testing.assert_close(shifted, p_a.grad)
    assert float((torch.autograd.grad(function(p_a, p_b, z_a, z_b + 5.0), p_a)[0] - p_a.grad).abs().max()) > 1e-3  # type: ignore[operator]


def test_one_is_a_line_of_the_other() -> None:
    """BYOL = 4 + 4 SimSiam."""
    inputs = [draw(5, 4, seed=n) for n in range(4)]
    torch.testing.assert_close(byol_loss(*inputs), 4 + 4 * simsiam_loss(*inputs))
