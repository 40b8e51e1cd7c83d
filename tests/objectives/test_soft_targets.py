"""BiMixCo, SoftCLIP and their relative between maps, against loops over single pairs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives import bimixco, clip, clip_distill, soft_clip, soft_contrastive_distillation
from tests.objectives.conftest import assert_same, draw, outcome
from tests.objectives.references import cosine, log_sum_exp

CYCLE = torch.tensor([1, 2, 3, 4, 5, 0])
FIXED = torch.tensor([0, 2, 1, 3, 5, 4])
"""Samples 0 and 3 stay where they are."""


def shares(batch: int = 6, *, seed: int = 7) -> Tensor:
    """Betas in 0..1, one of them exactly 1."""
    betas = torch.rand(batch, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    betas[-1] = 1.0
    return betas


def soft_cross_entropy(logits: list[list[Tensor]], target: list[list[Tensor | float]]) -> Tensor:
    """Mean over rows of minus the sum of target times log-probability."""
    rows = []
    for values, weights in zip(logits, target, strict=True):
        lse = log_sum_exp(values)
        rows.append(-sum(w * (v - lse) for v, w in zip(values, weights, strict=True)))
    return torch.stack(rows).mean()


def transposed(rows: list) -> list:
    """Rows to columns."""
    return [list(column) for column in zip(*rows, strict=True)]


def similarities(a: Tensor, b: Tensor, temperature: float | Tensor) -> list[list[Tensor]]:
    """Cosines over temperature."""
    return [[cosine(x, y) / temperature for y in b] for x in a]


def naive_bimixco(a: Tensor, b: Tensor, permutation: Tensor, betas: Tensor, temperature: float | Tensor) -> Tensor:
    """Weights are added entry by entry."""
    a, b, batch = a.flatten(1), b.flatten(1), len(a)
    weights = [[0.0] * batch for _ in range(batch)]
    for i, (k, beta) in enumerate(zip(permutation.tolist(), betas.tolist(), strict=True)):
        weights[i][i] += beta
        weights[i][k] += 1 - beta
    logits = similarities(a, b, temperature)
    both = soft_cross_entropy(logits, weights) + soft_cross_entropy(transposed(logits), transposed(weights))
    return both / 2


def softmaxes(logits: list[list[Tensor]]) -> list[list[Tensor]]:
    """Of each row."""
    return [[(v - log_sum_exp(row)).exp().detach() for v in row] for row in logits]


def naive_soft_clip(a: Tensor, b: Tensor, temperature: float | Tensor) -> Tensor:
    """Rows of the similarities and rows of their transpose against one target."""
    a, b = a.flatten(1), b.flatten(1).detach()
    target, logits = softmaxes(similarities(b, b, temperature)), similarities(a, b, temperature)
    return (soft_cross_entropy(logits, target) + soft_cross_entropy(transposed(logits), target)) / 2


def naive_distillation(p: Tensor, t: Tensor, a: Tensor, temperature: float | Tensor) -> Tensor:
    """The two sums of the equation."""
    t, a = t.detach(), a.detach()
    forth = soft_cross_entropy(similarities(p, a, temperature), softmaxes(similarities(t, a, temperature)))
    back = soft_cross_entropy(similarities(a, p, temperature), softmaxes(similarities(a, t, temperature)))
    return (forth + back) / 2


@pytest.mark.parametrize("permutation", [CYCLE, FIXED], ids=["no fixed point", "fixed points"])
@pytest.mark.parametrize("shape", [(6, 5), (6, 3, 4)], ids=["vectors", "tokens"])
def test_bimixco_is_the_double_sum(shape: tuple[int, ...], permutation: Tensor, path: str) -> None:
    """Values, and gradients of both sides and the temperature."""
    temperature = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    inputs = [draw(*shape), draw(*shape, seed=1), permutation, shares()]
    assert_same(
        outcome(bimixco, inputs, temperature=temperature), outcome(naive_bimixco, inputs, temperature=temperature)
    )


def test_both_weights_count_at_a_fixed_point() -> None:
    """Whatever its beta, a sample mixed with itself is a sample that is not mixed."""
    a, b = draw(6, 5), draw(6, 5, seed=1)
    identity = torch.arange(6)
    torch.testing.assert_close(bimixco(a, b, identity, shares()), bimixco(a, b))
    one, other = shares(), shares()
    other[[0, 3]] = torch.tensor([0.0, 0.9], dtype=torch.float64)
    torch.testing.assert_close(bimixco(a, b, FIXED, one), bimixco(a, b, FIXED, other))


@settings(max_examples=25, deadline=None)
@given(batch=st.integers(2, 9), seed=st.integers(0, 99), tokens=st.integers(1, 3))
def test_without_mixing_it_is_symmetric_info_nce(batch: int, seed: int, tokens: int) -> None:
    """No mixture, and a mixture in which every share is 1."""
    a, b = draw(batch, tokens, 4, seed=seed), draw(batch, tokens, 4, seed=seed + 1)
    expected = clip(a.flatten(1), b.flatten(1), temperature=0.05)
    order = torch.randperm(batch, generator=torch.Generator().manual_seed(seed))
    ones = torch.ones(batch, dtype=torch.float64)
    torch.testing.assert_close(bimixco(a, b, temperature=0.05), expected)
    torch.testing.assert_close(bimixco(a, b, order, ones, temperature=0.05), expected)


@settings(max_examples=25, deadline=None)
@given(batch=st.integers(2, 8), seed=st.integers(0, 99))
def test_the_order_of_samples_does_not_matter(batch: int, seed: int) -> None:
    """Partners are renamed with the samples."""
    generator = torch.Generator().manual_seed(seed)
    a, b = draw(batch, 5, seed=seed), draw(batch, 5, seed=seed + 1)
    permutation, order = (torch.randperm(batch, generator=generator) for _ in range(2))
    betas = shares(batch, seed=seed)
    renamed = order.argsort()[permutation[order]]
    torch.testing.assert_close(
        bimixco(a[order], b[order], renamed, betas[order], temperature=0.1),
        bimixco(a, b, permutation, betas, temperature=0.1),
    )
    torch.testing.assert_close(soft_clip(a[order], b[order], temperature=0.1), soft_clip(a, b, temperature=0.1))


@pytest.mark.parametrize("shape", [(6, 5), (6, 3, 4)], ids=["vectors", "tokens"])
def test_soft_clip_is_the_double_sum(shape: tuple[int, ...]) -> None:
    """Gradients too, with none for the target."""
    a, b = draw(*shape), draw(*shape, seed=1)
    temperature = torch.tensor(0.1, dtype=torch.float64)
    assert_same(
        outcome(soft_clip, [a, b], temperature=temperature), outcome(naive_soft_clip, [a, b], temperature=temperature)
    )
    soft_clip(a, b).backward()
    assert b.grad is None


def test_distillation_is_the_double_sum() -> None:
    """Gradient to the student only."""
    rows = [draw(7, 4, seed=seed) for seed in range(3)]
    assert_same(
        outcome(soft_contrastive_distillation, rows, temperature=0.1),
        outcome(naive_distillation, rows, temperature=0.1),
    )
    soft_contrastive_distillation(*rows).backward()
    assert [row.grad is None for row in rows] == [False, True, True]


def test_soft_losses_are_cases_of_two_tower_distillation(path: str) -> None:
    """The streamed objective gives the same numbers, and the gradient of a temperature that only predicts."""
    a, b, t = draw(9, 4), draw(9, 4, seed=1).detach(), draw(9, 4, seed=2).detach()
    learned = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    both = {"temperature": learned, "teacher_temperature": 0.2}
    assert_same(outcome(soft_clip, [a, b], temperature=learned), outcome(clip_distill, [a, b, b, b], **both))
    assert_same(
        outcome(soft_contrastive_distillation, [a, t, b], temperature=learned),
        outcome(clip_distill, [a, b, t, b], **both),
    )


def test_soft_clip_rests_where_brain_equals_picture() -> None:
    """Its least value, the entropy of the target, whatever the pictures; InfoNCE drives like pictures apart."""
    pictures = draw(6, 3)
    _, (grad,) = outcome(soft_clip, [pictures, pictures.detach()], temperature=0.3)
    assert float(grad.abs().max()) < 1e-12
    _, (grad,) = outcome(bimixco, [pictures, pictures.detach()], temperature=0.3)
    assert float(grad.abs().max()) > 1e-3


def test_sharp_targets_turn_soft_clip_into_info_nce() -> None:
    """Pictures at right angles and a low temperature."""
    a, b = draw(6, 6), torch.eye(6, dtype=torch.float64)
    torch.testing.assert_close(soft_clip(a, b, temperature=0.01), clip(a, b, temperature=0.01))


@pytest.mark.parametrize("function", [bimixco, soft_clip])
def test_finite_and_wide_enough_in_half_precision(function: object) -> None:
    """At the published temperatures, from bfloat16 embeddings, under autocast."""
    a, b = draw(8, 3, 16, dtype=torch.bfloat16), draw(8, 3, 16, seed=1, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, grads = outcome(function, [a, b])  # type: ignore[arg-type]
    exact = function(a.detach().double(), b.detach().double())  # type: ignore[operator]
    assert value.dtype == torch.float32
    assert all(bool(torch.isfinite(grad).all()) for grad in grads)
    torch.testing.assert_close(value.double(), exact, rtol=1e-5, atol=1e-4)


def test_gradcheck() -> None:
    """Against finite differences."""
    a, b = draw(4, 3), draw(4, 3, seed=1)
    order, betas = torch.tensor([1, 0, 2, 3]), shares(4)
    assert torch.autograd.gradcheck(lambda x, y: bimixco(x, y, order, betas, temperature=0.3), [a, b])
    assert torch.autograd.gradcheck(lambda x: soft_clip(x, b.detach(), temperature=0.3), [a])


def test_what_is_refused() -> None:
    """With what was given in the message."""
    a, b, betas = draw(6, 5), draw(6, 5, seed=1), shares()
    with pytest.raises(CounterpointError, match="betas is missing"):
        bimixco(a, b, CYCLE)
    with pytest.raises(CounterpointError, match="permutation is missing"):
        bimixco(a, b, None, betas)
    with pytest.raises(CounterpointError, match="no permutation"):
        bimixco(a, b, torch.tensor([0, 1, 2, 0, 1, 2]), betas)
    with pytest.raises(CounterpointError, match=r"betas \(5,\)"):
        bimixco(a, b, CYCLE, betas[:5])
    with pytest.raises(CounterpointError, match="integers"):
        bimixco(a, b, CYCLE.double(), betas)
    with pytest.raises(CounterpointError, match="betas lie outside"):
        bimixco(a, b, CYCLE, betas + 1)
    with pytest.raises(CounterpointError, match="Shapes differ"):
        soft_clip(draw(6, 2, 3), draw(6, 3, 2))
    with pytest.raises(CounterpointError, match="no negatives"):
        soft_clip(a[:1], b[:1])
    with pytest.raises(CounterpointError, match="temperature is 0"):
        soft_contrastive_distillation(a, b, b, temperature=0)
