"""Colour operations: the pixels of torchvision for given parameters, one parameter per sample."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import functional

from counterpoint.views import colour

RANGES = {"brightness": (0.0, 2.0), "contrast": (0.0, 2.0), "saturation": (0.0, 2.0), "hue": (-0.5, 0.5)}


def _pictures(channels: int = 3) -> Tensor:
    """Random pictures, and those where a formula could divide by zero or tie."""
    images = torch.rand(40, channels, 9, 7, generator=torch.Generator().manual_seed(0))
    images[0], images[1], images[2] = 0.0, 1.0, 0.4
    images[3] = images[3].round()
    images[4] = (images[4] * 3).round() / 3
    images[5, :1] = images[5, 1:2] if channels > 1 else 0.2
    return images


@pytest.mark.parametrize("name", list(RANGES))
@pytest.mark.parametrize("channels", [1, 3])
def test_equals_torchvision(name: str, channels: int) -> None:
    images = _pictures(channels)
    low, high = RANGES[name]
    factor = low + torch.rand(len(images), generator=torch.Generator().manual_seed(1)) * (high - low)
    factor[:8] = torch.tensor([low, high] * 4)
    theirs = getattr(functional, f"adjust_{name}")
    expected = torch.stack([theirs(image, float(f)) for image, f in zip(images, factor, strict=True)])
    got = getattr(colour, f"adjust_{name}")(images.clone(), factor)
    torch.testing.assert_close(got, expected, atol=5e-6, rtol=0)


def test_gray_and_solarise_equal_torchvision() -> None:
    images = _pictures()
    gray = functional.rgb_to_grayscale(images, num_output_channels=3)
    torch.testing.assert_close(colour.to_gray(images.clone()), gray)
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    got = colour.solarise(levels / 255)
    torch.testing.assert_close(got, functional.solarize(levels, 128) / 255)


def test_four_channels_keep_their_colours() -> None:
    images = _pictures(4)
    factor = torch.full((len(images),), 0.3)
    for change in (colour.adjust_saturation, colour.adjust_hue):
        assert torch.equal(change(images.clone(), factor), images)
    assert torch.equal(colour.to_gray(images.clone()), images)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    got = colour.adjust_contrast(images.clone(), factor)
    torch.testing.assert_close(got, (0.3 * images + 0.7 * mean).clamp(0, 1))


def test_jitter_applies_the_order_given() -> None:
    images, factors = _pictures(), torch.tensor([1.4, 0.5, 1.7, 0.2]).expand(40, 4)
    theirs = [functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation,
              functional.adjust_hue]  # fmt: skip
    results = []
    for order in itertools.permutations(range(4)):
        expected = images
        for number in order:
            expected = theirs[number](expected, float(factors[0, number]))
        results.append(colour.colour_jitter(images.clone(), factors, order=order))
        torch.testing.assert_close(results[-1], expected, atol=1e-5, rtol=0)
    assert not torch.allclose(results[0], results[-1], atol=1e-2)


@given(
    pixels=st.lists(st.floats(0, 1, width=32), min_size=12, max_size=12),
    turn=st.floats(-0.5, 0.5),
    factor=st.floats(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_invariances(pixels: list[float], turn: float, factor: float) -> None:
    images = torch.tensor(pixels).view(1, 3, 2, 2)
    turned = colour.adjust_hue(images.clone(), torch.tensor([turn]))
    torch.testing.assert_close(turned.amax(1), images.amax(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(turned.amin(1), images.amin(1), atol=1e-5, rtol=0)
    whole = colour.adjust_hue(turned.clone(), torch.tensor([-turn]))
    chroma = images.amax(1) - images.amin(1)
    if chroma.min() > 1e-3:  # below, the hue itself is rounding noise
        torch.testing.assert_close(whole, images, atol=1e-4, rtol=0)
    for change in (colour.adjust_brightness, colour.adjust_contrast, colour.adjust_saturation):
        got = change(images.clone(), torch.tensor([factor]))
        assert got.min() >= 0
        assert got.max() <= 1
        torch.testing.assert_close(change(images.clone(), torch.tensor([1.0])), images, atol=1e-6, rtol=0)
