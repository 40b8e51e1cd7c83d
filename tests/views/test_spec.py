"""Settings: what is refused, and with which words; presets; no torch."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.views.spec import ImageViews, byol, moco_v2, simclr, swav


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flip", 1.5),
        ("jitter", -0.1),
        ("gray", 2.0),
        ("brightness", -1.0),
        ("hue", 0.6),
        ("crop_scale", (0.0, 1.0)),
        ("crop_scale", (0.9, 0.5)),
        ("crop_scale", (0.5, 1.5)),
        ("small_scale", (0.5, 0.1)),
        ("crop_ratio", (2.0, 1.0)),
        ("blur_sigma", (0.0, 2.0)),
        ("num_views", 0),
        ("small_views", -1),
        ("size", 0),
        ("blur", (0.1, 0.2, 0.3)),
        ("solarise", 1.1),
        ("std", (0.0,)),
        ("backend", "gpu"),
    ],
)
def test_refuses_and_names_the_setting(name: str, value: object) -> None:
    with pytest.raises(CounterpointError, match=rf"views\.{name} is ") as caught:
        ImageViews(**{name: value})
    assert caught.value.expected
    assert f"--views.{name}" in caught.value.command


def test_probability_per_view() -> None:
    spec = ImageViews(num_views=2, small_views=3, blur=(1.0, 0.1, 0.5), solarise=0.2)
    assert [spec.probability("blur", view=view) for view in range(spec.count)] == [1.0, 0.1, 0.5, 0.5, 0.5]
    assert [spec.probability("solarise", view=view) for view in range(2)] == [0.2, 0.2]


def test_presets_carry_the_numbers_of_the_papers() -> None:
    assert (simclr(224).crop_scale, simclr(224).hue, simclr(224).blur) == ((0.08, 1.0), 0.2, 0.5)
    assert (simclr(32, strength=0.5).saturation, simclr(32).blur) == (0.4, 0.0)
    assert (moco_v2(224).crop_scale, moco_v2(224).blur, moco_v2(224).hue) == ((0.2, 1.0), 0.5, 0.1)
    assert (byol(224).blur, byol(224).solarise, byol(224).saturation) == ((1.0, 0.1), (0.0, 0.2), 0.2)
    assert (swav(224).count, swav(224).small_scale, swav(224).crop_scale) == (8, (0.05, 0.14), (0.14, 1.0))


def test_frozen_and_every_field_documented() -> None:
    spec = ImageViews()
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.flip = 0.1  # type: ignore[misc]
    lines = [line.strip() for line in (ImageViews.__doc__ or "").splitlines()]
    assert [item.name for item in dataclasses.fields(spec) if item.name not in lines] == []


def test_importing_the_settings_loads_no_torch() -> None:
    code = "import sys, counterpoint.views.spec as s; s.ImageViews(size=32); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
