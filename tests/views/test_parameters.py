"""Drawn parameters: the distributions of torchvision, each sample for itself, one stream whatever the settings."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torchvision import transforms

from counterpoint.views.parameters import ViewParameters, crop_boxes, draw
from counterpoint.views.spec import ImageViews

N = 3000
P = 1e-3
"""Seeds are fixed, so a test at this level either always passes or always fails."""


def _draw(batch: int = N, *, seed: int = 0, view: int = 0, **settings: object) -> ViewParameters:
    generator = torch.Generator().manual_seed(seed)
    spec = ImageViews(**settings)  # type: ignore[arg-type]
    return draw(spec, batch=batch, height=60, width=80, view=view, generator=generator)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (60, 80), (40, 120), (120, 30)])
def test_crops_follow_torchvision(height: int, width: int) -> None:
    torch.manual_seed(0)
    picture = torch.zeros(1, height, width)
    scale, ratio = (0.2, 1.0), (3 / 4, 4 / 3)
    theirs = torch.tensor(
        [transforms.RandomResizedCrop.get_params(picture, list(scale), list(ratio)) for _ in range(N)]
    ).double()
    uniform = torch.rand(N, 22, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours = crop_boxes(uniform, height=height, width=width, scale=scale, ratio=ratio).double()
    for measure in (
        lambda box: box[:, 2] * box[:, 3],
        lambda box: box[:, 3] / box[:, 2],
        lambda box: box[:, 0] / (height - box[:, 2]).clamp(min=1),
        lambda box: box[:, 1] / (width - box[:, 3]).clamp(min=1),
    ):
        assert stats.ks_2samp(measure(ours).numpy(), measure(theirs).numpy()).pvalue > P


@pytest.mark.parametrize(("height", "width"), [(10, 100), (100, 10), (1, 50), (50, 1), (30, 30)])
def test_fallback_is_torchvisions_central_crop(height: int, width: int) -> None:
    scale, ratio = [1.0, 1.0], [0.9, 1.1] if height != width else [1.05, 1.1]
    theirs = transforms.RandomResizedCrop.get_params(torch.zeros(1, height, width), scale, ratio)
    uniform = torch.rand(4, 22)
    ours = crop_boxes(uniform, height=height, width=width, scale=(1.0, 1.0), ratio=(ratio[0], ratio[1]))
    top, left, high, wide = theirs
    assert ours.tolist() == [[top, left, max(1, high), max(1, wide)]] * 4


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    low=st.floats(0.01, 1),
    ratio=st.floats(0.2, 1),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_boxes_lie_inside(height: int, width: int, low: float, ratio: float, seed: int) -> None:
    uniform = torch.rand(20, 22, generator=torch.Generator().manual_seed(seed))
    box = crop_boxes(uniform, height=height, width=width, scale=(low, 1.0), ratio=(ratio, 1 / ratio))
    top, left, high, wide = box.unbind(1)
    assert (high >= 1).all()
    assert (wide >= 1).all()
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + high <= height).all()
    assert (left + wide <= width).all()


def test_colour_factors_follow_torchvision() -> None:
    torch.manual_seed(0)
    strength = {"brightness": 0.4, "contrast": 0.8, "saturation": 1.2, "hue": 0.1}
    jitter = transforms.ColorJitter(**strength)
    rows = [jitter.get_params(jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue) for _ in range(N)]
    ours = _draw(**strength)
    for number in range(4):
        theirs = [row[1 + number] for row in rows]
        assert stats.ks_2samp(ours.factors[:, number].numpy(), theirs).pvalue > P
    assert ours.factors[:, 2].min() >= 0  # 1 - 1.2 is cut at 0
    weights = torch.tensor([64, 16, 4, 1])
    seen = torch.stack([(ours.order * weights).sum(1), torch.stack([(row[0] * weights).sum() for row in rows])])
    values, place = seen.unique(return_inverse=True)
    table = torch.stack([torch.bincount(line, minlength=len(values)) for line in place])
    assert len(values) == 24
    assert stats.chi2_contingency(table.numpy()).pvalue > P


@pytest.mark.parametrize("chance", [0.0, 0.2, 0.8, 1.0])
def test_probabilities(chance: float) -> None:
    drawn = _draw(flip=chance, jitter=chance, gray=chance, blur=chance, solarise=chance)
    for name in ("flip", "jitter", "gray", "solarise", "sigma"):
        hits = int((getattr(drawn, name) > 0).sum())
        assert stats.binomtest(hits, N, chance).pvalue > P, name


def test_sigma_is_uniform_where_blurred() -> None:
    sigma = _draw(blur=0.5, blur_sigma=(0.3, 1.7)).sigma
    assert stats.kstest(sigma[sigma > 0].numpy(), stats.uniform(0.3, 1.4).cdf).pvalue > P


def test_augmentations_are_independent() -> None:
    drawn = _draw(flip=0.5, jitter=0.5, gray=0.5, blur=0.5, solarise=0.5)
    flags = torch.stack([drawn.flip, drawn.jitter, drawn.gray, drawn.sigma > 0, drawn.solarise]).double()
    values = torch.cat([flags, drawn.factors.T, drawn.box.T.double()[:1]])
    correlation = torch.corrcoef(values) - torch.eye(len(values), dtype=torch.float64)
    assert correlation.abs().max() < 4.5 / math.sqrt(N)


def test_samples_and_views_differ_and_seeds_repeat() -> None:
    first, again, other = _draw(50, seed=3), _draw(50, seed=3), _draw(50, seed=4)
    assert torch.equal(first.box, again.box)
    assert torch.equal(first.factors, again.factors)
    assert not torch.equal(first.factors, other.factors)
    assert len(first.factors[:, 0].unique()) == 50


def test_one_setting_leaves_the_draws_of_the_others() -> None:
    plain, full = _draw(50, blur=0.0, gray=0.0, solarise=0.0), _draw(50, blur=1.0, gray=1.0, solarise=1.0)
    for name in ("box", "flip", "jitter", "factors", "order"):
        assert torch.equal(getattr(plain, name), getattr(full, name))


def test_small_views_use_their_own_scale() -> None:
    settings = {"small_views": 1, "crop_scale": (0.9, 1.0), "small_scale": (0.05, 0.1), "crop_ratio": (1.0, 1.0)}
    share = [_draw(view=view, **settings).box[:, 2:].prod(1).double() / 4800 for view in (1, 2)]
    assert share[1].max() < 0.12 < 0.5 < share[0].min()


def test_take_and_join_keep_rows_together() -> None:
    drawn = _draw(10)
    assert torch.equal(drawn.take(torch.tensor([7, 1])).sigma, drawn.sigma[[7, 1]])
    both = ViewParameters.join([drawn, drawn.take(torch.tensor([2]))])
    assert both.box.shape == (11, 4)
    assert torch.equal(both.box[10], drawn.box[2])
