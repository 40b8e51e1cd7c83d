"""Views as a user gets them: shapes, coordinates that describe the pixels, seeds, errors, both backends."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import functional

from counterpoint.core.errors import CounterpointError
from counterpoint.views.image import ViewMaker
from counterpoint.views.parameters import draw
from counterpoint.views.spec import ImageViews, byol, swav
from tests.views.test_crop import naive_crop

ONLY_CROP: dict[str, Any] = {"jitter": 0.0, "gray": 0.0, "blur": 0.0, "solarise": 0.0}


def _seed(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def _pictures(batch: int = 12, channels: int = 3, height: int = 20, width: int = 24) -> Tensor:
    """Smooth 8-bit pictures with every sample different."""
    coarse = torch.rand(batch, channels, 5, 5, generator=_seed(9))
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    return (smooth * 255).round().to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64", "float16"])
def test_shapes_and_types(channels: int, kind: str) -> None:
    images = _pictures(channels=channels)
    if kind != "uint8":
        images = (images / 255).to(getattr(torch, kind))
    make = ImageViews(size=16, num_views=2, small_views=3, small_size=9, blur=0.5, solarise=0.5).build()
    views, coords = make(images, _seed())
    assert [tuple(view.shape) for view in views] == [(12, channels, 16, 16)] * 2 + [(12, channels, 9, 9)] * 3
    assert all(view.dtype == torch.float32 and view.is_contiguous() for view in views)
    assert [tuple(where.shape) for where in coords] == [(12, 5)] * 5
    assert all(view.min() >= -1 - 1e-5 and view.max() <= 1 + 1e-5 for view in views)


def test_sizes_follow_the_pictures_and_swav() -> None:
    make = ImageViews(small_views=1).build()
    assert [view.shape[-1] for view in make(_pictures(), _seed())[0]] == [20, 20, 9]
    assert ViewMaker(swav(224)).size_of(2, height=256, width=256) == 96


@pytest.mark.parametrize("backend", ["tensor", "pil"])
def test_coordinates_describe_the_pixels(backend: str) -> None:
    images = _pictures()
    make = ImageViews(size=13, small_views=1, small_size=6, backend=backend, mean=(0.0,), std=(1.0,), **ONLY_CROP)
    views, coords = make.build()(images, _seed())
    flips = 0
    for view, where in zip(views, coords, strict=True):
        for row, (top, left, height, width, flipped) in enumerate(where.tolist()):
            box = [round(top * 20), round(left * 24), round(height * 20), round(width * 24)]
            expected = naive_crop(images[row] / 255, box, flipped == 1.0, view.shape[-1])
            atol = 1e-5 if backend == "tensor" else 1.01 / 255
            torch.testing.assert_close(view[row].double(), expected, atol=atol, rtol=0)
            flips += int(flipped)
    assert 0 < flips < 36


def test_whole_chain_equals_torchvision_step_by_step() -> None:
    images = _pictures()
    spec = ImageViews(size=16, jitter=0.7, gray=0.4, blur=0.5, solarise=0.5, mean=(0.4, 0.5, 0.6), std=(0.2,))
    views, _ = spec.build()(images, _seed(5))
    generator = _seed(5)
    adjust = [functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation,
              functional.adjust_hue]  # fmt: skip
    for number in range(2):
        drawn = draw(spec, batch=12, height=20, width=24, view=number, generator=generator)
        for row in range(12):
            view = functional.resized_crop(images[row] / 255, *drawn.box[row].tolist(), [16, 16], antialias=True)
            view = functional.hflip(view) if drawn.flip[row] else view
            for step in drawn.order[row].tolist() if drawn.jitter[row] else []:
                view = adjust[step](view, float(drawn.factors[row, step]))
            view = functional.rgb_to_grayscale(view, 3) if drawn.gray[row] else view
            if drawn.sigma[row] > 0:
                side = 2 * math.ceil(3 * float(drawn.sigma[row])) + 1
                view = functional.gaussian_blur(view, [side, side], [float(drawn.sigma[row])] * 2)
            before = view
            view = functional.solarize(view, 0.5) if drawn.solarise[row] else view
            expected = functional.normalize(view, [0.4, 0.5, 0.6], [0.2, 0.2, 0.2])
            sure = (before - 0.5).abs() > 1e-3  # at the threshold, rounding decides which side
            error = (views[number][row] - expected).abs()[sure]
            assert error.max() < 1e-4


@pytest.mark.parametrize(("blur", "levels"), [(0.0, 2.0), (1.0, 2.5)])
def test_backends_make_the_same_views(blur: float, levels: float) -> None:
    images = _pictures(batch=60)
    settings: dict[str, Any] = {"size": 20, "blur": blur, "blur_sigma": (0.1, 2.0)}
    ours, where = ImageViews(backend="tensor", **settings).build()(images, _seed())
    theirs, there = ImageViews(backend="pil", **settings).build()(images, _seed())
    for a, b, c, d in zip(ours, theirs, where, there, strict=True):
        assert torch.equal(c, d)
        error = (a - b).abs() * 127.5  # in 8-bit levels
        assert error.mean() < levels  # 8-bit steps after each operation; Pillow's blur is three box filters
        assert error.flatten(1).mean(1).quantile(0.95) < 3 * levels
        for power in (1, 2):
            torch.testing.assert_close(a.pow(power).mean(), b.pow(power).mean(), atol=0.01, rtol=0)
    gray = _pictures(batch=10, channels=1)
    ours, theirs = (ImageViews(backend=name, size=20).build()(gray, _seed())[0] for name in ("tensor", "pil"))
    assert ((ours[0] - theirs[0]).abs() * 127.5).mean() < 1.5


@pytest.mark.parametrize("backend", ["tensor", "pil"])
def test_samples_of_one_batch_differ(backend: str) -> None:
    images = _pictures(1).expand(16, -1, -1, -1)
    views, coords = ImageViews(size=12, backend=backend).build()(images, _seed())
    for view in (*views, *coords):
        assert len(view.flatten(1).unique(dim=0)) == 16
    assert not torch.equal(views[0], views[1])


def test_same_seed_same_views() -> None:
    make, images = byol(12).build(), _pictures()
    first, again, other = make(images, _seed(1)), make(images, _seed(1)), make(images, _seed(2))
    for one, two, three in zip(first[0], again[0], other[0], strict=True):
        assert torch.equal(one, two)
        assert not torch.equal(one, three)
    torch.manual_seed(3)
    unseeded = make(images)[0][0]
    torch.manual_seed(3)
    assert torch.equal(unseeded, make(images)[0][0])


def test_views_do_not_depend_on_chunks_or_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    make, images = ImageViews(size=16, blur=0.5, blur_sigma=(1.0, 1.0), solarise=0.2).build(), _pictures(40)
    expected = make(images, _seed())[0]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert all(torch.equal(a, b) for a, b in zip(expected, make(images, _seed())[0], strict=True))
    finally:
        torch.set_num_threads(before)
    monkeypatch.setattr("counterpoint.views.batched.CHUNK", 1)
    for one, two in zip(expected, make(images, _seed())[0], strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=0)


def test_uint8_and_float_agree_and_input_is_untouched() -> None:
    make, images = ImageViews(size=16).build(), _pictures()
    scaled, kept = images / 255, images.clone()
    a, b = make(images, _seed())[0][0], make(scaled, _seed())[0][0]
    torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
    assert torch.equal(images, kept)
    assert torch.equal(scaled, kept / 255)


def test_strided_pictures() -> None:
    images = _pictures()
    last = images.contiguous(memory_format=torch.channels_last)
    make = ImageViews(size=16).build()
    assert torch.equal(make(images, _seed())[0][0], make(last, _seed())[0][0])


def test_plain_only_normalises() -> None:
    images = _pictures()
    make = ImageViews(size=8, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7)).build()
    expected = functional.normalize(images / 255, [0.1, 0.2, 0.3], [0.5, 0.6, 0.7])
    torch.testing.assert_close(make.plain(images), expected)
    torch.testing.assert_close(make.plain(images / 255), expected)
    assert float(ImageViews().build().plain(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8)).max()) == 1.0


@given(
    batch=st.integers(0, 6), channels=st.integers(1, 5), height=st.integers(1, 12), width=st.integers(1, 12),
    size=st.integers(1, 14),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_any_shape_gives_finite_views_in_range(batch: int, channels: int, height: int, width: int, size: int) -> None:
    images = torch.randint(0, 256, (batch, channels, height, width), dtype=torch.uint8)
    views, coords = ImageViews(size=size, blur=0.7, solarise=0.3, small_views=1).build()(images, _seed())
    for view in views:
        assert view.isfinite().all()
        assert view.abs().max() <= 1 + 1e-5 if batch else view.shape[0] == 0
    for where in coords:
        assert ((where >= 0) & (where <= 1)).all()
        assert (where[:, :2] + where[:, 2:4] <= 1 + 1e-6).all()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(3, 8, 8, dtype=torch.uint8), r"shape \(3, 8, 8\)"),
        (torch.zeros(2, 0, 8, 8), "shape"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.int64), "int64"),
        (torch.full((2, 3, 8, 8), float("nan")), "NaN"),
        (torch.cat([torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), float("nan"))]), "NaN"),
        (torch.full((2, 3, 8, 8), 255.0), "run from 255 to 255"),
        (torch.full((2, 3, 8, 8), float("inf")), "inf"),
    ],
)
def test_refuses_what_are_no_pictures(images: Tensor, words: str) -> None:
    make = ImageViews(size=8).build()
    for call in (make, make.plain):
        with pytest.raises(CounterpointError, match=words):
            call(images)


def test_refuses_statistics_for_other_channels() -> None:
    with pytest.raises(CounterpointError, match=r"views\.mean has 3 numbers for 1 channels"):
        ImageViews(size=8, mean=(0.1, 0.2, 0.3)).build()(_pictures(channels=1), _seed())
    with pytest.raises(CounterpointError, match="4 channels"):
        ImageViews(size=8, backend="pil").build()(_pictures(channels=4), _seed())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_device_makes_the_views_of_the_processor() -> None:
    make, images = byol(16).build(), _pictures(30)
    here, there = make(images, _seed()), make(images.cuda(), _seed())
    for a, b, c, d in zip(*here, *there, strict=True):
        assert c.is_cuda
        torch.testing.assert_close(a, c.cpu(), atol=1e-4, rtol=0)
        assert torch.equal(b, d.cpu())
