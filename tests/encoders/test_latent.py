"""The low-level branch: sizes, guidance and its stand-ins, auxiliary tokens."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders import LatentBranch


def small(in_dim: int | None = 20, **settings: object) -> LatentBranch:
    """A branch of some ten thousand weights."""
    torch.manual_seed(0)
    given = {"hidden": 16, "blocks": 2, "widths": (16, 8), "map_channels": 8, **settings}
    return LatentBranch(in_dim, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "widths", "places"), [(8, (16, 8), 16), (64, (16, 16, 8), 256), (4, (8,), 16), (28, (8, 8, 8), 49)]
)
def test_the_latent_has_the_side_asked_for(side: int, widths: tuple[int, ...], places: int) -> None:
    """4 x 8 x 8 by default, 4 x 64 x 64 from 256 places, MindEye2's 4 x 28 x 28 from 49."""
    branch = small(side=side, widths=widths, map_dim=12)
    guess = branch(torch.randn(2, 20))
    assert guess.latent.shape == (2, 4, side, side)
    assert guess.maps is not None
    assert guess.maps.shape == (2, places, 12)
    assert small(side=side, widths=widths)(torch.randn(2, 20)).maps is None


def test_the_published_size() -> None:
    """MindEye's: 64 x 16 x 16 before the upsampler, a projector of 64 - 512 - 512 - 512, a latent of 4 x 64 x 64."""
    with torch.device("meta"):
        branch = LatentBranch(15724, side=64, widths=(256, 128, 64), map_dim=512)
        guess = branch.eval()(torch.empty(1, 15724))
    assert branch.to_map.out_features == 64 * 16 * 16
    assert branch.project is not None
    assert [m.out_channels for m in branch.project if isinstance(m, nn.Conv2d)] == [512, 512, 512]
    assert guess.latent.shape == (1, 4, 64, 64)
    assert guess.maps is not None
    assert guess.maps.shape == (1, 256, 512)


def test_gradients_reach_every_weight() -> None:
    """Both stand-ins included, where both are dropped at times."""
    branch = small(map_dim=12, guidance_dim=10, brain_drop=0.3, guidance_drop=0.3).train()
    guess = branch(torch.randn(16, 20), torch.randn(16, 10), generator=torch.Generator().manual_seed(0))
    assert guess.maps is not None
    (guess.latent.square().sum() + guess.maps.square().sum()).backward()
    assert [name for name, p in branch.named_parameters() if p.grad is None or not bool(p.grad.any())] == []


def test_either_side_may_be_missing() -> None:
    """The stand-in takes its place: the same for all samples; both together say more than either."""
    branch = small(guidance_dim=16).eval()
    x, guidance = torch.randn(3, 20), torch.randn(3, 16)
    both, bottom, top = branch(x, guidance).latent, branch(x).latent, branch(None, guidance).latent
    assert not torch.allclose(both, bottom)
    assert not torch.allclose(both, top)
    assert branch.merge is not None
    torch.testing.assert_close(bottom, branch(x, branch.merge.no_guidance.expand(3, -1)).latent)


@pytest.mark.parametrize("drops", [(1.0, 0.0), (0.0, 1.0)])
def test_drops_are_for_training(drops: tuple[float, float]) -> None:
    """A sample that loses the brain (or the guidance) is one that never had it; evaluation loses none."""
    branch = small(guidance_dim=10, brain_drop=drops[0], guidance_drop=drops[1], dropout=0.0, block_dropout=0.0)
    x, guidance = torch.randn(3, 20), torch.randn(3, 10)
    trained = branch.train()(x, guidance).latent
    without = branch.eval()(None, guidance) if drops[0] else branch.eval()(x)
    torch.testing.assert_close(trained, without.latent)
    assert not torch.allclose(branch.eval()(x, guidance).latent, trained)


def test_drops_have_the_asked_frequency_and_never_meet() -> None:
    """Per sample, and the same again from the same seed."""
    branch = small(guidance_dim=10, brain_drop=0.4, guidance_drop=0.3).train()
    feature, guidance = torch.randn(20_000, 16), torch.randn(20_000, 10)
    first, again = (branch._drops(feature, guidance, torch.Generator().manual_seed(0)) for _ in range(2))
    assert first is not None
    assert again is not None
    assert torch.equal(first[0], again[0])
    assert float(first[0].float().mean()) == pytest.approx(0.4, abs=0.02)
    assert float(first[1].float().mean()) == pytest.approx(0.3, abs=0.02)
    assert not bool((first[0] & first[1]).any())


def test_a_layer_per_subject_may_stand_before_it() -> None:
    """The same weights give the same latent."""
    whole, body = small().eval(), small(None).eval()
    body.load_state_dict({k: v for k, v in whole.state_dict().items() if not k.startswith("first")})
    x = torch.randn(3, 20)
    torch.testing.assert_close(body(whole.first(x)).latent, whole(x).latent)


def test_it_learns_a_latent_from_voxels() -> None:
    """Of blobs whose place the voxels code: the error falls below half of what the mean latent leaves."""
    torch.manual_seed(0)
    branch = LatentBranch(12, hidden=32, blocks=1, widths=(16, 8), map_channels=8, dropout=0.0, block_dropout=0.0)
    places = torch.randint(0, 4, (64, 2))
    latent = torch.zeros(64, 4, 8, 8)
    for i, (row, col) in enumerate(places.tolist()):
        latent[i, :, 2 * row : 2 * row + 2, 2 * col : 2 * col + 2] = 1.0
    one_hot = torch.cat([torch.eye(4)[places[:, 0]], torch.eye(4)[places[:, 1]]], 1)
    voxels = one_hot @ torch.randn(8, 12)
    optimizer = torch.optim.AdamW(branch.parameters(), lr=1e-2)
    for _ in range(80):
        loss = (branch(voxels).latent - latent).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.5 * float((latent - latent.mean(0)).square().mean())


def test_what_is_refused() -> None:
    """Sides that cannot be reached, guidance without a merge, nothing at all."""
    with pytest.raises(CounterpointError, match="side 10"):
        small(side=10, widths=(8, 8, 8))
    with pytest.raises(CounterpointError, match="no guidance"):
        small()(torch.randn(2, 20), torch.randn(2, 10))
    with pytest.raises(CounterpointError, match="no voxels"):
        small()(None)
    with pytest.raises(CounterpointError, match="Neither"):
        small(guidance_dim=10)(None)
    with pytest.raises(CounterpointError, match="add up to 1"):
        small(brain_drop=0.8, guidance_drop=0.3)
