"""WAVE: what each stage optimises, what it decodes, what it refuses, and that a network at zero says nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from counterpoint.base.recipe import Recipe
from counterpoint.brain.masking import mask_networks
from counterpoint.brain.spec import BrainData, BrainEncoder, BrainViews
from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.brain_network import BrainNetwork
from counterpoint.methods.wave import WAVE
from counterpoint.objectives.image_text import clip
from counterpoint.objectives.trimodal import trimodal_contrastive

PARCELS, DIM, HIDDEN = 12, 8, 16
GOLDEN = Path(__file__).parents[1] / "golden" / "wave__trimodal_contrastive.npz"


class Staged(WAVE):
    """WAVE at a share of the steps that a test sets."""

    share = 0.0

    @property
    def progress(self) -> float:
        return self.share


def learner(*, text_dim: int = DIM, tokens: int = 1, kind: str = "causal", **settings: Any) -> Staged:
    torch.manual_seed(0)
    encoder = BrainNetwork({"ann": PARCELS}, kind=kind, tokens=tokens, dim=DIM, text_dim=text_dim, hidden=HIDDEN,
                           blocks=1, heads=2)
    made = Staged(encoder, **{"prior_depth": 1, "prior_heads": 2, "timesteps": 4, **settings})
    made.attach(Recipe(data=BrainData(), encoder=BrainEncoder(), views=BrainViews()), None)
    return made.eval()


def batch(*, text_dim: int = DIM, tokens: int = 1, count: int = 6) -> Any:
    generator = torch.Generator().manual_seed(3)
    return {"responses": [torch.randn(count, 5, PARCELS, generator=generator)], "subject": ["ann"],
            "target": torch.randn(count, tokens, DIM, generator=generator),
            "text": torch.randn(count, text_dim, generator=generator)}


def touched(model: nn.Module, loss: Tensor) -> set[str]:
    """Parts of the model that the loss has a gradient for."""
    model.zero_grad()
    loss.backward()
    return {name.split(".")[0] for name, value in model.named_parameters()
            if value.grad is not None and bool(value.grad.any())}


def test_each_stage_has_its_own_term_and_trains_its_own_parts():
    model, data = learner(pretrain_share=0.2, contrast_share=0.6), batch()
    found = []
    for model.share in (0.0, 0.19, 0.2, 0.59, 0.6, 1.0):
        ((name, loss),) = model.terms(data).items()
        found.append((name, touched(model, loss)))
    csm, contrast, prior = found[0], found[2], found[4]
    assert found[1] == csm == ("csm", {"encoder"})
    assert found[3] == contrast == ("trimodal", {"encoder", "to_picture", "log_scales"})
    assert found[5] == prior == ("prior", {"painter", "prior"})


def test_without_a_prior_the_contrast_has_all_the_steps():
    model = learner(prior_weight=0.0, contrast_share=0.3)
    model.share = 0.9
    assert model.terms(batch()).keys() == {"trimodal"}
    assert not hasattr(model, "painter")
    assert model.decode(batch()).prior is None


def test_without_texts_only_pictures_are_met():
    model, data = learner(text=False, text_dim=0), batch()
    z = model.to_picture(model.encoder.pooled(data["responses"]))
    found = model.terms({key: value for key, value in data.items() if key != "text"})
    torch.testing.assert_close(found, {"clip": clip(z, data["target"][:, 0], temperature=0.07)})
    assert model.decode(data).text is None


def test_the_second_encoder_is_copied_once_when_its_stage_begins():
    model, data = learner(contrast_share=0.5), batch()
    with torch.no_grad():
        model.to_picture(model.encoder.pooled(data["responses"]))
        model.encoder.shared.cls_row += 1.0  # what training would do
    model.share = 0.4
    model.terms(data)
    assert not torch.equal(model.painter.shared.cls_row, model.encoder.shared.cls_row)
    model.share = 0.5
    model.terms(data)
    torch.testing.assert_close(dict(model.painter.state_dict()), dict(model.encoder.state_dict()), atol=0, rtol=0)
    before = model.painter.shared.cls_row.clone()
    with torch.no_grad():
        model.encoder.shared.cls_row += 1.0
    model.terms(data)
    assert torch.equal(model.painter.shared.cls_row, before)
    resumed = learner(contrast_share=0.5)
    resumed.load_state_dict(model.state_dict())
    resumed.share = 0.7
    resumed.terms(data)
    assert torch.equal(resumed.painter.shared.cls_row, before)


def test_the_prior_counts_thirtyfold():
    heavy, light = learner(contrast_share=0.0), learner(contrast_share=0.0, prior_weight=1.0)
    torch.testing.assert_close(heavy.terms(batch())["prior"], 30 * light.terms(batch())["prior"])


def test_learned_temperatures_begin_where_they_should_and_move_apart():
    model, data = learner(temperature=0.07), batch()
    torch.testing.assert_close(model.log_scales.detach(), torch.full((2,), math.log(1 / 0.07)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.terms(data)["trimodal"].backward()
    optimizer.step()
    moved = model.log_scales.detach() - math.log(1 / 0.07)
    assert bool((moved.abs() > 1e-4).all())
    assert abs(float(moved[0] - moved[1])) > 1e-4


def test_terms_are_the_papers_formula():
    """The stored vectors of the authors' formula, put in where the network's feature would come out."""
    stored = np.load(GOLDEN, allow_pickle=False)
    z_a, z_b, z_c = (torch.from_numpy(stored[key]).double() for key in ("z_a", "z_b", "z_c"))
    keywords = json.loads(str(stored["kw_json"])) if "kw_json" in stored else {}
    assert {keywords.get("weight_ab", 0.5), keywords.get("weight_ac", 0.5)} == {0.5}
    model = learner().double()
    model.to_picture, model.to_text = nn.Identity(), None  # type: ignore[assignment]
    model.encoder.pooled = lambda responses: z_a
    with torch.no_grad():
        model.log_scales.copy_(-torch.tensor([keywords.get("temperature_ab", 0.07),
                                              keywords.get("temperature_ac", 0.07)]).double().log())
    found = model.terms({**batch(), "target": z_b[:, None], "text": z_c})["trimodal"]
    torch.testing.assert_close(found, torch.as_tensor(stored["expected"]).double(), atol=1e-6, rtol=1e-6)


def test_equal_widths_share_a_projection_and_others_have_one_each():
    same, data = learner(), batch()
    z = same.to_picture(same.encoder.pooled(data["responses"]))
    torch.testing.assert_close(same.terms(data)["trimodal"],
                               trimodal_contrastive(z, data["target"][:, 0], data["text"]))
    assert same.to_text is None
    other, data = learner(text_dim=5), batch(text_dim=5)
    pooled = other.encoder.pooled(data["responses"])
    expected = (clip(other.to_picture(pooled), data["target"][:, 0], temperature=0.07)
                + clip(other.to_text(pooled), data["text"], temperature=0.07)) / 2
    torch.testing.assert_close(other.terms(data)["trimodal"], expected)


@pytest.mark.parametrize("tokens", [1, 3])
def test_decoded_shapes(tokens: int):
    model, data = learner(text_dim=5, tokens=tokens), batch(text_dim=5, tokens=tokens)
    with torch.no_grad():
        found = model.decode(data, generator=torch.Generator().manual_seed(0))
        plain = model.decode(data, sample=False)
    assert found.retrieval.shape == (6, 1, DIM)
    assert found.backbone is not None
    assert found.backbone.shape == (6, tokens, DIM)
    assert found.prior is not None
    assert found.prior.shape == (6, tokens, DIM)
    assert found.text is not None
    assert found.text.shape == (6, 5)
    torch.testing.assert_close(found.text.norm(dim=1), torch.ones(6))
    assert plain.prior is None
    assert torch.equal(plain.retrieval, found.retrieval)


def test_only_sequences_are_read():
    with pytest.raises(CounterpointError, match="time series"):
        learner(kind="mlp")


def test_captions_without_a_text_network_are_refused():
    with pytest.raises(CounterpointError, match="no text network"):
        learner(text_dim=0)


def test_a_network_at_zero_says_nothing():
    model, data = learner(), batch()
    x = data["responses"][0]
    labels = torch.arange(PARCELS) % 3
    other = torch.where(labels == 1, torch.randn(x.shape, generator=torch.Generator().manual_seed(9)), x)

    def embedded(series: Tensor, *drop: int) -> Tensor:
        return model.embed({**data, "responses": [mask_networks(series, labels, drop=drop)]})

    assert not torch.allclose(embedded(x), embedded(other), atol=1e-3)
    assert torch.equal(embedded(x, 1), embedded(other, 1))
    assert not torch.allclose(embedded(x, 1), embedded(x), atol=1e-3)
    assert not torch.equal(embedded(x, 2), embedded(other, 2))
