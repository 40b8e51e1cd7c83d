"""Projector, predictor and prototypes against the published heads."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.heads import Predictor, Projector, Prototypes

PUBLISHED = {
    "simclr": (Projector(64, hidden=32, dim=16), "L B R L+"),
    "simclr, last norm": (Projector(64, hidden=32, dim=16, last_norm="batch", bias=False), "L B R L B"),
    "moco_v2": (Projector(64, hidden=32, dim=16, norm="none"), "L+ R L+"),
    "moco_v3": (Projector(64, hidden=32, dim=16, last_norm="plain", bias=False), "L B R L P"),
    "moco_v3 predictor": (Predictor(16, hidden=32, bias=False), "L B R L"),
    "simsiam": (Projector(64, layers=3, hidden=32, dim=32, last_norm="plain", bias=False), "L B R L B R L P"),
    "simsiam predictor": (Predictor(32, hidden=8), "L B R L+"),
    "barlow": (Projector(64, layers=3, hidden=32, dim=32, bias=False), "L B R L B R L"),
    "one linear map": (Projector(64, layers=1, dim=16), "L+"),
    "layer norms": (Projector(64, hidden=32, dim=16, norm="layer", last_norm="layer"), "L N R L+ N"),
}


def letters(part: nn.Module) -> str:
    """L and L+ (with offset), B and P (batch norm with and without gain), N (layer norm), R (ReLU)."""
    if isinstance(part, nn.Linear):
        return "L" if part.bias is None else "L+"
    if isinstance(part, nn.BatchNorm1d):
        return "B" if part.affine else "P"
    return {nn.LayerNorm: "N", nn.ReLU: "R"}[type(part)]


@pytest.mark.parametrize("name", PUBLISHED)
def test_heads_have_the_published_layers(name: str) -> None:
    """Order of layers, offsets and gains, and the length that comes out."""
    head, layers = PUBLISHED[name]
    assert " ".join(letters(part) for part in head) == layers
    assert head(torch.rand(4, head[0].in_features)).shape == (4, head.dim)


@pytest.mark.parametrize("name", PUBLISHED)
def test_gradients_reach_every_parameter_and_the_encoder(name: str) -> None:
    """Of a loss that batch normalisation does not flatten."""
    torch.manual_seed(0)
    head, _ = PUBLISHED[name]
    x = torch.rand(8, head[0].in_features, requires_grad=True)
    (head(x) * torch.rand(8, head.dim)).sum().backward()
    assert x.grad is not None
    for key, parameter in head.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


def test_a_plain_last_norm_standardises_each_dimension() -> None:
    """Mean 0 and variance 1 over the batch, with nothing to learn."""
    z = Projector(16, hidden=32, dim=8, last_norm="plain", bias=False)(torch.rand(64, 16))
    torch.testing.assert_close(z.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var(0, unbiased=False), torch.ones(8), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layers": 0}, "layers is 0"),
        ({"hidden": -1}, "hidden is -1"),
        ({"norm": "bath"}, '"bath" is no normalisation'),
    ],
)
def test_heads_refuse_what_has_no_meaning(wrong: dict[str, object], message: str) -> None:
    """With the value in the message."""
    with pytest.raises(CounterpointError, match=message):
        Projector(8, **wrong)


def test_prototypes_are_unit_rows_and_score_cosines() -> None:
    """From the start, and again after a step has moved them."""
    torch.manual_seed(0)
    prototypes, z = Prototypes(8, 20), F.normalize(torch.randn(5, 8), dim=1)
    naive = torch.tensor([[float(F.cosine_similarity(a, b, dim=0)) for b in prototypes.weight.detach()] for a in z])
    torch.testing.assert_close(prototypes(z), naive)
    with torch.no_grad():
        prototypes.weight.mul_(3).add_(0.1)
    identity = prototypes.weight.data_ptr()
    prototypes.normalise_()
    torch.testing.assert_close(prototypes.weight.norm(dim=1), torch.ones(20))
    assert prototypes.weight.data_ptr() == identity


def test_normalising_prototypes_stays_outside_the_graph() -> None:
    """The gradient is that of the plain product, also when rows were normalised just before."""
    prototypes, z = Prototypes(8, 20), torch.randn(5, 8)
    prototypes.normalise_()
    prototypes(z).sum().backward()
    assert prototypes.weight.grad is not None
    torch.testing.assert_close(prototypes.weight.grad, z.sum(0).expand(20, 8))


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_frozen_prototypes_stand_still_for_the_first_steps(optimizer: type[torch.optim.Optimizer]) -> None:
    """Weight decay included, then move."""
    prototypes = Prototypes(8, 20, frozen_steps=2)
    moving = optimizer(prototypes.parameters(), lr=0.1, weight_decay=0.1)
    changed = []
    for step in range(4):
        before = prototypes.weight.detach().clone()
        moving.zero_grad()
        prototypes(torch.randn(5, 8)).square().sum().backward()
        assert prototypes.freeze_(step) == (step < 2)
        moving.step()
        changed.append(not torch.equal(before, prototypes.weight))
    assert changed == [False, False, True, True]


def test_prototypes_refuse_an_empty_set() -> None:
    """With both numbers in the message."""
    with pytest.raises(CounterpointError, match="0 prototypes of length 8"):
        Prototypes(8, 0)
