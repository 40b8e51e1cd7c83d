"""The causal encoder: nothing from padding, nothing from the future, seconds and not frames."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders import CausalBrainEncoder


def small(**given: object) -> CausalBrainEncoder:
    """Two blocks of width 8 on 6 parcels, the same at each call."""
    torch.manual_seed(0)
    return CausalBrainEncoder(6, 8, depth=2, heads=2, max_seconds=30.0, **given)  # type: ignore[arg-type]


ENCODER = small().eval()
SECONDS = torch.arange(7) * 2.0


def runs(batch: int, length: int, seed: int) -> Tensor:
    """Z-scored activity."""
    return torch.randn(batch, length, 6, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    extra=st.integers(0, 3),
    filling=st.sampled_from([0.0, 1e6, float("nan"), float("inf")]),
)
def test_padding_changes_nothing(lengths: list[int], extra: int, filling: float) -> None:
    """Whatever stands in it, however long it is, times included."""
    longest = max(lengths) + extra
    x, times = torch.full((len(lengths), longest, 6), filling), torch.full((len(lengths), longest), filling)
    mask = torch.zeros(len(lengths), longest, dtype=torch.bool)
    alone = []
    for i, length in enumerate(lengths):
        run = runs(1, length, seed=i)
        x[i, :length], times[i, :length], mask[i, :length] = run[0], SECONDS[:length], True
        alone.append(ENCODER(run, SECONDS[:length]))
    torch.testing.assert_close(ENCODER(x, times, mask), torch.cat(alone), atol=1e-5, rtol=1e-5)


def test_padding_gets_no_gradient() -> None:
    """And real rows do."""
    x = runs(2, 5, seed=0).requires_grad_()
    mask = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    ENCODER(x, SECONDS[:5], mask).square().sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad.abs().sum(2) > 0, mask)


@pytest.mark.parametrize("position", range(7))
def test_a_row_is_told_from_its_past(position: int) -> None:
    """Neither from itself nor from what comes later, and from every row before it."""
    x = runs(1, 7, seed=1).requires_grad_()
    at = torch.tensor([position])
    guess = ENCODER.predict_row(x, SECONDS, at)
    (grad,) = torch.autograd.grad(guess.square().sum(), x)
    assert (grad[0].abs().sum(1) > 0).tolist() == [row < position for row in range(7)]
    changed = x.detach().clone()
    changed[:, position:] = 7.0
    torch.testing.assert_close(ENCODER.predict_row(changed, SECONDS, at), guess.detach())
    cut = ENCODER.predict_row(x[:, : position + 1], SECONDS[: position + 1], at)
    torch.testing.assert_close(cut, guess, atol=1e-5, rtol=1e-5)


def test_csm_loss_is_the_mean_error_at_the_drawn_rows() -> None:
    """Rows 1 and later of each run, each about as often; never padding."""
    x = runs(400, 5, seed=2)
    mask = torch.arange(5) < torch.tensor([2, 3, 5, 4] * 100).unsqueeze(1)
    drawn: list[Tensor] = []
    encoder = small().eval()
    original = encoder._predicted

    def watch(x: Tensor, index: Tensor, position: Tensor) -> Tensor:
        drawn.append(position)
        return original(x, index, position)

    encoder._predicted = watch  # type: ignore[method-assign]
    loss = encoder.csm_loss(x, SECONDS[:5], mask, generator=torch.Generator().manual_seed(0))
    position = drawn[0]
    guess = ENCODER.predict_row(x, SECONDS[:5], position, mask)
    torch.testing.assert_close(loss, (guess - x[torch.arange(400), position]).abs().mean())
    assert bool(((position >= 1) & (position < mask.sum(1))).all())
    long = position[2::4]
    assert set(long.tolist()) == {1, 2, 3, 4}
    again = ENCODER.csm_loss(x, SECONDS[:5], mask, generator=torch.Generator().manual_seed(0))
    assert float(again.detach()) == float(loss.detach())


def test_csm_learns_to_continue() -> None:
    """Runs that repeat their first row: the error falls to a fraction of the rows' own size."""
    encoder = small(dropout=0.0)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(150):
        x = runs(32, 1, seed=step).expand(-1, 5, -1)
        loss = encoder.csm_loss(x, SECONDS[:5], generator=generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-10:]) < 0.5 * sum(losses[:3]) / 3 * 10


def test_time_is_in_seconds() -> None:
    """Rounded to 0.2 s; the same frames at another pace are another input; per run or for all."""
    x = runs(2, 5, seed=3)
    slow = ENCODER(x, SECONDS[:5])
    assert not torch.allclose(ENCODER(x, SECONDS[:5] * 0.5), slow)
    torch.testing.assert_close(ENCODER(x, SECONDS[:5] + 0.09), slow)
    torch.testing.assert_close(ENCODER(x, SECONDS[:5].expand(2, 5)), slow)
    assert ENCODER.time.num_embeddings == 151


def test_the_learned_row_counts_and_has_its_own_embedding() -> None:
    """The vector depends on it, on the last time entry and on no time that does not occur."""
    encoder = small()
    encoder(runs(2, 3, seed=4), SECONDS[:3]).square().sum().backward()
    assert encoder.cls_row.grad is not None
    assert float(encoder.cls_row.grad.abs().sum()) > 0
    used = (encoder.time.weight.grad.abs().sum(1) > 0).nonzero().squeeze(1)
    assert used.tolist() == [0, 10, 20, 150]
    assert encoder.mask_row.grad is None


def test_every_weight_is_trained_by_one_of_the_two() -> None:
    """Pre-training and use together reach all."""
    encoder, x = small(), runs(8, 5, seed=5)
    (encoder(x, SECONDS[:5]).square().sum() + encoder.csm_loss(x, SECONDS[:5])).backward()
    assert [name for name, p in encoder.named_parameters() if p.grad is None or not bool(p.grad.any())] == []


def test_the_published_size() -> None:
    """1501 embeddings of time at the defaults."""
    with torch.device("meta"):
        encoder = CausalBrainEncoder()
    assert encoder.time.num_embeddings == 1501
    assert (encoder.in_dim, encoder.dim, len(encoder.blocks)) == (1024, 768, 4)


def test_what_is_refused() -> None:
    """Shapes, times out of range, padding on the left, runs too short to guess in."""
    x = runs(2, 5, seed=6)
    with pytest.raises(CounterpointError, match=r"\(batch, time, 6\)"):
        ENCODER(x[..., :5], SECONDS[:5])
    with pytest.raises(CounterpointError, match="one second per row"):
        ENCODER(x, SECONDS[:4])
    with pytest.raises(CounterpointError, match="0 to below 30"):
        ENCODER(x, SECONDS[:5] + 28)
    with pytest.raises(CounterpointError, match="on the right"):
        ENCODER(x, SECONDS[:5], torch.tensor([[False, True, True, True, True]] * 2))
    with pytest.raises(CounterpointError, match="fewer than 2 rows"):
        ENCODER.csm_loss(x, SECONDS[:5], torch.tensor([[True] + [False] * 4] * 2))
    with pytest.raises(CounterpointError, match="outside its run"):
        ENCODER.predict_row(x, SECONDS[:5], torch.tensor([1, 5]))
    with pytest.raises(CounterpointError, match="multiple of heads"):
        CausalBrainEncoder(6, 8, heads=3)
