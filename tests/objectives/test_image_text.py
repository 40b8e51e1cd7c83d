"""Two towers: shards, chunks, biases, distillation."""

from __future__ import annotations

import math

import pytest
import torch

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives import clip, clip_distill, kernel_path, lse_rows, siglip
from tests.objectives import references
from tests.objectives.conftest import assert_same, draw, outcome

SAME = torch.ones(7, 4, dtype=torch.float64)


def test_known_values(path: str) -> None:
    """Collapse, and pairs told apart perfectly."""
    eye = torch.eye(7, dtype=torch.float64)
    assert float(clip(SAME, SAME)) == pytest.approx(math.log(7))
    assert float(clip(eye, eye, temperature=0.005)) == pytest.approx(0.0, abs=1e-12)
    assert float(siglip(SAME, SAME)) == pytest.approx(7 * math.log(2))
    assert float(siglip(eye, eye, temperature=0.01, bias=-50.0)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("shards", [1, 2, 3, 6])
def test_shards(shards: int, path: str) -> None:
    """Each worker's rows against all columns, averaged, is the whole loss."""
    a, b = (torch.nn.functional.normalize(draw(12, 5, seed=n), dim=1) for n in (0, 1))
    pieces = []
    for rows in torch.arange(12).chunk(shards):
        positive = (a[rows] * b[rows]).sum(1) / 0.07
        sums = lse_rows(a[rows], b, scale=1 / 0.07) + lse_rows(b[rows], a, scale=1 / 0.07)
        pieces.append((sums / 2 - positive).mean())
    torch.testing.assert_close(torch.stack(pieces).mean(), clip(a, b))


@pytest.mark.parametrize("chunk_size", range(1, 9))
def test_chunks(chunk_size: int) -> None:
    """The value does not depend on them: to 1e-14."""
    a, b = draw(8, 5), draw(8, 5, seed=1)
    with kernel_path("dense"):
        whole = outcome(siglip, [a, b])
    chunked = outcome(siglip, [a, b], chunk_size=chunk_size)
    assert abs(float(chunked[0] - whole[0])) < 1e-14 * max(1.0, float(whole[0]))
    assert_same(chunked, whole, tolerance=1e-13)


@pytest.mark.parametrize("chunk_size", [0, -3, 2.5])
def test_wrong_chunk(chunk_size: int) -> None:
    """One row or more."""
    with pytest.raises(CounterpointError, match="chunk_size"):
        siglip(SAME, SAME, chunk_size=chunk_size)


def test_bias(path: str) -> None:
    """ "auto" is the log-odds of a positive; a tensor learns; another word is an error."""
    a, b = draw(6, 4), draw(6, 4, seed=1)
    torch.testing.assert_close(siglip(a, b, bias="auto"), siglip(a, b, bias=references.auto_bias(6)))
    bias = torch.tensor(-2.0, dtype=torch.float64, requires_grad=True)
    temperature = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert_same(
        outcome(siglip, [a, b], temperature=temperature, bias=bias),
        outcome(references.siglip, [a, b], temperature=temperature, bias=bias),
    )
    with pytest.raises(CounterpointError, match="auto"):
        siglip(a, b, bias="automatic")


def test_confident_siglip_keeps_its_digits(path: str) -> None:
    """float32, loss about 1e-6: not lost beside the sum it is taken from."""
    a = torch.eye(8)
    exact = references.siglip(a.double(), a.double(), torch.tensor(0.03).double(), torch.tensor(-16.0).double())
    got = siglip(a, a, temperature=0.03, bias=-16.0)
    torch.testing.assert_close(got.double(), exact, rtol=1e-4, atol=0.0)


def test_logit_bias_of_clip(path: str) -> None:
    """No effect, and a gradient of exactly zero rather than none."""
    a, b = draw(6, 4), draw(6, 4, seed=1)
    bias = torch.tensor(-10.0, requires_grad=True)
    value = clip(a, b, logit_bias=bias)
    value.backward()
    assert value.dtype == torch.float64
    assert float(value.detach()) == float(clip(a, b, logit_bias=3.0).detach()) == float(clip(a, b).detach())
    assert bias.grad is not None
    assert float(bias.grad) == 0.0


def test_teacher(path: str) -> None:
    """It gets no gradient; a sharp teacher that knows the pairs turns distillation into CLIP."""
    a, b, t_a, t_b = draw(6, 4), draw(6, 4, seed=1), draw(6, 3, seed=2), draw(6, 3, seed=3)
    clip_distill(a, b, t_a, t_b).backward()
    assert t_a.grad is None
    assert t_b.grad is None
    eye = torch.eye(6, dtype=torch.float64)
    torch.testing.assert_close(clip_distill(a, b, eye, eye, teacher_temperature=0.005), clip(a, b))
    with pytest.raises(CounterpointError, match="teacher"):
        clip_distill(a, b, t_a[:5], t_b[:5])


def test_loss_of_own_teacher_is_least(path: str) -> None:
    """The student's gradient vanishes when it is its own teacher at one temperature."""
    a, b = draw(6, 4), draw(6, 4, seed=1)
    _, grads = outcome(clip_distill, [a, b, a.detach(), b.detach()])
    assert max(float(g.abs().max()) for g in grads) < 1e-12
