"""Every format and mode, orientation, transparency, odd shapes, damage; decoding on demand."""

from __future__ import annotations

import io
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpoint.core.errors import CounterpointError
from counterpoint.data import decode as module
from counterpoint.data.decode import SUFFIXES, Files, common_channels, decode, read_pictures


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_format(tmp_path: Path, suffix: str, channels: int) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(np.full((20, 30, 3), (200, 100, 40), np.uint8)).save(path)
    pixels = decode(path, size=8, channels=channels)
    assert pixels.shape == (channels, 8, 8)
    assert pixels.dtype == np.uint8
    wanted = np.array([200, 100, 40]) if channels == 3 else np.array([200 * 0.299 + 100 * 0.587 + 40 * 0.114])
    assert np.abs(pixels.reshape(channels, -1) - wanted[:, None]).max() < 16


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "PA"])
def test_every_mode_of_a_bright_picture(mode: str) -> None:
    if mode in ("I;16", "I"):
        values = np.full((16, 16), 65535, np.uint16 if mode == "I;16" else np.int32)
        data = encoded(Image.fromarray(values), "TIFF")
    elif mode == "F":
        data = encoded(Image.fromarray(np.ones((16, 16), np.float32)), "TIFF")
    elif mode == "PA":
        image = Image.new("P", (16, 16), 0)
        image.putpalette([255, 255, 255] * 256)
        data = encoded(image, "PNG", transparency=0)
    else:
        image = Image.new("RGB", (16, 16), (255, 255, 255)).convert(mode)
        data = encoded(image, "TIFF" if mode in ("CMYK", "YCbCr") else "PNG")
    for channels in (1, 3):
        assert decode(data, size=8, channels=channels).min() >= 253


def test_sixteen_bits_are_scaled_and_unknown_scales_refused() -> None:
    half = encoded(Image.fromarray(np.full((8, 8), 32768, np.uint16)), "PNG")
    assert abs(int(decode(half, size=4, channels=1).mean()) - 128) <= 1
    huge = encoded(Image.fromarray(np.full((8, 8), 1 << 20, np.int32)), "TIFF")
    with pytest.raises(ValueError, match=r"not 0..65535"):
        decode(huge, size=4, channels=1)
    broken = encoded(Image.fromarray(np.full((8, 8), np.nan, np.float32)), "TIFF")
    with pytest.raises(ValueError, match="F picture"):
        decode(broken, size=4, channels=1)


def test_transparency_lies_over_white() -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert decode(encoded(image), size=4, channels=3).min() == 255
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert abs(int(decode(encoded(image), size=4, channels=3).mean()) - 127) <= 1


@pytest.mark.parametrize(("orientation", "bright"), [(1, "left"), (3, "right"), (6, "top"), (8, "bottom")])
def test_exif_orientation(orientation: int, bright: str) -> None:
    pixels = np.zeros((16, 16), np.uint8)
    pixels[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = decode(encoded(Image.fromarray(pixels), "JPEG", exif=exif, quality=95), size=4, channels=1)[0]
    sides = {"left": made[:, 0], "right": made[:, -1], "top": made[0], "bottom": made[-1]}
    assert max(sides, key=lambda side: int(sides[side].min())) == bright


def test_crop_squash_and_a_very_long_picture() -> None:
    pixels = np.zeros((10, 3000), np.uint8)
    pixels[:, 1495:1505] = 255
    data = encoded(Image.fromarray(pixels))
    assert decode(data, size=8, channels=1).min() >= 240  # bicubic looks one pixel beyond the edge
    assert decode(data, size=8, channels=1, resize="squash").mean() < 30


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("L", (64, 64)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(Image.DecompressionBombError):
        decode(data, size=8, channels=1)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("L", (8, 8), level) for level in (250, 0)]
    assert decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), size=4, channels=1).min() > 240


def test_channels_are_what_most_pictures_have() -> None:
    colour, grey = encoded(Image.new("RGB", (4, 4))), encoded(Image.new("L", (4, 4)))
    assert common_channels([colour, colour, grey]) == 3
    assert common_channels([colour, grey, grey]) == 1
    assert common_channels([b"broken"]) == 3


def files(items: list[bytes]) -> Files:
    return Files(items, [f"picture{number}.png" for number in range(len(items))], 4, 1)


def levels(count: int) -> list[bytes]:
    return [encoded(Image.new("L", (6, 6), number)) for number in range(count)]


@pytest.mark.parametrize("memory", [module.MEMORY, 10])
def test_broken_pictures_are_left_out_and_named(memory: int) -> None:
    items = levels(24)
    items[3], items[7] = b"", b"not a picture at all"
    images, kept, notes = read_pictures(files(items), title="/data/cats", memory=memory)
    assert kept.tolist() == [number for number in range(24) if number not in (3, 7)]
    assert images[np.arange(22)][:, 0, 0, 0].tolist() == kept.tolist()
    assert isinstance(images, np.ndarray) == (memory > 10)
    assert len(notes) == 1
    assert "2 of 24 pictures cannot be read and were left out: picture3.png (" in notes[0]


def test_too_many_broken_pictures() -> None:
    with pytest.raises(
        CounterpointError, match=r"3 of 20 pictures of /data/cats cannot be read: picture0.png \(not a p"
    ):
        read_pictures(files([b"x"] * 3 + levels(17)), title="/data/cats")
    with pytest.raises(CounterpointError, match=r"and 15 more. At most 10% may be left out, and two must remain"):
        read_pictures(files([b"x"] * 20), title="/data/cats")


def test_a_cut_off_file_is_broken_in_memory_and_grey_on_demand(caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    items = [*levels(19), encoded(Image.fromarray(noise), "JPEG")[:700]]
    _, kept, notes = read_pictures(files(items), title="x")
    assert len(kept) == 19
    assert "picture19.png" in notes[0]
    lazy, kept, notes = read_pictures(files(items), title="x", memory=10)
    assert (len(kept), notes) == (20, [])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert (lazy[np.array([19])] == 128).all()
    assert [record.message.count("picture19.png") for record in caplog.records] == [1]


def test_lazy_pictures_can_be_sent_to_other_processes() -> None:
    again = pickle.loads(pickle.dumps(files(levels(3))))
    assert again[np.array([2])].max() == 2
