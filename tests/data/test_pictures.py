"""Arrays brought to another size, number of channels, or shape."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from counterpoint.core.errors import CounterpointError
from counterpoint.data.pictures import fit_array
from counterpoint.data.source import ImageSource, arrays


def test_resizing_agrees_with_pillow_and_keeps_the_kind() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 24, 24), dtype=np.uint8)
    for size in (8, 12, 40):
        made = fit_array(arrays(images), size=size).images
        assert isinstance(made, np.ndarray)
        assert made.shape == (5, 3, size, size)
        assert made.dtype == np.uint8
        for got, image in zip(made, images, strict=True):
            wanted = Image.fromarray(image.transpose(1, 2, 0)).resize((size, size), Image.Resampling.BILINEAR)
            assert np.abs(got.transpose(1, 2, 0).astype(int) - np.asarray(wanted)).max() <= 2
    floats = fit_array(arrays(images / 255.0), size=12).images
    assert isinstance(floats, np.ndarray)
    assert floats.dtype == np.float32


def test_crop_takes_the_middle_and_squash_all() -> None:
    images = np.zeros((2, 1, 4, 12), np.uint8)
    images[..., 4:8] = 200
    crop = fit_array(arrays(images), size=4).images
    squash = fit_array(arrays(images), size=4, resize="squash").images
    assert (np.asarray(crop[np.arange(2)]) == 200).all()
    assert 50 < np.asarray(squash[np.arange(2)]).mean() < 80


def test_masks_follow_by_nearest_pixel() -> None:
    masks = np.zeros((2, 8, 8), np.uint8)
    masks[:, :4] = 7
    source = ImageSource("a", "train", np.zeros((2, 1, 8, 8), np.uint8), masks=masks)
    made = fit_array(source, size=4).masks
    assert made is not None
    assert (made[:, :2] == 7).all()
    assert (made[:, 2:] == 0).all()


def test_channels_and_nothing_to_do() -> None:
    source = arrays(np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8), dtype=np.uint8))
    assert fit_array(source, size=8) is source
    colour = fit_array(source, size=None, channels=3)
    assert colour.channels == 3
    grey = fit_array(colour, size=None, channels=1).images
    assert np.array_equal(np.asarray(grey[np.arange(4)]), source.images[np.arange(4)])
    with pytest.raises(CounterpointError, match="2 channels cannot be given 3"):
        fit_array(arrays(np.zeros((2, 2, 8, 8), np.uint8)), size=None, channels=3)
    with pytest.raises(CounterpointError, match='No way to resize called "stretch"'):
        fit_array(source, size=4, resize="stretch")
