"""Crops: the pixels of torchvision, and the pixels that a naive loop reads off the box."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import functional

from counterpoint.views.crop import axis_taps, bags, resized_crop, transpose, weighted_rows
from counterpoint.views.parameters import crop_boxes


def naive_axis(values: Tensor, size: int) -> Tensor:
    """Resample the last axis, output by output and position by position."""
    length = values.shape[-1]
    scale = length / size
    support = max(1.0, scale)
    out = []
    for i in range(size):
        centre = (i + 0.5) * scale
        weights = [max(0.0, 1 - abs(p + 0.5 - centre) / support) for p in range(length)]
        out.append(sum(values[..., p] * w for p, w in enumerate(weights)) / sum(weights))
    return torch.stack(out, dim=-1)


def naive_crop(image: Tensor, box: list[int], flip: bool, size: int) -> Tensor:
    """One crop of one picture (channels, height, width)."""
    top, left, height, width = box
    cut = image[:, top : top + height, left : left + width].double()
    out = naive_axis(naive_axis(cut, size).transpose(1, 2), size).transpose(1, 2)
    return out.flip(2) if flip else out


def _boxes(batch: int, height: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(batch, 22, generator=generator)
    boxes = crop_boxes(uniform, height=height, width=width, scale=(0.05, 1.0), ratio=(0.5, 2.0))
    return boxes, torch.rand(batch, generator=generator) < 0.5


@pytest.mark.parametrize(
    ("channels", "height", "width", "size"), [(1, 28, 28, 28), (3, 20, 33, 9), (4, 50, 40, 7), (3, 9, 9, 30)]
)
def test_equals_the_naive_loop(channels: int, height: int, width: int, size: int) -> None:
    images = torch.rand(8, channels, height, width)
    boxes, flips = _boxes(8, height, width)
    got = resized_crop(images, boxes, flips, size=size)
    for row in range(8):
        expected = naive_crop(images[row], boxes[row].tolist(), bool(flips[row]), size)
        torch.testing.assert_close(got[row].double(), expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize(("side", "size"), [(28, 28), (64, 64), (256, 224), (300, 20), (17, 100)])
def test_equals_torchvision(side: int, size: int) -> None:
    images = torch.rand(6, 3, side, side + 3)
    boxes, flips = _boxes(6, side, side + 3, seed=1)
    got = resized_crop(images, boxes, flips, size=size)
    for row in range(6):
        expected = functional.resized_crop(images[row], *boxes[row].tolist(), [size, size], antialias=True)
        if flips[row]:
            expected = functional.hflip(expected)
        torch.testing.assert_close(got[row], expected, atol=5e-5, rtol=0)


@given(start=st.integers(0, 30), extent=st.integers(1, 60), size=st.integers(1, 40), flip=st.booleans())
@settings(max_examples=80, deadline=None)
def test_taps_are_means_within_the_stretch(start: int, extent: int, size: int, flip: bool) -> None:
    index, weight = axis_taps(torch.tensor([start]), torch.tensor([extent]), size=size, flips=torch.tensor([flip]))
    assert index.min() >= start
    assert index.max() < start + extent
    assert weight.min() >= 0
    torch.testing.assert_close(weight.sum(2), torch.ones(1, size))
    mirrored = axis_taps(torch.tensor([start]), torch.tensor([extent]), size=size, flips=torch.tensor([not flip]))
    assert torch.equal(index.flip(1), mirrored[0])
    centre = (index * weight).sum(2)[0]
    assert (centre.diff() * (-1 if flip else 1) >= -1e-4).all()


def test_identity_crop_and_constant_pictures() -> None:
    images = torch.rand(2, 3, 11, 11)
    whole, no = torch.tensor([[0, 0, 11, 11]] * 2), torch.tensor([False, True])
    got = resized_crop(images, whole, no, size=11)
    torch.testing.assert_close(got[0], images[0])
    torch.testing.assert_close(got[1], images[1].flip(2))
    flat = resized_crop(torch.full((2, 1, 30, 30), 0.3), *_boxes(2, 30, 30), size=13)
    torch.testing.assert_close(flat, torch.full((2, 1, 13, 13), 0.3))


def test_bags_address_pictures_by_place() -> None:
    images = torch.rand(3, 2, 5, 4)
    taps = torch.tensor([[[0, 1]], [[2, 3]], [[4, 4]]]), torch.tensor([[[1.0, 0.0]], [[0.5, 0.5]], [[0.0, 1.0]]])
    place = torch.tensor([2, 0, 1])
    got = weighted_rows(images, bags(taps, place=place, channels=2, length=5))
    torch.testing.assert_close(got[0, :, 0], images[2, :, 0])
    torch.testing.assert_close(got[1, :, 0], (images[0, :, 2] + images[0, :, 3]) / 2)
    torch.testing.assert_close(got[2, :, 0], images[1, :, 4])


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 2, 150, 130)])
def test_transpose(shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 255, shape, dtype=torch.uint8)
    got = transpose(images)
    assert got.is_contiguous()
    assert torch.equal(got, images.mT)
