"""STTM: its stages, one mixture for three terms, weights drawn by the seed, and a shared part that stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from counterpoint.base.recipe import Recipe, lookup
from counterpoint.core.errors import CounterpointError
from counterpoint.objectives import bimixco, soft_clip, sttm_alignment
from counterpoint.recipes import sttm
from counterpoint.train.fit import fit
from counterpoint.train.reproduce import arm_recipe, waves

from ..base.decoders import batch, decoder

SMALL: dict[str, Any] = {"hidden": 16, "prior_depth": 1, "prior_heads": 2, "timesteps": 10}
BARE: dict[str, Any] = {"hidden": 16, "prior_weight": 0.0}
CONTRAST = {"fine", "global_image", "global_text"}


def made(text_dim: int = 8, **method: Any) -> Any:
    """A small STTM of two people at its first weights."""
    return decoder("sttm", kind="adapter", text_dim=text_dim, **{**SMALL, **method})


def at(learner: Any, share: float, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same learner after this share of its steps."""
    monkeypatch.setattr(type(learner), "progress", share)
    return learner


def test_terms_and_temperatures_by_stage(monkeypatch: pytest.MonkeyPatch):
    learner, data = made(), batch(text_dim=8)
    for share in (0.0, 0.34, 0.36, 1.0):
        assert set(at(learner, share, monkeypatch).terms(data)) == CONTRAST | {"prior"}
    heat = [at(learner, share, monkeypatch).soft_temperature for share in (0.35, 0.675, 1.0)]
    assert heat == pytest.approx([0.004, 0.005, 0.006])
    silent = at(made(0, **BARE, text_weight=0.0), 0.5, monkeypatch)
    assert set(silent.terms(batch())) == CONTRAST - {"global_text"}
    assert silent.decode(batch()).text is None
    with pytest.raises(CounterpointError, match="caption"):
        made(0)


@pytest.mark.parametrize("share", [0.1, 0.7])
def test_equal_widths_are_the_published_alignment(share: float, monkeypatch: pytest.MonkeyPatch):
    learner, data = at(made(**BARE).eval(), share, monkeypatch), batch(text_dim=8)
    terms = learner.terms(data)
    used, mixture, heat, weight = data, (), learner.soft_temperature, 0.2
    if share < 0.35:
        used, *mixture = learner.mixed(data, alpha=0.15, probability=0.5)
        heat, weight = 0.006, 0.5
    z = learner.projector(learner.tokens_of(used))
    expected = sttm_alignment(z, data["target"], data["text"], *mixture, temperature=heat, global_weight=weight)
    torch.testing.assert_close(sum(terms.values()), expected.total)
    torch.testing.assert_close(terms["fine"], expected.fine)


def test_one_mixture_serves_all_three_terms(monkeypatch: pytest.MonkeyPatch):
    learner, data = at(made(12, **BARE).eval(), 0.1, monkeypatch), batch(text_dim=12)
    terms = learner.terms(data)
    mixed, permutation, betas = learner.mixed(data, alpha=0.15, probability=0.5)
    assert (betas < 1).any()
    z, target = learner.projector(learner.tokens_of(mixed)), data["target"]
    expected = {"fine": (1.0, z, target), "global_image": (0.5, z[:, 0], target[:, 0]),
                "global_text": (0.5, learner.to_text(z[:, 0]), data["text"])}
    for name, (weight, a, b) in expected.items():
        torch.testing.assert_close(terms[name], weight * bimixco(a, b, permutation, betas, temperature=0.006))


def test_random_weights_sum_to_one_and_follow_the_seed(monkeypatch: pytest.MonkeyPatch):
    def weights(seed: int, step: int) -> tuple[float, float]:
        found = []
        for random_weights in (True, False):
            learner = at(decoder("sttm", kind="adapter", text_dim=8, seed=0, **SMALL, random_weights=random_weights),
                         0.5, monkeypatch)
            learner.recipe = Recipe(data=learner.settings.data, views=learner.settings.views, seed=seed)
            learner.batches_seen = step
            found.append({name: float(value) for name, value in learner.eval().terms(batch(text_dim=8)).items()})
        drawn, even = found  # even: one half each
        return 0.5 * drawn["fine"] / even["fine"], 0.5 * drawn["prior"] / even["prior"]

    first = weights(0, 0)
    assert sum(first) == pytest.approx(1, abs=1e-5)
    assert weights(0, 0) == first
    assert abs(weights(0, 1)[0] - first[0]) > 1e-3
    assert abs(weights(1, 0)[0] - first[0]) > 1e-3


def test_a_frozen_shared_part_has_no_gradient_and_no_dropout():
    learner = made(**BARE, freeze_shared=True)
    trained = {name for name, value in learner.named_parameters() if value.requires_grad}
    assert trained
    assert all(name.startswith("encoder.shared.adapters.") for name in trained)
    for _ in range(2):
        learner.train()
        own = set(learner.encoder.own.modules())
        active = {module for module in learner.modules() if module.training and module is not learner}
        assert active == own
        learner.eval()
        assert not any(module.training for module in learner.modules())
    loose = made(**BARE).train()
    assert all(module.training for module in loose.modules())


