"""Stamps: what is read and what is left out, captions, outlines, and splits that share no thing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpoint.core.errors import CounterpointError
from counterpoint.data.debian import package_folder
from counterpoint.data.scenes import scenes
from counterpoint.data.scenes_negatives import hard_negatives
from counterpoint.data.stamps import INNER, cutouts, stamps
from counterpoint.data.stamps_names import groups_of, noun_of
from counterpoint.data.stamps_read import PACKAGE

_NAMES = ("owl", "frog", "lion", "pear", "lemon", "mug", "saw", "truck", "boat", "drum", "tent", "kite")


def _picture(path: Path, colour: tuple[int, int, int], *, text: str | None = None) -> None:
    """A coloured block with a clear border, and the text beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((30, 50, 4), np.uint8)
    pixels[5:25, 5:45] = (*colour, 255)
    Image.fromarray(pixels).save(path)
    if text is not None:
        path.with_suffix(".txt").write_text(f"{text}\nfr.utf8=Rien.\n", encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for number, name in enumerate(_NAMES):
        folder = tmp_path / ("animals" if number < 6 else "things") / "deep"
        article = "An" if name == "owl" else "A"
        _picture(folder / f"{name}.png", (20 * number, 200, 40), text=f"{article} {name}.")
    _picture(tmp_path / "animals" / "deep" / "frog_mirror.png", (20, 201, 40))
    _picture(tmp_path / "animals" / "lion-2.png", (41, 199, 41), text="The king of beasts!")
    _picture(tmp_path / "symbols" / "a.png", (0, 0, 0), text="A.")
    (tmp_path / "animals" / "drawn.svg").write_text("<svg/>")
    (tmp_path / "animals" / "broken.png").write_bytes(b"\x89PNG no")
    Image.new("RGBA", (9, 9)).save(tmp_path / "animals" / "empty.png")
    return tmp_path


def test_pictures_are_read_and_the_rest_counted(home: Path) -> None:
    found = cutouts(folder=home, size=16)
    assert len(found) == len(_NAMES) + 2
    assert found.class_names == ["animals", "things"]
    assert found.notes == ["1 SVG drawings and 2 unreadable pictures left out"]
    assert not any(name.startswith("symbols") for name in found.files)
    for file, label in zip(found.files, found.labels, strict=True):
        assert file.split("/")[0] == found.class_names[label]


def test_cutouts_are_trimmed_centred_and_keep_their_proportions(home: Path) -> None:
    found = cutouts(folder=home, size=40)
    row = found.files.index("animals/deep/owl.png")
    alpha = found.rgba[row, 3] > 127
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    assert (columns[0], columns[-1]) == (0, 39)
    assert (rows[0], rows[-1]) == (10, 29)
    np.testing.assert_array_equal(found.rgba[row, :3, 20, 20], [0, 200, 40])


def test_captions_are_english_and_mirrors_have_that_of_the_original(home: Path) -> None:
    found = cutouts(folder=home)
    captions = dict(zip(found.files, found.captions, strict=True))
    assert captions["animals/deep/frog.png"] == captions["animals/deep/frog_mirror.png"] == "A frog."
    assert dict(zip(found.files, found.names, strict=True))["animals/lion-2.png"] == ""
    assert found.names[found.files.index("animals/deep/owl.png")] == "owl"


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("A great blue heron.", "great blue heron"),
        ("An owl", "owl"),
        ("A tower with a red flag.", ""),
        ("The Sun.", ""),
        ("Some cherries.", ""),
        ("A red and white anemone flower.", ""),
        ("A boxcar is used to carry livestock.", ""),
        ("", ""),
    ],
)
def test_names_are_captions_that_say_nothing_else(caption: str, name: str) -> None:
    assert noun_of(caption) == name


def test_variants_of_one_thing_are_one_group() -> None:
    files = ["a/frog.png", "a/frog_mirror.png", "b/Frog2.png", "c/toad.png", "d/x.png", "d/y.png", "d/z.png"]
    captions = ["A frog.", "", "Green!", "A frog.", "", "", "Other."]
    groups = groups_of(files, captions, [b"1", b"2", b"3", b"4", b"5", b"5", b"6"])
    assert len(set(groups[:4].tolist())) == 1
    assert groups[4] == groups[5]
    assert len(set(groups.tolist())) == 3
    again = groups_of(files[:4], captions[:4], [b"1", b"2", b"3", b"4"])
    np.testing.assert_array_equal(again, groups[:4])


def test_splits_share_no_group_and_leave_nothing_out(home: Path) -> None:
    every = cutouts(folder=home)
    parts = {split: cutouts(folder=home, split=split) for split in ("train", "test", "fit", "validation")}
    assert sorted(parts["train"].files + parts["test"].files) == sorted(every.files)
    assert sorted(parts["fit"].files + parts["validation"].files) == sorted(parts["train"].files)
    assert not set(parts["train"].groups.tolist()) & set(parts["test"].groups.tolist())
    assert not set(parts["fit"].groups.tolist()) & set(parts["validation"].groups.tolist())
    assert set(parts["test"].labels.tolist()) == {0, 1}
    assert cutouts(folder=home, split="test").files == parts["test"].files


