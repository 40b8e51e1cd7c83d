"""Networks switched off, and random parcels in their place."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.brain import mask_networks, random_parcel_control
from counterpoint.core.errors import CounterpointError

LABELS = torch.tensor([1, 7, 2, 2, 1, 3, 3, 3, 0, 0])


@pytest.mark.parametrize("shape", [(10,), (4, 10), (4, 5, 10)])
@pytest.mark.parametrize("drop", [[], [2], [0, 3], [1, 2, 3, 7, 0]])
def test_it_is_the_loop_and_leaves_its_input_alone(shape: tuple[int, ...], drop: list[int]) -> None:
    """Parcel by parcel, at any batch size."""
    x = torch.randn(*shape)
    before = x.clone()
    got = mask_networks(x, LABELS, drop=drop)
    for parcel, label in enumerate(LABELS.tolist()):
        expected = torch.zeros_like(x[..., parcel]) if label in drop else x[..., parcel]
        assert torch.equal(got[..., parcel], expected)
    assert torch.equal(x, before)
    assert got.data_ptr() != x.data_ptr()


def test_nothing_of_a_dropped_parcel_is_left() -> None:
    """Not even NaN; gradients of the others are whole."""
    x = torch.ones(2, 10, requires_grad=True)
    broken = torch.where(LABELS == 2, torch.nan, x)
    masked = mask_networks(broken, LABELS, drop=[2])
    assert bool(torch.isfinite(masked).all())
    masked.sum().backward()
    assert torch.equal(x.grad, (LABELS != 2).float().expand(2, 10))


@settings(max_examples=40, deadline=None)
@given(network=st.sampled_from([1, 7, 2]), exclude=st.sampled_from([(), (0,), (7, 0)]), seed=st.integers(0, 99))
def test_a_control_has_the_size_and_none_of_the_parcels(network: int, exclude: tuple[int, ...], seed: int) -> None:
    """Nor any of the excluded; the same seed draws the same."""
    masks = [
        random_parcel_control(LABELS, network, exclude=exclude, generator=torch.Generator().manual_seed(seed))
        for _ in range(2)
    ]
    assert torch.equal(*masks)
    assert int(masks[0].sum()) == LABELS.tolist().count(network)
    assert not set(LABELS[masks[0]].tolist()) & {network, *exclude}


def test_every_parcel_outside_is_drawn_at_times() -> None:
    """Each about as often as any other."""
    generator = torch.Generator().manual_seed(0)
    counts = sum(random_parcel_control(LABELS, 1, generator=generator).int() for _ in range(2000))
    assert counts[LABELS == 1].tolist() == [0, 0]
    assert counts[LABELS != 1].float().div(2000).sub(2 / 8).abs().max() < 0.04


def test_what_is_refused() -> None:
    """Labels that no parcel has, that do not fit, or that leave nothing to draw from."""
    with pytest.raises(CounterpointError, match="network label 9"):
        mask_networks(torch.randn(2, 10), LABELS, drop=[9])
    with pytest.raises(CounterpointError, match="10 network labels"):
        mask_networks(torch.randn(2, 9), LABELS, drop=[1])
    with pytest.raises(CounterpointError, match="integers"):
        mask_networks(torch.randn(2, 10), LABELS.float(), drop=[1])
    with pytest.raises(CounterpointError, match="network label 4"):
        random_parcel_control(LABELS, 4)
    with pytest.raises(CounterpointError, match="only 1 are left"):
        random_parcel_control(LABELS, 3, exclude=[0, 1, 2])
