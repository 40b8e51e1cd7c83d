"""Meshes fit together, lie where they should, and values land on the vertices they name."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.brain.surface import atlas, mesh, sulcal_depth, vertex_map
from counterpoint.core.errors import CounterpointError

pytest.importorskip("nibabel")
pytest.importorskip("nilearn")
SIZES = {"fsLR32k": 32492, "fsaverage5": 10242}


@pytest.mark.parametrize("space", SIZES)
@pytest.mark.parametrize("kind", ["white", "midthickness", "pial", "inflated", "sphere", "flat"])
def test_mesh_is_whole(space, kind):
    whole, left, right = (mesh(space, kind, hemisphere=side) for side in ("both", "left", "right"))
    size = SIZES[space]
    assert whole.coordinates.shape == (2 * size, 3)
    assert whole.coordinates.dtype == np.float32
    np.testing.assert_array_equal(whole.hemisphere, np.repeat([0, 1], size))
    np.testing.assert_array_equal(whole.coordinates[size:], right.coordinates)
    np.testing.assert_array_equal(whole.faces, np.concatenate([left.faces, right.faces + size]))
    halves = (whole.faces >= size).sum(1)
    assert set(halves) == {0, 3}, "a triangle spans both hemispheres"
    if kind != "flat":  # closed surface of genus 0: F = 2 V - 4
        assert len(left.faces) == 2 * size - 4
    else:
        assert len(left.faces) < 2 * size - 4
        assert not whole.coordinates[:, 2].any()


@pytest.mark.parametrize("space", SIZES)
def test_left_is_left(space):
    whole = mesh(space, "pial")
    assert whole.coordinates[whole.hemisphere == 0, 0].mean() < -20
    assert whole.coordinates[whole.hemisphere == 1, 0].mean() > 20


@pytest.mark.parametrize("space", SIZES)
def test_flat_maps_are_upright(space):
    """Motor cortex on top, the temporal pole below; V1 at the inner edge when left is drawn left of right."""
    areas = atlas(space)
    for place, side in enumerate(("left", "right")):
        flat = mesh(space, "flat", hemisphere=side)
        drawn = np.isin(np.arange(SIZES[space]), flat.faces)
        half = slice(place * SIZES[space], (place + 1) * SIZES[space])
        motor, pole, visual = (flat.coordinates[areas.region(name)[half] & drawn].mean(0)
                               for name in ("4", "TGd", "V1"))
        assert motor[1] > 50 > -50 > pole[1]
        assert visual[0] * (1 - 2 * place) > 100


@pytest.mark.parametrize("space", SIZES)
def test_sulci_are_deep(space):
    """Precentral gyrus and central sulcus: the fundus (area 3a) is deeper than the crown (area 1)."""
    depth, areas = sulcal_depth(space), atlas(space)
    assert depth.shape == areas.parcels.shape
    assert depth[areas.region("3a")].mean() > depth[areas.region("1")].mean() + 0.3


def test_vertex_map_against_a_loop():
    rng = np.random.default_rng(0)
    index, values = rng.integers(0, 20484, 300), rng.standard_normal((2, 300))
    index[:5] = index[0]
    expected = np.full((2, 20484), -1.0)
    for vertex in set(index.tolist()):
        expected[:, vertex] = values[:, index == vertex].mean(1)
    np.testing.assert_allclose(vertex_map(values, index, "fsaverage5", fill=-1), expected, rtol=1e-5)


@pytest.mark.parametrize("call", [
    lambda: mesh("fsaverage7"), lambda: mesh("fsaverage5", "inflate"), lambda: mesh("fsLR32k", hemisphere="rigth"),
    lambda: vertex_map([1.0], [20484], "fsaverage5"), lambda: vertex_map([1.0], [-1], "fsaverage5"),
    lambda: vertex_map([1.0, 2.0], [3], "fsaverage5"),
])  # fmt: skip
def test_refusals(call):
    with pytest.raises(CounterpointError):
        call()
