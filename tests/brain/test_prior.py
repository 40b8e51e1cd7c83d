"""The prior and its networks: against loops over positions, on toys, and at the sizes that are promised."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterpoint.brain import DiffusionPrior, JointPriorNetwork
from counterpoint.brain.prior_networks import _buckets
from counterpoint.core.errors import CounterpointError

NETWORKS = ["joint", "cross"]


def seeded(seed: int) -> torch.Generator:
    """A generator."""
    return torch.Generator().manual_seed(seed)


def small(network: str = "joint", **settings: Any) -> DiffusionPrior:
    """A prior of a few thousand weights, the same at each call."""
    torch.manual_seed(0)
    given = {"dim": 12, "tokens": 3, "depth": 2, "heads": 2, "head_dim": 8, "num_timesteps": 6, **settings}
    return DiffusionPrior(network=network, **given)  # type: ignore[arg-type]


def normed(x: Tensor, gain: Tensor) -> Tensor:
    """Layer normalisation with a gain and no offset."""
    return (x - x.mean()) / (x.var(unbiased=False) + 1e-5).sqrt() * gain


def bucket(behind: int) -> int:
    """Of 32: exact to 15, then logarithmic to 128, everything ahead in 0."""
    if behind < 16:
        return max(behind, 0)
    return min(31, 16 + int(math.log(behind / 16) / math.log(8) * 16))


def turned(x: Tensor, position: int) -> Tensor:
    """Each pair of the first 32 entries as a complex number times exp(i position rate)."""
    width, out = min(32, len(x)), x.clone()
    for pair in range(width // 2):
        angle = position * 10000.0 ** (-2 * pair / width)
        a, b = x[2 * pair], x[2 * pair + 1]
        out[2 * pair] = a * math.cos(angle) - b * math.sin(angle)
        out[2 * pair + 1] = a * math.sin(angle) + b * math.cos(angle)
    return out


def naive_joint(net: JointPriorNetwork, noised: Tensor, t: Tensor, condition: Tensor) -> Tensor:
    """One sample, one position, one head at a time."""
    samples = []
    for sample in range(len(noised)):
        token = net.time(t[sample : sample + 1], like=noised)[0]
        rows = list(torch.cat([condition[sample], token, noised[sample] + net.positions]))
        for block in net.blocks:
            inputs = [normed(row, block.norm.weight) for row in rows]
            keys = [block.null[0]] + [turned(block.key_value(x)[: block.head_dim], i) for i, x in enumerate(inputs)]
            values = [block.null[1]] + [block.key_value(x)[block.head_dim :] for x in inputs]
            seen = []
            for i, x in enumerate(inputs):
                heads = []
                for head, query in enumerate(block.query(x).view(block.heads, -1)):
                    logits = [
                        16 * torch.dot(F.normalize(turned(query, i), dim=0), F.normalize(key, dim=0))
                        + net.distance_bias.weight[bucket(i - j), head]
                        for j, key in enumerate(keys)
                    ]
                    weights = torch.stack(logits).softmax(0)
                    heads.append(sum(w * v for w, v in zip(weights, values, strict=True)))
                seen.append(normed(block.back(torch.cat(heads)), block.back_norm.weight))
            rows = [row + more for row, more in zip(rows, seen, strict=True)]
            fed = []
            for row in rows:
                value, gate = block.feed_in(normed(row, block.feed_norm.weight)).chunk(2)
                fed.append(row + block.feed_out(value * gate * torch.sigmoid(gate)))
            rows = fed
        samples.append(torch.stack([net.out(normed(row, net.norm.weight)) for row in rows[-net.tokens :]]))
    return torch.stack(samples)


@pytest.mark.parametrize("head_dim", [8, 40])
def test_the_joint_network_is_the_loop(head_dim: int) -> None:
    """Shared key and value, learned null key, cosine attention, rotary turns and bias; in float64."""
    prior = small(head_dim=head_dim, tokens=4).double().eval()
    for block in prior.network.blocks:
        for norm in (block.norm, block.back_norm, block.feed_norm):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
    noised, condition = (torch.randn(2, 4, 12, generator=seeded(n), dtype=torch.float64) for n in (1, 2))
    t = torch.tensor([0, 5])
    expected = naive_joint(prior.network, noised, t, condition)
    # The turns are kept in float32
    torch.testing.assert_close(prior.network(noised, t, condition), expected, atol=1e-5, rtol=1e-5)


def test_distances_fall_into_the_buckets() -> None:
    """Up to the 515 positions of 257 tokens."""
    table = _buckets(515)
    for i in range(0, 515, 17):
        for j in range(0, 516, 13):
            assert int(table[i, j]) == bucket(i - j)


def test_the_cross_network_is_torchs_decoder() -> None:
    """With the same weights, where the heads' width is the tokens'."""
    prior = small("cross", heads=3, head_dim=4).eval()
    net = prior.network
    layers = []
    for block in net.blocks:
        layer = nn.TransformerDecoderLayer(12, 3, 48, dropout=0.0, activation="gelu", batch_first=True).eval()
        for attention, own in ((layer.self_attn, block.own), (layer.multihead_attn, block.other)):
            attention.in_proj_weight.data = torch.cat([own.query.weight, own.key_value.weight]).detach()
            attention.in_proj_bias.data = torch.cat([own.query.bias, own.key_value.bias]).detach()
            attention.out_proj.load_state_dict(own.back.state_dict())
        layer.linear1.load_state_dict(block.feed[0].state_dict())
        layer.linear2.load_state_dict(block.feed[3].state_dict())
        for norm, own_norm in zip((layer.norm1, layer.norm2, layer.norm3), block.norms, strict=True):
            norm.load_state_dict(own_norm.state_dict())
        layers.append(layer)
    noised, condition, t = torch.randn(2, 3, 12), torch.randn(2, 3, 12), torch.tensor([1, 4])
    x = torch.cat([net.time(t, like=noised), noised + net.positions], 1)
    for layer in layers:
        x = layer(x, condition + net.condition_positions)
    torch.testing.assert_close(net(noised, t, condition), net.out(x[:, 1:]), atol=1e-5, rtol=1e-5)


def test_tokens_taken_away_are_not_seen() -> None:
    """The prediction from some brain tokens does not depend on the others, and does not ask for their order."""
    net = small("cross").eval().network
    noised, condition, t = torch.randn(2, 3, 12), torch.randn(2, 3, 12), torch.tensor([1, 4])
    kept = torch.tensor([[2, 0], [1, 0]])
    changed = condition.clone()
    changed[0, 1], changed[1, 2] = 9.0, -9.0
    torch.testing.assert_close(net(noised, t, changed, kept), net(noised, t, condition, kept))
    torch.testing.assert_close(net(noised, t, condition, kept.flip(1)), net(noised, t, condition, kept))
    assert not torch.allclose(net(noised, t, changed), net(noised, t, condition))


@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_reach_every_weight_and_the_brain(network: str) -> None:
    """Both null tokens included, since both drops happen; a target may learn too."""
    prior = small(network, condition_drop=0.5, image_drop=0.5).train()
    condition = torch.randn(32, 3, 12, requires_grad=True)
    prior.loss(torch.randn(32, 3, 12), condition, generator=seeded(0)).backward()
    assert condition.grad is not None
    missing = [name for name, p in prior.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert not missing
    dropped = condition.grad.abs().sum((1, 2)) == 0
    assert 6 <= int(dropped.sum()) <= 26


@pytest.mark.parametrize("network", NETWORKS)
def test_a_seed_settles_loss_and_draw(network: str) -> None:
    """And another one changes them; evaluation drops nothing."""
    prior = small(network, token_mask=(0.6, 0.65) if network == "cross" else (0.0, 0.0))
    target, condition = torch.randn(8, 3, 12), torch.randn(8, 3, 12)
    one, same, other = (float(prior.loss(target, condition, generator=seeded(s)).detach()) for s in (1, 1, 2))
    assert one == same != other
    draws = [prior.sample(condition, generator=seeded(s)) for s in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    prior.eval()
    before = prior.loss(target, condition, generator=seeded(1))
    nn.init.normal_(prior.null_condition, std=100.0)
    nn.init.normal_(prior.null_image, std=100.0)
    assert torch.equal(before, prior.loss(target, condition, generator=seeded(1)))


class Known(nn.Module):
    """Stands in for a network: answers with what it was told, or a function of the condition."""

    def forward(self, noised: Tensor, t: Tensor, condition: Tensor, kept: Tensor | None = None) -> Tensor:
        """Three times the condition."""
        return 3.0 * condition


def test_loss_and_draws_are_in_the_targets_scale() -> None:
    """A network that knows the answer: loss 0, draws equal to the target; sqrt(dim) is inside only."""
    prior = small().eval()
    prior.network = Known()  # type: ignore[assignment]
    condition = torch.randn(4, 3, 12)
    target = 3.0 * condition / 12**0.5
    assert float(prior.loss(target, condition)) < 1e-10
    assert float(prior.loss(target + 1.0, condition)) == pytest.approx(12.0, rel=1e-4)
    torch.testing.assert_close(prior.sample(condition), target, atol=1e-4, rtol=1e-4)


def test_guidance_goes_through_and_beyond_the_condition() -> None:
    """0: as if nothing was said. 1: plain. More: away from the answer to nothing."""
    prior = small().eval()
    prior.network = Known()  # type: ignore[assignment]
    condition = torch.randn(4, 3, 12)
    plain = prior.sample(condition)
    nothing = 3.0 * prior.null_condition.detach().expand(4, -1, -1) / 12**0.5
    for guidance in (0.0, 0.5, 2.0):
        expected = nothing + guidance * (plain - nothing)
        torch.testing.assert_close(prior.sample(condition, guidance=guidance), expected, atol=1e-4, rtol=1e-4)


class Echo(nn.Module):
    """Stands in for a network that believes what it sees."""

    def forward(self, noised: Tensor, t: Tensor, condition: Tensor, kept: Tensor | None = None) -> Tensor:
        """The noised tokens."""
        return noised


def test_strength_lies_between_the_start_and_a_free_draw() -> None:
    """0 returns the start; the more steps are taken, the less of it is left; after all of them nothing is."""
    prior = small(num_timesteps=50).eval()
    prior.network = Echo()  # type: ignore[assignment]
    condition, start = torch.randn(200, 3, 12), torch.randn(200, 3, 12)
    assert torch.equal(prior.sample(condition, start=start, strength=0.0), start)
    likeness = []
    for strength in (0.1, 0.4, 0.7, 1.0):
        drawn = prior.sample(condition, start=start, strength=strength, generator=seeded(0))
        likeness.append(float(torch.corrcoef(torch.stack([drawn.flatten(), start.flatten()]))[0, 1]))
    assert likeness == sorted(likeness, reverse=True)
    assert likeness[0] > 0.95
    assert abs(likeness[-1]) < 0.05
    with pytest.raises(CounterpointError, match="without a start"):
        prior.sample(condition, strength=0.5)


@pytest.mark.parametrize("network", NETWORKS)
def test_it_draws_one_of_two_answers_where_a_regression_says_the_mean(network: str) -> None:
    """Two clusters and a condition that does not tell which: draws lie near a cluster, near both in turn."""
    torch.manual_seed(0)
    prior = DiffusionPrior(dim=16, tokens=1, depth=1, heads=2, head_dim=8, num_timesteps=15, network=network)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(prior.parameters(), lr=4e-3)
    centres = F.normalize(torch.randn(2, 16), dim=1)
    generator, silence = seeded(0), torch.zeros(32, 1, 16)
    for _ in range(200):
        which = torch.randint(0, 2, (32,), generator=generator)
        target = centres[which] + 0.02 * torch.randn(32, 16, generator=generator)
        loss = prior.loss(target.unsqueeze(1), silence, generator=generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    draws = prior.eval().sample(torch.zeros(64, 1, 16), generator=generator)[:, 0]
    distance = torch.cdist(draws, centres)
    of_the_mean = float((centres[0] - centres.mean(0)).norm())
    assert float(distance.min(1).values.mean()) < 0.5 * of_the_mean
    assert 0.15 < float((distance.argmin(1) == 0).float().mean()) < 0.85


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("dim", "tokens"), [(1280, 1), (64, 1), (64, 257)])
def test_it_runs_at_the_promised_sizes(network: str, dim: int, tokens: int) -> None:
    """With the default heads, also where they do not divide the width; in bfloat16 under autocast."""
    prior = DiffusionPrior(dim=dim, tokens=tokens, depth=1, num_timesteps=2, network=network)  # type: ignore[arg-type]
    condition = torch.randn(2, tokens, dim)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert bool(torch.isfinite(prior.loss(condition, condition)))
    drawn = prior.eval().sample(condition, guidance=2.0)
    assert drawn.shape == condition.shape
    assert bool(torch.isfinite(drawn).all())


def test_what_is_refused() -> None:
    """Shapes, and settings without meaning, with their values."""
    prior = small()
    with pytest.raises(CounterpointError, match=r"target has shape \(4, 12\)"):
        prior.loss(torch.randn(4, 12), torch.randn(4, 3, 12))
    with pytest.raises(CounterpointError, match="the same batch"):
        prior.loss(torch.randn(4, 3, 12), torch.randn(5, 3, 12))
    for wrong, message in (
        ({"network": "unet"}, "unet"),
        ({"token_mask": (0.6, 0.65)}, "token_mask"),
        ({"network": "cross", "token_mask": (0.6, 0.5)}, "token_mask"),
        ({"condition_drop": 1.0}, "condition_drop is 1.0"),
        ({"depth": 0}, "depth is 0"),
    ):
        with pytest.raises(CounterpointError, match=message):
            small(**wrong)
