"""Palette, label placing, SVG."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.report.style import (
    DARK,
    GRID,
    INK,
    MUTED,
    PAPER,
    SERIES,
    canvas,
    for_page,
    spread,
    themed,
    to_svg,
)

DEFICIENCIES = {  # Machado, Oliveira and Fernandes 2009, severity 1.0, linear RGB
    "none": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colour: str) -> np.ndarray:
    """Linear RGB of a hex colour."""
    value = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE Lab of linear RGB, D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: str, b: str) -> float:
    """WCAG contrast ratio."""
    light = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour)) for colour in (a, b))
    return (light[1] + 0.05) / (light[0] + 0.05)


@pytest.mark.parametrize("kind", DEFICIENCIES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_first_colours_differ_for_every_kind_of_sight(kind: str, scheme: str) -> None:
    colours = SERIES[:5] if scheme == "light" else [DARK[colour] for colour in SERIES[:5]]
    seen = [lab(np.array(DEFICIENCIES[kind]) @ linear(colour)) for colour in colours]
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) > 15


def test_hit_and_miss_differ_strongly_for_every_kind_of_sight() -> None:
    for matrix in DEFICIENCIES.values():
        blue, orange = (lab(np.array(matrix) @ linear(colour)) for colour in SERIES[:2])
        assert float(np.linalg.norm(blue - orange)) > 40


def test_text_and_lines_stand_out_from_the_paper_in_both_schemes() -> None:
    for ink, paper in ((INK, PAPER), (MUTED, PAPER), (DARK[INK], DARK[PAPER]), (DARK[MUTED], DARK[PAPER])):
        assert contrast(ink, paper) >= 4.5
    for colour in SERIES:
        assert contrast(colour, PAPER) >= 3
        assert contrast(DARK[colour], DARK[PAPER]) >= 3
    assert len({INK, MUTED, GRID, PAPER, *SERIES}) == 4 + len(SERIES)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12), st.floats(0.01, 2))
def test_spread_keeps_order_distance_and_centre(positions: list[float], gap: float) -> None:
    placed = spread(positions, gap)
    order = np.argsort(positions, kind="stable")
    assert (np.diff(placed[order]) >= gap - 1e-6).all()
    assert placed.mean() == pytest.approx(np.mean(positions), abs=1e-6)


def test_spread_leaves_distant_ones_alone() -> None:
    assert spread([3.0, 0.0, 1.0], 0.5).tolist() == [3.0, 0.0, 1.0]


def test_svg_keeps_numbers_in_text_and_shortens_those_in_paths() -> None:
    @themed
    def draw() -> str:
        figure, (axes,) = canvas()
        axes.plot([0, 1 / 3], [0, 1 / 7])
        axes.set_title("0.12345678")
        return to_svg(figure)

    svg = draw()
    assert "0.12345678" in svg
    assert "<metadata" not in svg
    assert "T00" not in svg


def test_settings_of_matplotlib_are_left_alone() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    figure = themed(lambda: canvas()[0])()
    for_page(to_svg(figure), "a")
    assert dict(matplotlib.rcParams) == before
