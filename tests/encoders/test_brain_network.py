"""One network for several people: shapes, own and shared parts, newcomers, and who is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from counterpoint.brain.spec import BrainEncoder
from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.brain_network import KINDS, BrainNetwork, one_width

INPUTS = {"ann": 30, "bob": 11}
SMALL: dict[str, Any] = {"tokens": 3, "dim": 8, "hidden": 16, "blocks": 1, "token_width": 8, "attention_width": 8,
                         "heads": 2}


def network(kind: str, **changes: Any) -> BrainNetwork:
    torch.manual_seed(0)
    return BrainNetwork({"ann": 20, "bob": 20} if kind == "causal" else INPUTS, kind=kind, **{**SMALL, **changes})


def responses(kind: str, counts: tuple[int, int] = (4, 2)) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(5, 20), (5, 20)] if kind == "causal" else [(30,), (11,)]
    return [torch.randn(n, *shape, generator=generator) for n, shape in zip(counts, shapes, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_becomes_tokens_in_the_order_of_the_batch(kind: str):
    net, x = network(kind).eval(), responses(kind)
    z = net(x, ["ann", "bob"])
    assert z.shape == (6, 3, 8)
    torch.testing.assert_close(net(x[::-1], ["bob", "ann"]), torch.cat([z[4:], z[:4]]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(net(x[1:], ["bob"]), z[4:], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_own_parts_are_reached_by_their_person_alone(kind: str):
    net, x = network(kind), responses(kind)
    net(x[:1], ["ann"]).square().sum().backward()
    own = {id(parameter) for parameter in net.own.parameters()}
    for name, parameter in net.named_parameters():
        if id(parameter) not in own:
            used = name.split(".")[1:2] != ["to_row"] and not name.endswith("mask_row")
            assert (parameter.grad is not None) == used, name
        elif "bob" in name:
            assert parameter.grad is None
    assert (kind == "causal") == (not own)
    assert len(own) < len(list(net.parameters())) or kind == "linear"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "causal"])
def test_a_newcomer_changes_nothing_for_the_others(kind: str):
    net, x = network(kind).eval(), responses(kind)
    before = net(x, ["ann", "bob"])
    net.add_subject("v1.2 %", 7)
    assert torch.equal(net(x, ["ann", "bob"]), before)
    assert net([torch.randn(2, 7)], ["v1.2 %"]).shape == (2, 3, 8)
    assert net.inputs["v1.2 %"] == 7
    with pytest.raises(CounterpointError):
        net.add_subject("ann", 30)


def test_sequences_are_read_of_anybody_with_the_same_parcels():
    net, x = network("causal").eval(), responses("causal")
    assert torch.equal(net(x[:1], ["zoe"]), net(x[:1], ["ann"]))
    with pytest.raises(CounterpointError, match="no part of its own"):
        net.add_subject("zoe", 20)
    with pytest.raises(CounterpointError, match=r"zoe has 19 voxels, the model reads 20"):
        net([x[0][..., :19]], ["zoe"])
    with pytest.raises(CounterpointError, match=r"\[20, 21\] parcels"):
        one_width({"ann": 20, "bob": 21})


def test_seconds_between_time_points_reach_the_sequence():
    net, x = network("causal").eval(), responses("causal")
    assert net.times(x[0])[0].tolist() == [0, 2, 4, 6, 8]
    slow = network("causal", t_r=3.0).eval()
    assert not torch.allclose(net(x, ["ann", "bob"]), slow(x, ["ann", "bob"]))
    loss = net.sequence_loss(x, generator=torch.Generator().manual_seed(0))
    assert loss.ndim == 0
    assert loss.item() > 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "causal"])
def test_strangers_and_other_voxels_are_refused(kind: str):
    net, x = network(kind), responses(kind)
    with pytest.raises(CounterpointError, match=r"(?s)person in this model.*boob.*Did you mean bob"):
        net(x, ["ann", "boob"])
    with pytest.raises(CounterpointError, match="bob has 30 voxels, the model reads 11"):
        net([x[0]], ["bob"])


def test_an_unknown_kind_names_the_closest():
    with pytest.raises(CounterpointError, match="Did you mean mixer"):
        network("mixr")


def test_the_recipe_builds_the_same_network():
    spec = BrainEncoder("mlp", hidden=16, blocks=1, dropout=0.25, block_dropout=0.1)
    net = spec.build(inputs=INPUTS, tokens=3, dim=8, text_dim=5, t_r=1.5)
    assert (net.kind, net.hidden, net.text_dim, net.t_r) == ("mlp", 16, 5, 1.5)
    rates = {module.p for module in net.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {0.25, 0.1}
