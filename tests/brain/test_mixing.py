"""Mixing and the drawing of mixtures."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from counterpoint.brain import draw_mix, mixco
from counterpoint.core.errors import CounterpointError


def seeded(seed: int) -> torch.Generator:
    """A generator."""
    return torch.Generator().manual_seed(seed)


def naive(voxels: Tensor, permutation: Tensor, betas: Tensor, selected: Tensor) -> tuple[Tensor, Tensor]:
    """Sample by sample."""
    rows, shares = [], []
    for i in range(len(voxels)):
        beta = float(betas[i]) if selected[i] else 1.0
        rows.append(beta * voxels[i] + (1 - beta) * voxels[int(permutation[i])] if selected[i] else voxels[i])
        shares.append(beta)
    return torch.stack(rows), torch.tensor(shares, dtype=betas.dtype)


@settings(max_examples=40, deadline=None)
@given(batch=st.integers(1, 9), inner=st.lists(st.integers(1, 4), min_size=0, max_size=2), seed=st.integers(0, 99))
def test_it_is_the_loop_and_leaves_its_input_alone(batch: int, inner: list[int], seed: int) -> None:
    """For voxels of any shape; samples that are not selected are the same to the last bit."""
    voxels = torch.randn(batch, *inner, generator=seeded(seed), dtype=torch.float64)
    mix, before = draw_mix(batch, alpha=0.4, generator=seeded(seed)), voxels.clone()
    betas = mix.betas.double()
    mixed, shares = mixco(voxels, mix.permutation, betas, mix.selected)
    expected = naive(voxels, mix.permutation, betas, mix.selected)
    assert torch.equal(voxels, before)
    assert torch.equal(mixed[~mix.selected], voxels[~mix.selected])
    torch.testing.assert_close(mixed, expected[0])
    torch.testing.assert_close(shares, expected[1])


def test_a_fixed_point_changes_nothing() -> None:
    """A sample mixed with itself is itself, whatever its share."""
    voxels = torch.randn(4, 7, generator=seeded(0), dtype=torch.float64)
    everyone = torch.ones(4, dtype=torch.bool)
    mixed, shares = mixco(voxels, torch.tensor([0, 2, 1, 3]), torch.full((4,), 0.3), everyone)
    torch.testing.assert_close(mixed[[0, 3]], voxels[[0, 3]])
    torch.testing.assert_close(shares, torch.full((4,), 0.3))


@settings(max_examples=40, deadline=None)
@given(groups=st.lists(st.integers(0, 6), min_size=1, max_size=5).filter(sum), seed=st.integers(0, 99))
def test_subjects_are_mixed_among_themselves(groups: list[int], seed: int) -> None:
    """Every part of the permutation is one of the part's own positions."""
    mix, start = draw_mix(sum(groups), groups=groups, generator=seeded(seed)), 0
    for size in groups:
        part = mix.permutation[start : start + size]
        assert sorted(part.tolist()) == list(range(start, start + size))
        start += size
    assert bool(((mix.betas >= 0) & (mix.betas <= 1)).all())


def test_shares_follow_the_beta_distribution() -> None:
    """Mean, variance and density at the ends of Beta(0.15, 0.15); half of the samples are mixed."""
    mix = draw_mix(40_000, generator=seeded(1))
    exact = torch.distributions.Beta(0.15, 0.15)
    assert float(mix.betas.mean()) == pytest.approx(float(exact.mean), abs=0.01)
    assert float(mix.betas.var()) == pytest.approx(float(exact.variance), abs=0.01)
    reference = exact.sample((40_000,))
    assert float((mix.betas < 0.01).float().mean()) == pytest.approx(float((reference < 0.01).float().mean()), abs=0.01)
    assert bool(torch.isfinite(mix.betas).all())
    assert float(mix.selected.float().mean()) == pytest.approx(0.5, abs=0.01)


def test_the_same_seed_draws_the_same() -> None:
    """And another one does not; a probability of 0 and of 1 mean none and all."""
    one, same, other = (draw_mix(50, generator=seeded(seed)) for seed in (3, 3, 4))
    assert all(torch.equal(x, y) for x, y in zip(one, same, strict=True))
    assert not torch.equal(one.permutation, other.permutation)
    assert not draw_mix(50, probability=0.0).selected.any()
    assert draw_mix(50, probability=1.0).selected.all()


def test_what_is_refused() -> None:
    """Groups that do not add up, settings out of range, lengths that differ."""
    with pytest.raises(CounterpointError, match=r"groups are \[2, 3\] in a batch of 6"):
        draw_mix(6, groups=[2, 3])
    with pytest.raises(CounterpointError, match="alpha is 0"):
        draw_mix(6, alpha=0)
    with pytest.raises(CounterpointError, match=r"probability is 1\.5"):
        draw_mix(6, probability=1.5)
    mix = draw_mix(5)
    with pytest.raises(CounterpointError, match="permutation has shape"):
        mixco(torch.randn(6, 3), *mix)
    with pytest.raises(CounterpointError, match="bool"):
        mixco(torch.randn(5, 3), mix.permutation, mix.betas, mix.selected.float())
