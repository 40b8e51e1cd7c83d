"""Adapters in front of a shared decoder: golden values, freezing, new subjects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders import CrossSubjectDecoder, SubjectAdapter

GOLDEN = Path(__file__).parents[1] / "golden" / "sttm__SubjectAdapter.npz"


def small(sizes: dict[str, int] | None = None, **settings: object) -> CrossSubjectDecoder:
    """A decoder of a few thousand weights."""
    torch.manual_seed(0)
    given = {"hidden_dim": 16, "shared_blocks": 2, "tokens": 3, "dim": 5, "token_width": 8, "heads": 2}
    given["attention_width"] = 12
    return CrossSubjectDecoder(sizes or {"one": 20, "two": 14}, **{**given, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_adapter_gives_the_authors_numbers(dtype: torch.dtype) -> None:
    """In evaluation, from their weights."""
    adapter = SubjectAdapter(23, 12, 1)
    with np.load(GOLDEN, allow_pickle=False) as opened:
        stored = {key: torch.from_numpy(opened[key]) for key in opened.files if opened[key].ndim}
    names = {key: "param_" + key.replace("blocks.", "block").replace(".", "_") for key in adapter.state_dict()}
    assert set(names.values()) == {key for key in stored if key.startswith("param_")}
    adapter.load_state_dict({key: stored[name] for key, name in names.items()})
    x, expected = stored["x"], stored["expected"]
    got = adapter.to(dtype).eval()(x.to(dtype))
    torch.testing.assert_close(got.float(), expected, atol=1e-5, rtol=1e-5)


def test_the_decoder_is_its_parts() -> None:
    """Adapter, blocks, narrow tokens, torch's attention among them, widening."""
    net = small().eval()
    x = torch.randn(4, 20)
    hidden = net.adapters["one"](x)
    for block in net.shared:
        hidden = hidden + nn.functional.gelu(block.norm(block.linear(hidden)))
    torch.testing.assert_close(net.hidden(x, "one"), hidden)
    head = net.head
    tokens = head.to_tokens(hidden).view(4, 3, 8)
    query, key, value = head.attention(head.norm(tokens)).split(12, 2)
    seen = []
    for part in range(2):
        at = slice(6 * part, 6 * part + 6)
        weights = (query[..., at] @ key[..., at].transpose(1, 2) / 6**0.5).softmax(2)
        seen.append(weights @ value[..., at])
    expected = head.widen(tokens + head.back(torch.cat(seen, 2)))
    torch.testing.assert_close(net(x, "one"), expected)
    assert (net.tokens, net.dim) == (3, 5)


def test_the_published_size() -> None:
    """The narrow head of the default settings is a fifth of MindEye's last layer."""
    with torch.device("meta"):
        net = CrossSubjectDecoder({"1": 15724})
    head = sum(p.numel() for p in net.head.parameters())
    assert head < 0.2 * 4096 * 257 * 768
    assert net.head.attention.out_features == 3 * 768


def test_subjects_come_out_in_the_order_given() -> None:
    """One pass of the shared part for all of them."""
    net = small({"sub.1": 20, "sub%2E1": 14}).eval()
    parts = [torch.randn(2, 14), torch.randn(3, 20)]
    got = net(parts, ["sub%2E1", "sub.1"])
    torch.testing.assert_close(got, torch.cat([net(parts[0], "sub%2E1"), net(parts[1], "sub.1")]))


def test_a_frozen_part_stays_as_it_is() -> None:
    """Through train() of a parent, a step of the optimiser with weight decay, and in every draw of dropout."""
    net = small(dropout=0.0)
    net.freeze_shared()
    net.add_subject("new", 9)
    parent = nn.Sequential(net).train()
    assert net.training
    assert net.adapters["new"].training
    assert not any(m.training for part in (net.shared, net.head) for m in part.modules())
    before = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = torch.optim.AdamW(parent.parameters(), lr=0.1, weight_decay=0.1)
    net(torch.randn(8, 9), "new").square().sum().backward()
    optimizer.step()
    changed = {k for k, v in net.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert all(key.startswith("adapters.of.subject_new.") for key in changed)
    hidden = torch.randn(4, 16)
    assert torch.equal(net.head(net.shared(hidden)), net.head(net.shared(hidden)))


def test_freezing_can_be_undone() -> None:
    """Gradients and dropout come back."""
    net = small().train()
    net.freeze_shared()
    net.freeze_shared(False)
    assert all(p.requires_grad for p in net.parameters())
    assert all(m.training for m in net.modules())


def test_a_new_subject_joins_in_dtype_mode_and_settings() -> None:
    """Before and after freezing."""
    net = small(adapter_blocks=2, dropout=0.3).double().eval()
    net.add_subject("new", 9)
    adapter = net.adapters["new"]
    assert isinstance(adapter, SubjectAdapter)
    assert len(adapter.blocks) == 2
    assert adapter.dropout.p == 0.3
    assert not adapter.training
    assert net(torch.randn(2, 9, dtype=torch.float64), "new").dtype == torch.float64
    assert net.subjects == ["one", "two", "new"]
    alone = CrossSubjectDecoder({}, hidden_dim=4, tokens=2, dim=3, token_width=8)
    alone.double().add_subject("first", 6)
    assert alone(torch.randn(2, 6, dtype=torch.float64), "first").shape == (2, 2, 3)


def test_gradients_reach_every_weight_of_the_subjects_seen() -> None:
    """And none of the other's."""
    net = small()
    (net(torch.randn(8, 20), "one") * torch.randn(8, 3, 5)).sum().backward()
    for name, p in net.named_parameters():
        seen = "subject_two" not in name
        assert (p.grad is not None and bool(p.grad.abs().sum() > 0)) == seen, name


def test_what_is_refused() -> None:
    """Heads that do not divide, unknown subjects, adapters without size."""
    with pytest.raises(CounterpointError, match="cannot be shared by 5 heads"):
        small(heads=5)
    with pytest.raises(CounterpointError, match='No subject called "three"'):
        small()(torch.randn(2, 20), "three")
    with pytest.raises(CounterpointError, match="0 voxels"):
        SubjectAdapter(0)
