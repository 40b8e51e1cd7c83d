"""Small tiles, so that a few dozen rows already make many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from counterpoint.objectives import _streamed, _streamed_sums, kernel_path

Outcome = tuple[Tensor, list[Tensor]]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 8 x 8 and blocks of 5 whole rows."""
    for module in (_streamed, _streamed_sums):
        monkeypatch.setattr(module, "tile_side", lambda device: 8)
        monkeypatch.setattr(module, "full_rows", lambda keys, device: 5)


@pytest.fixture(params=["dense", "streamed"])
def path(request: pytest.FixtureRequest, small_tiles: None) -> Iterator[str]:
    """Each kernel path in turn, for the whole test."""
    with kernel_path(request.param):
        yield request.param


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Seeded normal numbers that ask for a gradient."""
    numbers = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return numbers.to(dtype).requires_grad_()


def outcome(function: Callable[..., Tensor], inputs: list[Any], **keywords: Any) -> Outcome:
    """Value and gradients of all tensors among inputs and keywords that ask for one (zero where unused)."""
    learned = [x for x in [*inputs, *keywords.values()] if isinstance(x, Tensor) and x.requires_grad]
    value = function(*inputs, **keywords)
    grads = torch.autograd.grad(value, learned, allow_unused=True)
    return value.detach(), [torch.zeros_like(x) if g is None else g for x, g in zip(learned, grads, strict=True)]


def assert_same(got: Outcome, expected: Outcome, *, tolerance: float = 1e-10) -> None:
    """Values and gradients agree."""
    for x, y in zip([got[0], *got[1]], [expected[0], *expected[1]], strict=True):
        torch.testing.assert_close(x.double(), y.double(), atol=tolerance, rtol=tolerance)