@pytest.mark.parametrize(("background", "corner"), [("white", 255), ("grey", 128)])
def test_grounds_are_as_asked(home: Path, background: str, corner: int) -> None:
    source = stamps(folder=home, split="train", size=20, background=background)
    assert (source.images[:, :, 0, 0] == corner).all()
    assert source.masks is not None
    assert (source.masks[:, 0, 0] == 0).all()
    assert (source.masks[:, 10, 10] == 1).all()
    inner = source.images[:, 1, 10, 10].astype(int)
    assert np.abs(inner - 200).max() <= 2


def test_random_grounds_differ_but_stay_the_same(home: Path) -> None:
    first, second = (stamps(folder=home, size=20, background="random") for _ in range(2))
    np.testing.assert_array_equal(first.images, second.images)
    assert len({tuple(corner) for corner in first.images[:, :, 0, 0].tolist()}) == len(first)


def test_what_cannot_be_is_refused(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(CounterpointError, match="Did you mean test"):
        stamps(folder=home, split="tests")
    with pytest.raises(CounterpointError, match="Did you mean grey"):
        stamps(folder=home, background="gray")
    with pytest.raises(CounterpointError, match="is not a folder"):
        stamps(folder=home / "none")
    with pytest.raises(CounterpointError, match="holds no picture"):
        stamps(folder=tmp_path_factory.mktemp("bare"))


def test_photographs_are_sprites_with_exact_masks(home: Path) -> None:
    """Sprites of one colour each: where the mask says so, the picture has the colour."""
    source = scenes(60, size=64, objects=2, sprites=cutouts(folder=home, size=32))
    assert source.class_names == ["animals", "things"]
    factors = source.factors
    for row in range(len(source)):
        assert factors["noun"][row, 0] != factors["noun"][row, 1]
        for j in range(2):
            inner = source.masks[row] == j + 1  # type: ignore[index]
            if inner.sum() > 20:
                green, blue = np.median(source.images[row][1:, inner], axis=1)
                assert green > 150
                assert blue < 70
            expected = "animals" if _NAMES.index(factors["noun"][row, j]) < 6 else "things"
            assert source.class_names[factors["category"][row, j]] == expected
        wide, tall = 2 * 1.31 * 64 * factors["radius"][row, 0] * np.array([1, 0.5])
        if (factors["visible"][row] == 1).all():
            assert (source.masks[row] == 1).sum() == pytest.approx(wide * tall, rel=0.15)  # type: ignore[index]


def test_photo_captions_name_what_is_there_and_negatives_do_not(home: Path) -> None:
    source = scenes(80, objects=2, sprites=cutouts(folder=home, size=32), seed=3)
    found = hard_negatives(source)
    exchanged = 0
    for row, caption in enumerate(source.captions):  # type: ignore[arg-type]
        there = set(source.factors["noun"][row].tolist())
        assert {name for name in _NAMES if f" {name}" in f" {caption}"} == there
        assert {name for name in _NAMES if f" {name}" in f" {found['replaced'][row]}"} != there
        assert found["attribute"][row] is None
        if source.factors["category"][row, 0] == source.factors["category"][row, 1]:
            assert found["object"][row] is None
        exchanged += found["object"][row] is not None
    assert exchanged > 10


def test_photo_scenes_do_not_depend_on_the_batch(home: Path) -> None:
    sprites = cutouts(folder=home, size=32)
    every = scenes(40, sprites=sprites)
    np.testing.assert_array_equal(scenes(7, sprites=sprites, start=11).images, every.images[11:18])


def test_photographs_have_no_colour_label_and_need_names(home: Path) -> None:
    sprites = cutouts(folder=home, size=32)
    with pytest.raises(CounterpointError, match='no label "colour"'):
        scenes(2, sprites=sprites, label="colour")
    with pytest.raises(CounterpointError, match="have a name"):
        scenes(2, sprites=sprites.subset([0, 1]))


def _real() -> Path | None:
    given = os.environ.get("COUNTERPOINT_STAMPS")
    if given:
        return Path(given)
    try:
        return package_folder(PACKAGE, INNER)
    except CounterpointError:
        return None


@pytest.mark.skipif(_real() is None, reason="the stamps are not on this machine")
def test_the_real_stamps() -> None:
    every = cutouts(folder=_real(), size=32)
    assert 500 <= len(every) <= 600
    assert len(every.class_names) == 15
    assert sum(caption != "" for caption in every.captions) > 0.99 * len(every)
    train, test = (cutouts(folder=_real(), size=32, split=split) for split in ("train", "test"))
    assert not set(train.groups.tolist()) & set(test.groups.tolist())
    assert not {c.lower() for c in train.captions} & {c.lower() for c in test.captions}
    assert set(test.labels.tolist()) == set(range(15))
    assert len(every.only_named()) > 300
