"""Areas and networks lie where anatomy has them, on the exact space and on the one they were taken over to."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.brain.surface import atlas, mesh, parcel_means, sulcal_depth
from counterpoint.core.errors import CounterpointError

pytest.importorskip("nibabel")
pytest.importorskip("nilearn")
SPACES = ("fsLR32k", "fsaverage5")


@pytest.mark.parametrize("space", SPACES)
def test_all_parcels_and_networks_occur(space):
    found = atlas(space)
    assert list(found.parcel_names) == list(range(1, 361))
    assert set(np.unique(found.parcels)) == set(range(361))
    assert found.network_names[1] == "Visual"
    assert found.network_names[7] == "Default"
    assert set(np.unique(found.networks)) == set(range(8))
    left = np.array([found.parcel_names[key][0] == "L" for key in found.parcels[found.parcels > 0]])
    np.testing.assert_array_equal(left, found.hemisphere[found.parcels > 0] == 0)


@pytest.mark.parametrize("space", SPACES)
def test_anatomy(space):
    """V1 is at the back near the midline, area 4 is on top, A1 at the side; V1 is visual, area 4 somatomotor."""
    found = atlas(space)
    back = found.coordinates[found.region("V1")].mean(0)
    assert back[1] < -75
    assert abs(found.coordinates[found.region("L_V1"), 0].mean()) < 20
    assert found.coordinates[found.region("4")].mean(0)[2] > 40
    assert found.coordinates[found.region("L_A1")].mean(0)[0] < -38
    by_name = dict(zip(found.parcel_names.values(), found.parcel_networks(), strict=True))
    assert [by_name[name] for name in ("L_V1", "R_V4", "L_4", "R_31pv", "L_d32")] == [1, 1, 2, 7, 7]


def test_published_counts():
    """32,492 vertices a hemisphere; 29,696 and 29,716 are cortex."""
    found = atlas("fsLR32k")
    assert [int(((found.parcels > 0) & (found.hemisphere == side)).sum()) for side in (0, 1)] == [29696, 29716]


def test_takeover_keeps_the_folds():
    """What the docstring says of fsaverage5: sulcal depth taken over in the same way fits fsaverage5's own."""
    from counterpoint.brain.atlases import _nearest

    depth, own = sulcal_depth("fsLR32k"), sulcal_depth("fsaverage5")
    moved = np.concatenate([depth[:32492][_nearest("left")], depth[32492:][_nearest("right")]])
    cortex = atlas("fsaverage5").parcels > 0
    assert np.corrcoef(moved[cortex], own[cortex])[0, 1] > 0.95
    share = [float((atlas(space).parcels[atlas(space).parcels > 0] <= 180).mean()) for space in SPACES]
    assert abs(share[0] - share[1]) < 0.01


def test_parcels_hang_together():
    """Nine in ten edges between cortical vertices of fsaverage5 stay within a parcel or join neighbours on fs_LR."""
    pairs = {}
    for space in SPACES:
        faces, parcels = mesh(space).faces, atlas(space).parcels
        edges = np.sort(parcels[np.concatenate([faces[:, :2], faces[:, 1:], faces[:, ::2]])], axis=1)
        pairs[space] = edges[(edges > 0).all(1)]
    neighbours = set(map(tuple, pairs["fsLR32k"].tolist()))
    assert np.mean([tuple(pair) in neighbours for pair in pairs["fsaverage5"].tolist()]) > 0.99


def test_parcel_means_against_a_loop():
    rng = np.random.default_rng(1)
    values, labels = rng.standard_normal((3, 50)), rng.integers(0, 5, 50)
    values[:, labels == 2] = np.nan
    values[0, np.flatnonzero(labels == 1)[0]] = np.nan
    got = parcel_means(values, labels, names={4: "d", 1: "a", 2: "b", 9: "absent"})
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning):
        expected = np.stack([np.nanmean(values[:, labels == key], axis=1) for key in (4, 1, 2, 9)], axis=1)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_centres_lie_in_their_parcels():
    found = atlas("fsaverage5")
    for row, key in list(enumerate(found.parcel_names))[::37]:
        own = found.coordinates[found.parcels == key]
        assert (np.abs(own - found.parcel_centres()[row]).sum(1) == 0).any()


def test_refusals():
    with pytest.raises(CounterpointError, match="Did you mean FFC"):
        atlas().region("FFCC")
    with pytest.raises(CounterpointError):
        atlas("fsaverage")
    with pytest.raises(CounterpointError):
        parcel_means([1.0, 2.0], [1])
    with pytest.raises(ValueError, match="read-only"):
        atlas().parcels[0] = 1
