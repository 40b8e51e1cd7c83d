"""Instance discrimination: known values, constants, memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives import (
    clip,
    clip_distill,
    dcl_loss,
    info_nce,
    info_nce_queue,
    moco_v3_loss,
    nt_xent,
    siglip,
    sup_con_loss,
)
from tests.objectives.conftest import draw

SAME = torch.ones(7, 4, dtype=torch.float64)


def test_all_equal(path: str) -> None:
    """The values of complete collapse."""
    unit = SAME / 2
    assert float(nt_xent(SAME, SAME, temperature=0.1)) == pytest.approx(math.log(13))
    assert float(info_nce(SAME, SAME)) == pytest.approx(math.log(7))
    assert float(info_nce_queue(SAME, SAME, unit.repeat(5, 1))) == pytest.approx(math.log(36))
    assert float(moco_v3_loss(SAME, SAME, SAME, SAME, temperature=0.2)) == pytest.approx(4 * 0.2 * math.log(7))


def test_perfect_pairs(path: str) -> None:
    """Orthogonal samples whose views agree: the loss falls to its floor as the temperature does."""
    z = torch.eye(6, dtype=torch.float64)
    assert float(nt_xent(z, z, temperature=0.02)) == pytest.approx(0.0, abs=1e-12)
    assert float(nt_xent(z, z, temperature=1.0)) == pytest.approx(math.log(math.e + 10) - 1)


def test_keys_and_queue_are_constants(path: str) -> None:
    """Only queries learn."""
    query, key, queue = draw(6, 4), draw(6, 4, seed=1), draw(9, 4, seed=2)
    info_nce_queue(query, key, queue).backward()
    assert key.grad is None
    assert queue.grad is None
    other = draw(6, 4, seed=3)
    moco_v3_loss(query, other, key, key).backward()
    assert key.grad is None
    assert other.grad is not None


def test_both_sides_of_info_nce_learn(path: str) -> None:
    """Unlike the queue form."""
    query, key = draw(6, 4), draw(6, 4, seed=1)
    info_nce(query, key).backward()
    assert float(key.grad.abs().min()) > 0  # type: ignore[union-attr]


def test_queue_of_another_width() -> None:
    """Named with both shapes."""
    for queue in (torch.ones(5, 3), torch.ones(0, 4), torch.ones(4)):
        with pytest.raises(CounterpointError, match="queue has shape"):
            info_nce_queue(torch.ones(2, 4), torch.ones(2, 4), queue)


class LargestTensor(TorchDispatchMode):
    """Remembers the size of the largest tensor any operation made."""

    entries = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, tuple | list) else [out]:
            if isinstance(x, Tensor):
                self.entries = max(self.entries, x.numel())
        return out


CALLS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "nt_xent": nt_xent,
    "info_nce": info_nce,
    "dcl_loss": dcl_loss,
    "clip": clip,
    "siglip": siglip,
    "moco_v3_loss": lambda a, b: moco_v3_loss(a, b, b, a),
    "clip_distill": lambda a, b: clip_distill(a, b, b.detach(), a.detach()),
    "sup_con_loss": lambda a, b: sup_con_loss(torch.stack([a, b]), torch.arange(len(a)) // 3),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_square_matrix(name: str) -> None:
    """Forward and backward at batch 2,304 never hold more than a quarter of the similarities."""
    a, b = draw(2304, 4, dtype=torch.float32), draw(2304, 4, seed=1, dtype=torch.float32)
    with LargestTensor() as watch:
        CALLS[name](a, b).backward()
    assert 0 < watch.entries <= 2304 * 2304 // 4
    assert a.grad is not None
    assert bool(torch.isfinite(a.grad).all())
