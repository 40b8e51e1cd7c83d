"""MindEye's and MindEye2's networks: layers, shapes, shared bodies, subjects of any name."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders import BrainMLP, SubjectRidge, TokenProjector


def small(in_dim: int | None = 20, **settings: object) -> BrainMLP:
    """A network of a few thousand weights."""
    torch.manual_seed(0)
    return BrainMLP(in_dim, **{"hidden": 16, "blocks": 2, "tokens": 3, "dim": 5, **settings})  # type: ignore[arg-type]


def test_the_residual_kind_is_the_papers() -> None:
    """Layer by layer in evaluation, with norms that are not the identity."""
    net = small().eval()
    for module in net.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)

    def layer(linear: nn.Linear, norm: nn.LayerNorm, x: Tensor) -> Tensor:
        x = x @ linear.weight.T + linear.bias
        x = (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        x = x * norm.weight + norm.bias
        return x * 0.5 * (1 + torch.erf(x / 2**0.5))

    x = torch.randn(4, 20)
    hidden = layer(net.first[0], net.first[1], x)
    for block in net.blocks:
        hidden = hidden + layer(block[0], block[1], hidden)
    torch.testing.assert_close(net.hidden(x), hidden)
    torch.testing.assert_close(net(x), net.to_tokens(hidden).view(4, 3, 5))


def test_the_mixer_kind_is_the_papers() -> None:
    """A linear first layer, then normalised two-layer blocks."""
    net = small(kind="mixer").eval()
    assert isinstance(net.first, nn.Linear)
    x = torch.randn(4, 20)
    hidden = net.first(x)
    for norm, first, _, _, second in net.blocks:
        hidden = hidden + second(F.gelu(first(norm(hidden))))
    torch.testing.assert_close(net.hidden(x), hidden)


@pytest.mark.parametrize("kind", ["residual", "mixer"])
def test_a_body_follows_a_layer_per_subject(kind: str) -> None:
    """The same weights give the same tokens, whoever holds the first layer."""
    whole, body = small(kind=kind).eval(), small(None, kind=kind).eval()
    body.load_state_dict({k: v for k, v in whole.state_dict().items() if not k.startswith("first")})
    x = torch.randn(4, 20)
    torch.testing.assert_close(body(whole.first(x)), whole(x))
    torch.testing.assert_close(body.body(whole.first(x)), whole(x))
    assert (body.tokens, body.dim) == (3, 5)


def test_dropout_is_where_and_what_the_paper_says() -> None:
    """0.5 after the first layer, 0.15 in each block, none elsewhere."""
    assert [m.p for m in small(dropout=0.5).modules() if isinstance(m, nn.Dropout)] == [0.5, 0.15, 0.15]
    assert [m.p for m in small(kind="mixer").modules() if isinstance(m, nn.Dropout)] == [0.15, 0.15]


def test_the_published_size() -> None:
    """Subject 1 of NSD, counted on no device: 940 million weights and more."""
    with torch.device("meta"):
        net = BrainMLP(15724)
    assert net.to_tokens.weight.numel() == 4096 * 257 * 768
    assert 930e6 < sum(p.numel() for p in net.parameters()) < 950e6


@pytest.mark.parametrize("kind", ["residual", "mixer"])
def test_gradients_reach_every_weight(kind: str) -> None:
    """And the voxels."""
    net, x = small(kind=kind), torch.randn(8, 20, requires_grad=True)
    (net(x) * torch.randn(8, 3, 5)).sum().backward()
    assert x.grad is not None
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in net.parameters())


def test_the_projector_treats_each_token_alone() -> None:
    """Nine layers in the published order; a token's output does not depend on its neighbours."""
    projector = TokenProjector(6, hidden=10).eval()
    kinds = [type(part).__name__ for part in projector]
    assert kinds == ["LayerNorm", "GELU", "Linear"] * 3
    assert [part.out_features for part in projector if isinstance(part, nn.Linear)] == [10, 10, 6]
    tokens = torch.randn(2, 4, 6)
    torch.testing.assert_close(projector(tokens)[:, 2], projector(tokens[:, 2]))


ODD = ["sub.01", "sub%2E01", "sub 01", "keys", "forward", "été/2", "1"]


def test_subjects_may_have_any_name() -> None:
    """Dots, blanks, names of methods; each keeps its own map, through a state dict too."""
    torch.manual_seed(0)
    sizes = {name: 5 + n for n, name in enumerate(ODD)}
    ridge = SubjectRidge(sizes, hidden=4)
    assert ridge.subjects == ODD
    twin = SubjectRidge(sizes, hidden=4)
    twin.load_state_dict(ridge.state_dict())
    for name, size in sizes.items():
        x = torch.randn(3, size)
        torch.testing.assert_close(twin(x, name), ridge(x, name))


def test_a_list_of_subjects_is_joined_in_order() -> None:
    """The same subject may come twice."""
    ridge = SubjectRidge({"a": 5, "b": 7}, hidden=4)
    parts = [torch.randn(2, 7), torch.randn(3, 5), torch.randn(1, 7)]
    got = ridge(parts, ["b", "a", "b"])
    expected = torch.cat([ridge(x, name) for x, name in zip(parts, "bab", strict=True)])
    torch.testing.assert_close(got, expected)


def test_a_new_subject_leaves_the_others_alone() -> None:
    """And joins them in dtype and mode."""
    ridge = SubjectRidge({"a": 5}, hidden=4).double().eval()
    x = torch.randn(2, 5, dtype=torch.float64)
    before = ridge(x, "a")
    ridge.add_subject("b", 9)
    assert torch.equal(ridge(x, "a"), before)
    assert ridge(torch.randn(2, 9, dtype=torch.float64), "b").dtype == torch.float64
    assert not any(module.training for module in ridge.modules())


def test_what_is_refused() -> None:
    """Unknown and repeated subjects, lists that do not go together, sizes without meaning."""
    ridge = SubjectRidge({"sub-01": 5}, hidden=4)
    with pytest.raises(CounterpointError, match="Did you mean sub-01"):
        ridge(torch.randn(2, 5), "sub-1")
    with pytest.raises(CounterpointError, match="already"):
        ridge.add_subject("sub-01", 5)
    with pytest.raises(CounterpointError, match="do not go together"):
        ridge([torch.randn(2, 5)], "sub-01")
    with pytest.raises(CounterpointError, match="do not go together"):
        ridge([torch.randn(2, 5)], ["sub-01", "sub-01"])
    with pytest.raises(CounterpointError, match="non-empty"):
        ridge.add_subject("", 5)
    with pytest.raises(CounterpointError, match="in_dim is 0"):
        small(0)
    with pytest.raises(CounterpointError, match='"conv"'):
        small(kind="conv")
