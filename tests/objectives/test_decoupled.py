"""DCL: what leaving the positive out does to the gradient."""

from __future__ import annotations

import math

import pytest
import torch

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives import dcl_loss, dclw_loss
from tests.objectives.conftest import assert_same, draw, outcome


def test_gradient_identity(path: str) -> None:
    """For one anchor, the gradient of InfoNCE is q_B times that of DCL, for every input."""
    rows, temperature, partner = torch.nn.functional.normalize(draw(12, 5).detach(), dim=1), 0.3, 6
    rows.requires_grad_()
    s = rows[0] @ rows.T / temperature
    negatives = s[[j for j in range(12) if j not in (0, partner)]]
    info_nce = torch.logsumexp(torch.cat([s[partner : partner + 1], negatives]), 0) - s[partner]
    decoupled = torch.logsumexp(negatives, 0) - s[partner]
    q_b = 1 - torch.softmax(torch.cat([s[partner : partner + 1], negatives]), 0)[0]
    left, right = (torch.autograd.grad(x, rows, retain_graph=True)[0] for x in (info_nce, decoupled))
    torch.testing.assert_close(left, q_b * right, rtol=1e-12, atol=1e-15)
    # and dcl_loss is the mean of that DCL over anchors
    both = [decoupled_anchor(rows, i, temperature) for i in range(12)]
    expected = torch.autograd.grad(torch.stack(both).mean(), rows)[0]
    a, b = rows[:6].detach().requires_grad_(), rows[6:].detach().requires_grad_()
    got = torch.cat(torch.autograd.grad(dcl_loss(a, b, temperature=temperature), [a, b]))
    radial = (expected * rows).sum(1, keepdim=True) * rows  # normalisation removes what points along the row
    torch.testing.assert_close(got, expected - radial)


def decoupled_anchor(rows: torch.Tensor, i: int, temperature: float) -> torch.Tensor:
    """DCL of one anchor among unit rows."""
    p, s = (i + 6) % 12, rows[i] @ rows.T / temperature
    return torch.logsumexp(s[[j for j in range(12) if j not in (i, p)]], 0) - s[p]


def test_all_equal(path: str) -> None:
    """ln(2N - 2) - 1/T + 1/T; the weights are then all 1."""
    same = torch.ones(5, 3, dtype=torch.float64)
    assert float(dcl_loss(same, same)) == pytest.approx(math.log(8))
    assert float(dclw_loss(same, same)) == pytest.approx(math.log(8))


def test_weights(path: str) -> None:
    """A wide sigma turns DCLW into DCL; detaching keeps the value and changes the gradient."""
    a, b = draw(6, 4), draw(6, 4, seed=1)
    torch.testing.assert_close(dclw_loss(a, b, sigma=1e9), dcl_loss(a, b))
    detached, attached = (outcome(dclw_loss, [a, b], detach_weights=flag) for flag in (True, False))
    torch.testing.assert_close(detached[0], attached[0])
    assert float((detached[1][0] - attached[1][0]).abs().max()) > 1e-3


def test_may_be_negative() -> None:
    """Well separated pairs at a low temperature."""
    z = torch.eye(6)
    assert float(dcl_loss(z, z)) < 0


def test_queue_form(path: str) -> None:
    """MoCo's form: the positive against the queue alone; key and queue are constants; one sample will do."""
    query, key = draw(5, 4), draw(5, 4, seed=1)
    queue = torch.nn.functional.normalize(draw(9, 4, seed=2), dim=1).detach().requires_grad_()

    def expected(q: torch.Tensor) -> torch.Tensor:
        q = torch.nn.functional.normalize(q, dim=1)
        k = torch.nn.functional.normalize(key.detach(), dim=1)
        return ((q @ queue.detach().T / 0.1).logsumexp(1) - (q * k).sum(1) / 0.1).mean()

    assert_same(outcome(lambda q: dcl_loss(q, key, queue=queue), [query]), outcome(expected, [query]))
    assert key.grad is None
    assert queue.grad is None
    assert bool(torch.isfinite(dclw_loss(query[:1], key[:1], queue=queue)))
    with pytest.raises(CounterpointError, match="queue has shape"):
        dcl_loss(query, key, queue=queue[:, :2])


def test_wrong_sigma() -> None:
    """Must be above 0."""
    with pytest.raises(CounterpointError, match="sigma"):
        dclw_loss(torch.ones(3, 2), torch.ones(3, 2), sigma=0.0)
