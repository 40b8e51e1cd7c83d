"""Scenes: the same whatever the batch, and pictures, masks, factors and relations that agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.data.scenes import scenes
from counterpoint.data.scenes_labels import semantic_masks
from counterpoint.data.scenes_layout import MARGIN
from counterpoint.data.source import ImageSource
from counterpoint.data.sprites import AREA, COLOURS, REACH, SHAPES, TEXTURES


@pytest.fixture(scope="module")
def crowd() -> ImageSource:
    return scenes(320, size=48, seed=3, objects=(1, 5))


@pytest.fixture(scope="module")
def lone() -> ImageSource:
    return scenes(256, size=64, seed=4, objects=1)


@settings(max_examples=12, deadline=None)
@given(
    start=st.integers(0, 150),
    n=st.integers(1, 40),
    size=st.sampled_from([16, 32]),
    seed=st.integers(0, 2**40),
)
def test_a_scene_does_not_depend_on_the_batch(start: int, n: int, size: int, seed: int) -> None:
    every = scenes(190, size=size, seed=seed, objects=(1, 4), wording="varied")
    some = scenes(n, size=size, seed=seed, objects=(1, 4), wording="varied", start=start)
    rows = np.arange(start, start + n)
    expected = every.subset(rows)
    np.testing.assert_array_equal(some.images, expected.images)
    np.testing.assert_array_equal(some.masks, expected.masks)
    assert some.captions == expected.captions
    assert some.labels is not None
    np.testing.assert_array_equal(some.labels, expected.labels)
    for name, value in some.factors.items():
        np.testing.assert_array_equal(value, expected.factors[name], err_msg=name)


def test_scenes_cross_the_inner_batches_without_a_seam() -> None:
    one = scenes(1, size=64, seed=9, start=70)
    np.testing.assert_array_equal(one.images[0], scenes(80, size=64, seed=9).images[70])


def test_seeds_and_splits_are_different_worlds() -> None:
    base = scenes(64, seed=1)
    for other in (scenes(64, seed=2), scenes(64, seed=1, split="test")):
        assert (base.images == other.images).all((1, 2, 3)).sum() == 0
    assert not set(base.factors["index"]) & set(scenes(64, seed=1, split="test").factors["index"])


def test_pictures_do_not_depend_on_the_label() -> None:
    by_shape, by_colour = scenes(20, label="shape"), scenes(20, label="colour")
    np.testing.assert_array_equal(by_shape.images, by_colour.images)
    assert by_colour.class_names == list(COLOURS)


def test_shape_colour_and_count_are_balanced() -> None:
    source = scenes(128, seed=5, objects=(1, 4), label="shape-colour")
    assert source.labels is not None
    assert (np.bincount(source.labels, minlength=64) == 2).all()
    assert (np.bincount(source.factors["count"])[1:] == 32).all()
    first = scenes(8, seed=5, start=24).labels
    assert sorted(first.tolist()) == list(range(8))  # type: ignore[union-attr]
    texture = scenes(2048, size=16, objects=1, label="texture").labels
    assert np.bincount(texture).min() > 2048 / len(TEXTURES) * 0.85  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("label", "names"), [("texture", 4), ("size", 3), ("background", 4), ("count", 3), ("shape-colour", 64)]
)
def test_labels_are_places_in_the_class_names(label: str, names: int) -> None:
    source = scenes(60, label=label)
    assert len(source.class_names) == names
    for row, number in enumerate(source.labels.tolist()):  # type: ignore[union-attr]
        main = source.factors["main"][row]
        if label == "count":
            assert source.class_names[number] == str(source.factors["count"][row])
        elif label == "shape-colour":
            shape, colour = source.factors["shape"][row, main], source.factors["colour"][row, main]
            assert source.class_names[number] == f"{list(COLOURS)[colour]} {list(SHAPES)[shape]}"
        elif label in ("texture", "size"):
            assert number == source.factors[label][row, main]


def test_the_main_object_is_the_largest(crowd: ImageSource) -> None:
    factors = crowd.factors
    rows = np.arange(len(crowd))
    np.testing.assert_array_equal(np.nanargmax(factors["radius"], 1), factors["main"])
    others = factors["size"].copy()
    others[rows, factors["main"]] = -1
    assert (others.max(1) < factors["size"][rows, factors["main"]]).all()


def test_masks_hold_the_objects_there_are(crowd: ImageSource) -> None:
    for row in range(len(crowd)):
        seen = set(np.unique(crowd.masks[row]).tolist()) - {0}
        visible = {int(j) + 1 for j in np.flatnonzero(crowd.factors["visible"][row] > 0)}
        assert seen == visible
        assert max(seen) <= crowd.factors["count"][row]


def test_area_and_place_of_a_lone_mask_are_its_factors(lone: ImageSource) -> None:
    steps = np.arange(64) + 0.5
    mask = lone.masks == 1
    area = mask.sum((1, 2))
    expected = AREA * (lone.factors["radius"][:, 0] * 64) ** 2
    assert np.abs(area / expected - 1).max() < 0.1
    centre_x = (mask * steps).sum((1, 2)) / area / 64
    centre_y = (mask * steps[:, None]).sum((1, 2)) / area / 64
    assert np.abs(centre_x - lone.factors["x"][:, 0]).max() < 0.6 / 64
    assert np.abs(centre_y - lone.factors["y"][:, 0]).max() < 0.6 / 64
    assert (lone.factors["visible"] == 1).all()


def _polygon(shape: str) -> list[tuple[float, float]]:
    """Corners of a shape of the right area, y downward, from geometry alone."""
    regular = {"triangle": (3, -90), "square": (4, 45), "hexagon": (6, 0)}
    if shape in regular:
        sides, turn = regular[shape]
        radius = np.sqrt(AREA / (sides / 2 * np.sin(2 * np.pi / sides)))
        angles = np.deg2rad(turn + 360 / sides * np.arange(sides))
        return [(radius * np.cos(a), radius * np.sin(a)) for a in angles]
    if shape == "star":
        radius = np.sqrt(AREA / (5 * 0.45 * np.sin(np.pi / 5)))
        angles = np.deg2rad(-90 + 36 * np.arange(10))
        return [((radius, 0.45 * radius)[i % 2] * np.cos(a), (radius, 0.45 * radius)[i % 2] * np.sin(a))
                for i, a in enumerate(angles)]  # fmt: skip
    a = np.sqrt(AREA / (8 * 0.36 - 4 * 0.36**2))
    b = 0.36 * a
    return [(b, -a), (b, -b), (a, -b), (a, b), (b, b), (b, a), (-b, a), (-b, b), (-a, b), (-a, -b), (-b, -b),
            (-b, -a)]  # fmt: skip


def _inside(shape: str, x: float, y: float) -> bool:
    if shape == "circle":
        return np.pi * (x * x + y * y) < AREA
    crossings = False
    corners = _polygon(shape)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            crossings = not crossings
    return crossings


def test_masks_are_those_of_a_pixel_by_pixel_painter() -> None:
    source = scenes(40, size=32, seed=11, objects=(2, 4))
    names = list(SHAPES)
    agree, total = 0, 0
    for row in range(len(source)):
        drawn = [names[s] for s in source.factors["shape"][row] if s >= 0]
        if {"ring", "heart"} & set(drawn):
            continue
        expected = np.zeros((32, 32), int)
        for j, shape in enumerate(drawn):
            x, y, radius, angle = (source.factors[k][row, j] for k in ("x", "y", "radius", "angle"))
            turn = np.deg2rad(angle)
            for i in np.ndindex(32, 32):
                right, down = (i[1] + 0.5) / 32 - x, (i[0] + 0.5) / 32 - y
                if np.hypot(right, down) <= REACH * radius:
                    u = (np.cos(turn) * right + np.sin(turn) * down) / radius
                    v = (np.cos(turn) * down - np.sin(turn) * right) / radius
                    expected[i] = j + 1 if _inside(shape, u, v) else expected[i]
        agree += (expected == source.masks[row]).sum()
        total += 32 * 32
    assert total > 10 * 32 * 32
    assert agree / total > 0.9985


def test_relations_are_those_of_the_centres(crowd: ImageSource) -> None:
    factors = crowd.factors
    for row in range(0, len(crowd), 5):
        for i, j in np.ndindex(5, 5):
            both = max(i, j) < factors["count"][row]
            x, y = factors["x"][row], factors["y"][row]
            assert factors["left_of"][row, i, j] == (both and x[j] - x[i] >= MARGIN)
            assert factors["above"][row, i, j] == (both and y[j] - y[i] >= MARGIN)


def test_relations_show_in_the_masks() -> None:
    source = scenes(120, size=64, seed=6, objects=2)
    steps = np.arange(64)
    for row in range(len(source)):
        if (source.factors["visible"][row] < 1).any():
            continue
        x = [np.average(steps, weights=(source.masks[row] == j + 1).sum(0)) for j in range(2)]
        assert not (source.factors["left_of"][row, 0, 1] and x[0] >= x[1])
        assert not (source.factors["left_of"][row, 1, 0] and x[1] >= x[0])


def test_plain_objects_have_the_colour_of_their_name(lone: ImageSource) -> None:
    palette = np.array(list(COLOURS.values()), float)
    plain = np.flatnonzero(lone.factors["texture"][:, 0] == 0)
    assert len(plain) > 30
    for row in plain:
        colour = lone.images[row][:, lone.masks[row] == 1].mean(1)
        assert np.linalg.norm(palette - colour, axis=1).argmin() == lone.factors["colour"][row, 0]


def test_few_objects_are_much_hidden(crowd: ImageSource) -> None:
    there = np.arange(5) < crowd.factors["count"][:, None]
    assert (crowd.factors["visible"][there] >= 0.6).mean() > 0.95
    assert (crowd.factors["visible"][there] < 1).mean() > 0.02


def test_semantic_masks_name_the_class_of_each_pixel(crowd: ImageSource) -> None:
    few = crowd.subset(np.arange(6))
    classes = semantic_masks(few, factor="shape")
    for row, down, right in np.ndindex(6, 48, 48):
        number = few.masks[row, down, right]
        expected = 0 if number == 0 else 1 + few.factors["shape"][row, number - 1]
        assert classes[row, down, right] == expected
    with pytest.raises(CounterpointError, match="Did you mean shape"):
        semantic_masks(few, factor="shapes")


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"n": 0}, "n=0"),
        ({"start": -1}, "start=-1"),
        ({"size": 8}, "size=8"),
        ({"seed": -3}, "seed=-3"),
        ({"objects": 6}, "objects="),
        ({"objects": (3, 2)}, "objects="),
        ({"label": "colours"}, "Did you mean colour"),
        ({"split": "tests"}, "Did you mean test"),
        ({"sprites": "stamp"}, "Did you mean stamps"),
        ({"wording": "vary"}, "wording"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict, word: str) -> None:
    with pytest.raises(CounterpointError, match=word):
        scenes(**{"n": 4, **wrong})
