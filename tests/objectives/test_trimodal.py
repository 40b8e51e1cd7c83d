"""The anchor with two modalities."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives import clip, trimodal_contrastive
from tests.objectives import references
from tests.objectives.conftest import assert_same, draw, outcome


def test_it_is_two_loops(path: str) -> None:
    """Values and gradients of all three and of both temperatures."""
    rows = [draw(6, 4, seed=seed) for seed in range(3)]
    first, second = (torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in (0.1, 0.3))

    def naive(a: Tensor, b: Tensor, c: Tensor, *, one: Tensor, two: Tensor) -> Tensor:
        return 0.2 * references.clip(a, b, one) + 0.7 * references.clip(a, c, two)

    def got(a: Tensor, b: Tensor, c: Tensor, *, one: Tensor, two: Tensor) -> Tensor:
        return trimodal_contrastive(a, b, c, temperature_ab=one, temperature_ac=two, weight_ab=0.2, weight_ac=0.7)

    assert_same(outcome(got, rows, one=first, two=second), outcome(naive, rows, one=first, two=second))


def test_the_others_are_not_compared() -> None:
    """Turning one of them alone changes its own term only; b and c never meet."""
    a, b, c = (draw(6, 4, seed=seed) for seed in range(3))
    only = trimodal_contrastive(a, b, c, weight_ab=1.0, weight_ac=0.0)
    torch.testing.assert_close(only, clip(a, b))
    _, grads = outcome(trimodal_contrastive, [a.detach(), b, c], weight_ac=0.0)
    assert float(grads[1].abs().max()) == 0.0


def test_shapes_that_differ_are_refused() -> None:
    """All three are named."""
    with pytest.raises(CounterpointError, match=r"z_c \(5, 4\)"):
        trimodal_contrastive(draw(6, 4), draw(6, 4), draw(5, 4))
