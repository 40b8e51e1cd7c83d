"""SupCon: classes, lonely anchors, views."""

from __future__ import annotations

import math

import pytest
import torch

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives import count_lonely_anchors, nt_xent, sup_con_loss
from tests.objectives import references
from tests.objectives.conftest import assert_same, draw, outcome


@pytest.mark.parametrize("num_views", [1, 2, 3])
@pytest.mark.parametrize("labels", [[0, 0, 0, 0, 0], [3, -1, 3, 8, -1], [5, 5, 1, 2, 3]])
def test_classes(labels: list[int], num_views: int, path: str) -> None:
    """One class, pairs, and anchors that are alone when there is one view."""
    views, temperature = draw(num_views, 5, 4), torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    inputs = [views, torch.tensor(labels)]
    assert_same(
        outcome(sup_con_loss, inputs, temperature=temperature),
        outcome(references.sup_con_loss, inputs, temperature=temperature),
    )


def test_all_different_labels_is_nt_xent(path: str) -> None:
    """Two views and no class with two samples: SimCLR, times T / T_base."""
    a, b = draw(6, 4), draw(6, 4, seed=1)
    supervised = sup_con_loss(torch.stack([a, b]), torch.arange(6), temperature=0.3, base_temperature=0.1)
    torch.testing.assert_close(supervised, 3.0 * nt_xent(a, b, temperature=0.3))


def test_lonely_anchors_add_nothing(path: str) -> None:
    """They still stand among the negatives and in the divisor."""
    views, labels = draw(1, 5, 4), torch.tensor([0, 0, 1, 2, 3])
    assert count_lonely_anchors(labels) == 3
    assert count_lonely_anchors(labels, 2) == 0
    alone = sup_con_loss(views, labels)
    torch.testing.assert_close(alone, references.sup_con_loss(views, labels, torch.tensor(0.07)))
    (grad,) = torch.autograd.grad(alone, views)
    assert float(grad[0, 4].abs().max()) > 0


def test_no_anchor_with_a_positive() -> None:
    """Nothing to learn from is an error, not NaN."""
    with pytest.raises(CounterpointError, match="None of the 4 anchors"):
        sup_con_loss(draw(1, 4, 3), torch.arange(4))


def test_all_equal(path: str) -> None:
    """(T / T_base) ln(VB - 1)."""
    same = torch.ones(2, 5, 3, dtype=torch.float64)
    value = sup_con_loss(same, torch.tensor([0, 1, 1, 2, 0]), temperature=0.14)
    assert float(value) == pytest.approx(2 * math.log(9))


def test_names_of_classes_do_not_matter(path: str) -> None:
    """Any integers, in any order."""
    views, labels = draw(2, 6, 4), torch.tensor([0, 1, 0, 2, 1, 0])
    renamed = torch.tensor([9, -4, 9, 100000, -4, 9])
    assert float(sup_con_loss(views, labels).detach()) == float(sup_con_loss(views, renamed).detach())


@pytest.mark.parametrize(
    "labels",
    [torch.zeros(4), torch.zeros(3), torch.zeros(5, 1), [0, 0, 0, 0, 0]],
    ids=["short", "shorter", "2-d", "list"],
)
def test_wrong_labels(labels: object) -> None:
    """One label per sample."""
    with pytest.raises(CounterpointError, match="labels"):
        sup_con_loss(draw(2, 5, 3), labels)  # type: ignore[arg-type]


def test_wrong_views() -> None:
    """One view too few axes; one row in all."""
    with pytest.raises(CounterpointError, match="num_views"):
        sup_con_loss(draw(5, 3), torch.zeros(5))
    with pytest.raises(CounterpointError, match="A batch of 1"):
        sup_con_loss(draw(1, 1, 3), torch.zeros(1))
    with pytest.raises(CounterpointError, match="num_views"):
        count_lonely_anchors(torch.zeros(2, 2))
