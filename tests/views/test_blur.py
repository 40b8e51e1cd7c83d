"""Blur: torchvision's kernel, each sample its own width."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import functional

from counterpoint.views.blur import gaussian_blur, gaussian_taps


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("radius", [1, 6])
def test_equals_torchvision(batch: int, radius: int) -> None:
    images = torch.rand(batch, 3, 20, 15)
    sigma = torch.linspace(0.1, 2.0, 5)[-batch:]
    got = gaussian_blur(images, sigma, radius=radius)
    for row in range(batch):
        side = 2 * radius + 1
        expected = functional.gaussian_blur(images[row], [side, side], [float(sigma[row])] * 2)
        torch.testing.assert_close(got[row], expected, atol=1e-5, rtol=0)


def test_default_radius_keeps_nearly_all_of_the_kernel() -> None:
    images = torch.rand(1, 1, 64, 64)
    wide = functional.gaussian_blur(images[0], [41, 41], [2.0, 2.0])
    torch.testing.assert_close(gaussian_blur(images, torch.tensor([2.0]))[0], wide, atol=3e-3, rtol=0)


def test_a_sample_does_not_depend_on_its_neighbours() -> None:
    images, sigma = torch.rand(3, 3, 20, 20), torch.tensor([0.2, 1.1, 2.0])
    together = gaussian_blur(images, sigma)
    for row in range(3):
        alone = gaussian_blur(images[row : row + 1], sigma[row : row + 1])[0]
        torch.testing.assert_close(together[row], alone, atol=1e-6, rtol=0)
        side = 2 * math.ceil(3 * float(sigma[row])) + 1
        expected = functional.gaussian_blur(images[row], [side, side], [float(sigma[row])] * 2)
        torch.testing.assert_close(alone, expected, atol=1e-5, rtol=0)


def test_tiny_pictures_are_blurred_within_their_edges() -> None:
    images = torch.rand(2, 1, 3, 3)
    got = gaussian_blur(images, torch.tensor([2.0, 0.1]))
    assert got[0].std() < images[0].std()
    torch.testing.assert_close(got[1], images[1], atol=1e-6, rtol=0)
    one = torch.rand(1, 1, 1, 1)
    assert torch.equal(gaussian_blur(one, torch.tensor([2.0])), one)


@given(sigma=st.floats(0.1, 5), radius=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_taps_sum_to_one_and_fall(sigma: float, radius: int) -> None:
    taps = gaussian_taps(torch.tensor([sigma]).double(), reach=torch.tensor([float(radius)]))[0]
    assert float(taps[0] + 2 * taps[1:].sum()) == pytest.approx(1)
    assert (taps.diff() <= 0).all()
