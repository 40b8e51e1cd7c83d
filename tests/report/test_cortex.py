"""Surfaces as pictures: what is visible, where borders lie, how value and reliability become colour."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.report.cortex import Hemisphere, Scale, _visible, colours, hemisphere, picture, scale
from counterpoint.report.cortex_values import SURFACES, filled, spread_out


def ball(points: int = 24) -> Hemisphere:
    """A sphere of latitude and longitude, its corners listed counter-clockwise from outside."""
    turn, rise = np.meshgrid(np.linspace(0, 2 * np.pi, points, endpoint=False), np.linspace(-1.5, 1.5, points))
    xyz = np.stack([np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)], -1).reshape(-1, 3)
    faces = []
    for row in range(points - 1):
        for column in range(points):
            a, b = row * points + column, row * points + (column + 1) % points
            faces += [(a, b, b + points), (a, b + points, a + points)]
    return Hemisphere(40 * xyz, np.array(faces), np.zeros(len(xyz)))


def naive_opacity(values: np.ndarray, ceiling: np.ndarray, full: float) -> list[float]:
    return [0.0 if np.isnan(v) else min(max(0.0 if np.isnan(c) else c / full, 0.0), 1.0)
            for v, c in zip(values, ceiling, strict=True)]  # fmt: skip


def test_opacity_follows_the_ceiling_and_missing_values_stay_grey() -> None:
    values, ceiling = np.array([1.0, 1.0, np.nan, 0.5, 0.2]), np.array([40.0, 10.0, 40.0, np.nan, 99.0])
    how = Scale(0.0, 1.0, 40.0, scale(values).colours)
    assert how.opacity(values, ceiling).tolist() == naive_opacity(values, ceiling, 40.0)
    part = Hemisphere(np.zeros((5, 3)), np.zeros((0, 3), int), np.zeros(5))
    rgb = colours(part, values, ceiling, how)
    assert np.ptp(rgb[2]) == pytest.approx(0)  # grey
    assert np.ptp(rgb[0]) > np.ptp(rgb[1]) > 0  # the less reliable one is paler


def test_scale_starts_at_zero_or_is_symmetric() -> None:
    rng = np.random.default_rng(0)
    assert scale(rng.random(500)).low == 0
    signed = scale(rng.normal(size=500))
    assert signed.signed
    assert signed.low == -signed.high
    empty = scale(np.full(3, np.nan))
    assert empty.high > empty.low


def test_only_faces_towards_the_camera_are_painted_from_far_to_near() -> None:
    part = ball()
    for flip in (False, True):  # meshes list their corners either way round
        faces = part.faces[:, ::-1] if flip else part.faces
        seen, _ = _visible(part.points, faces, np.ones_like(part.points))
        height = part.points[seen].mean(axis=1)[:, 2]
        assert (height > -1).all()
        assert (np.diff(height) >= 0).all()
        assert 0.4 < len(seen) / len(faces) < 0.6


def test_picture_is_transparent_outside_and_in_millimetres() -> None:
    part = ball()
    image, (left, right, bottom, top) = picture(part, np.full(part.points.shape, 0.5), "left lateral", detail=1.0)
    assert image.dtype == np.uint8
    assert image.shape[1] == pytest.approx(right - left, abs=1)
    assert image.shape[0] == pytest.approx(top - bottom, abs=1)
    assert image[0, 0, 3] == 0
    middle = image[image.shape[0] // 2, image.shape[1] // 2]
    assert middle[3] == 255
    assert abs(int(middle[0]) - 127) < 12


def test_a_view_from_the_left_shows_the_left() -> None:
    part = ball()
    rgb = np.zeros_like(part.points)
    rgb[part.points[:, 0] < 0] = (1, 0, 0)
    outer, _ = picture(part, rgb, "left lateral", detail=1.0)
    inner, _ = picture(part, rgb, "left medial", detail=1.0)
    centre = outer.shape[0] // 2, outer.shape[1] // 2
    assert outer[centre][0] > 200
    assert inner[centre][0] < 30


def test_borders_lie_between_labels_only() -> None:
    part, grey = ball(), np.full((24 * 24, 3), 0.8)
    plain, _ = picture(part, grey, "left lateral", detail=1.0)
    labels = 1 + (part.points[:, 2] > 0).astype(int)
    lined, _ = picture(part, grey, "left lateral", labels=labels, detail=1.0)
    rows = np.flatnonzero((plain.astype(int) - lined)[..., 0].max(axis=1) > 30)
    assert rows.size
    assert abs(rows.mean() - plain.shape[0] / 2) < 5
    none, _ = picture(part, grey, "left lateral", labels=np.zeros(len(labels), int), detail=1.0)
    assert (none == plain).all()


def test_values_are_spread_over_both_hemispheres() -> None:
    size = SURFACES["fsaverage5"]
    left, right = spread_out([1.0, 3.0, 5.0, np.nan], [7, 7, size + 2, 9], "fsaverage5")
    assert left[7] == 2
    assert right[2] == 5
    assert np.isfinite(left).sum() == np.isfinite(right).sum() == 1
    full = SURFACES["fsaverage"]
    left, right = spread_out([4.0, 6.0, 8.0], [3, size + 1, full + 3], "fsaverage")
    assert len(left) == len(right) == size
    assert (left[3], right[3]) == (4, 8)
    assert np.isfinite(left).sum() == 1
    for index in ([-1], [2 * size]):
        with pytest.raises(ValueError, match="vertices"):
            spread_out([1.0], index, "fsaverage5")


def test_scattered_values_are_spread_and_dense_ones_left_alone() -> None:
    part, rng = ball(60), np.random.default_rng(0)
    dense = part.points[:, 2].copy()
    same, _, reach = filled(part, dense)
    assert reach == 0
    assert same is dense
    sparse = np.full(len(dense), np.nan)
    rows = np.flatnonzero(np.abs(part.points[:, 2]) < 30)
    chosen = rng.choice(rows, 40, replace=False)
    sparse[chosen] = dense[chosen]
    values, ceiling, reach = filled(part, sparse, others=2 * sparse)
    assert 0 < reach <= 12
    assert ceiling is not None
    known = np.isfinite(values)
    distance = np.linalg.norm(part.points[:, None] - part.points[chosen][None], axis=2).min(axis=1)
    assert (known == (distance <= reach)).all()
    np.testing.assert_allclose(ceiling[known], 2 * values[known])
    assert np.abs(values[known] - dense[known]).mean() < 5


@pytest.mark.parametrize("side", ["left", "right"])
def test_flat_maps_have_the_back_of_the_head_in_the_middle_of_the_page(side: str) -> None:
    pytest.importorskip("nilearn")
    flat, folded = hemisphere("fsaverage5", "flat", side), hemisphere("fsaverage5", "inflated", side)
    used = np.unique(flat.faces)
    forward = np.corrcoef(flat.points[used, 0], folded.points[used, 1])[0, 1]
    upward = np.corrcoef(flat.points[used, 1], folded.points[used, 2])[0, 1]
    assert forward * (-1 if side == "left" else 1) > 0.8
    assert upward > 0.5
