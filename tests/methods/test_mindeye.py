"""MindEye: its schedule, its terms against the formulas called directly, and what each weight builds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from counterpoint.objectives import bimixco, soft_clip, soft_contrastive_distillation

from ..base.decoders import batch, decoder

SMALL: dict[str, Any] = {"hidden": 16, "prior_depth": 1, "prior_heads": 2, "timesteps": 10}


def at(learner: Any, share: float, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same learner after this share of its steps."""
    monkeypatch.setattr(type(learner), "progress", share)
    return learner


def test_bimixco_first_then_soft_clip_whose_temperature_rises(monkeypatch: pytest.MonkeyPatch):
    learner, data = decoder(**SMALL), batch()
    names = [set(at(learner, share, monkeypatch).terms(data)) for share in (0.0, 0.32, 0.34, 1.0)]
    assert names == [{"bimixco", "prior"}] * 2 + [{"soft_clip", "prior"}] * 2
    heat = [at(learner, share, monkeypatch).soft_temperature for share in (0.33, 0.665, 1.0)]
    assert heat == pytest.approx([0.004, 0.00575, 0.0075])


def test_terms_are_the_published_formulas(monkeypatch: pytest.MonkeyPatch):
    learner, data = at(decoder(**SMALL).eval(), 0.5, monkeypatch), batch()
    terms = learner.terms(data)
    tokens = learner.tokens_of(data)
    expected = soft_clip(learner.projector(tokens), data["target"], temperature=learner.soft_temperature)
    torch.testing.assert_close(terms["soft_clip"], expected)
    loss = learner.prior.loss(data["target"], tokens, generator=learner.step_generator(1))
    torch.testing.assert_close(terms["prior"], 30 * loss)
    learner = at(learner, 0.1, monkeypatch)
    mixed, permutation, betas = learner.mixed(data, alpha=0.15, probability=0.5)
    expected = bimixco(learner.projector(learner.tokens_of(mixed)), data["target"], permutation, betas,
                       temperature=0.006)
    torch.testing.assert_close(learner.terms(data)["bimixco"], expected)


def test_a_part_of_weight_zero_is_not_built():
    bare = decoder(**SMALL, prior_weight=0.0, contrastive_weight=0.0, regression_weight=2.0, mix_share=0.0)
    assert bare.prior is bare.projector is bare.low_level is None
    data = batch()
    terms = bare.terms(data)
    assert set(terms) == {"regression"}
    wanted = 2 * ((bare.tokens_of(data) - data["target"]) ** 2).sum(2).mean()
    torch.testing.assert_close(terms["regression"], wanted)
    found = bare.decode(batch())
    assert torch.equal(found.retrieval, found.backbone)
    assert found.prior is found.latent is found.text is None


def test_low_level_branch_with_the_soft_contrast_of_maps(monkeypatch: pytest.MonkeyPatch):
    learner = at(decoder(**SMALL, prior_weight=0.0, low_level_weight=0.5, low_level_hidden=16, map_dim=6).eval(), 0.9,
                 monkeypatch)
    data = batch()
    guess = learner.low_level(learner.tokens_of(data).flatten(1))
    places = guess.maps.shape[1]
    data |= {"maps": torch.randn(8, places, 6), "maps_varied": torch.randn(8, places, 6)}
    l1 = (guess.latent - data["latent"]).abs().mean() / 0.18215
    soft = soft_contrastive_distillation(guess.maps.flatten(0, 1), data["maps"].flatten(0, 1),
                                         data["maps_varied"].flatten(0, 1), temperature=0.075)
    torch.testing.assert_close(learner.terms(data)["low_level"], 0.5 * (l1 + 0.1 * soft))
    assert learner.decode(data).latent.shape == data["latent"].shape
    assert learner.decode(data, sample=False).latent is None


def test_drawing_from_the_prior_is_seeded_and_only_on_request():
    learner, data = decoder(**SMALL).eval(), batch()
    with torch.no_grad():
        first, again = (learner.decode(data, generator=torch.Generator().manual_seed(3)).prior for _ in range(2))
        other = learner.decode(data, generator=torch.Generator().manual_seed(4)).prior
        assert learner.decode(data, sample=False).prior is None
    assert first.shape == data["target"].shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_progress_is_the_share_of_steps(monkeypatch: pytest.MonkeyPatch):
    learner = decoder(**SMALL)
    assert learner.progress == 0
    monkeypatch.setattr(type(learner), "global_step", 30)
    learner.total_steps = 40
    assert learner.progress == 0  # outside of training
    learner._trainer = SimpleNamespace()
    assert learner.progress == 0.75