def test_the_prior_of_a_frozen_run_stays_in_evaluation_too(monkeypatch: pytest.MonkeyPatch):
    learner = at(made(freeze_shared=True).train(), 0.5, monkeypatch)
    sum(learner.terms(batch(text_dim=8)).values()).backward()
    reached = {name for name, value in learner.named_parameters() if value.grad is not None}
    assert reached
    assert all("adapters" in name for name in reached)
    assert not learner.prior.training


def test_a_caption_probe_learns_without_teaching(monkeypatch: pytest.MonkeyPatch):
    learner, data = at(made(12, **BARE, caption_probe=True).eval(), 0.5, monkeypatch), batch(text_dim=12)
    learner.terms(data)["global_text"].backward()
    reached = {name for name, value in learner.named_parameters() if value.grad is not None}
    assert reached == {"to_text.weight", "to_text.bias"}
    taught = at(made(12, **BARE).eval(), 0.5, monkeypatch)
    torch.testing.assert_close(taught.terms(data)["global_text"], learner.terms(data)["global_text"])
    taught.terms(data)["global_text"].backward()
    assert any(value.grad is not None for value in taught.encoder.parameters())


def test_negatives_come_from_the_other_person_too(monkeypatch: pytest.MonkeyPatch):
    learner, data = at(made(**BARE).eval(), 0.5, monkeypatch), batch(text_dim=8)
    both = learner.terms(data)["fine"]
    z = learner.projector(learner.tokens_of(data))
    apart = [soft_clip(z[rows], data["target"][rows], temperature=learner.soft_temperature)
             for rows in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(both, soft_clip(z, data["target"], temperature=learner.soft_temperature))
    assert abs((both - sum(apart) / 2).item()) > 0.1
    monkeypatch.setattr("counterpoint.methods.sttm.gather", lambda x: torch.cat([x, x.flip(0)]))
    assert learner.terms(data)["fine"].item() != pytest.approx(both.item())


@pytest.mark.slow
def test_a_new_person_leaves_the_shared_weights_as_they_were(tmp_path: Path):
    small = {"data.options": {"train": 40, "test": 20, "voxels": {"1": 60, "2": 50, "4": 40}, "features": "factors"},
             "data.validation": 0.0, "views.components": 8, "views.text": "hash", "views.picture_size": 64, "epochs": 1,
             "method.prior_weight": 0.0, "data.batch_size": 10, "data.limit": 20, "probe_every": 0}
    source = fit("sttm.tiny", out=tmp_path / "source", quiet=True, metrics=(), changes=small)
    blank = fit("sttm.tiny", out=tmp_path / "blank", quiet=True, metrics=(), changes={**small, "epochs": 0})
    new = fit("sttm.transfer", out=tmp_path / "new", quiet=True, metrics=(), init_from=source.path,
              changes={**small, "epochs": 3})
    first, before, after = (load_file(run.model / "model.safetensors") for run in (blank, source, new))
    assert first.keys() == before.keys()
    assert not torch.equal(first["projector.2.weight"], before["projector.2.weight"])
    shared = [key for key in after if ".adapters." not in key]
    assert shared
    assert all(torch.equal(before[key], after[key]) for key in shared)
    assert set(after) - set(shared)
    assert not (set(after) - set(shared)) & set(before)


def test_the_claim_trains_sources_first_and_only_what_is_new():
    claim = sttm.claim()
    assert not set(claim.seeds) & set(claim.tuning_seeds)
    order = [arm for wave in waves(claim) for arm in wave]
    for pictures in (60, 200):
        new, fresh = (arm_recipe(claim, f"{name}{pictures}", 101, fast=False) for name in ("new", "fresh"))
        assert new.method["freeze_shared"]
        assert not fresh.method.get("freeze_shared")
        assert new.data == fresh.data
        assert (new.data.subjects, new.data.limit) == (("4",), pictures)
        assert (new.encoder, new.views, new.epochs) == (fresh.encoder, fresh.views, fresh.epochs)
        assert order.index("source") < order.index(f"new{pictures}")
        assert pictures > new.views.components
    named = {term.split(":")[0] for contrast in claim.contrasts for term in (*contrast.plus, *contrast.minus)}
    assert named <= set(claim.arms)


def test_recipes_agree_where_a_run_is_continued():
    base, new = lookup("sttm"), lookup("sttm.transfer")
    assert base.encoder == new.encoder
    assert base.views == new.views
    assert {**base.method, "freeze_shared": True, "mix_share": 1.0} == dict(new.method)
    assert new.data.limit > new.views.components
    assert set(sttm.VOXELS) >= {*base.data.subjects, *new.data.subjects}
