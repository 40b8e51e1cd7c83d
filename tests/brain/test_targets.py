"""Targets: statistics of training pictures alone, there and back, and as another run centred them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from counterpoint.brain.spec import BrainViews
from counterpoint.brain.targets import build_targets
from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.targets import PictureTarget

from .by_hand import TEXT, dataset, person, stimuli

Subject = type(person())
PICTURES = BrainViews(picture="random", picture_size=32, centre=True)


@pytest.fixture(autouse=True)
def flat_pictures(monkeypatch: pytest.MonkeyPatch):
    """In place of the network: two tokens for the last layer, one otherwise, linear in the pixels."""

    def embed(self: PictureTarget, images: np.ndarray, **_: Any) -> np.ndarray:
        flat = images.reshape(len(images), -1) / 255.0
        mix = np.random.default_rng(0).normal(size=(flat.shape[1], 2, 12)) + 0.5
        found = np.einsum("np,ptd->ntd", flat, mix).astype(np.float32)
        return found if self.layer == "map" else found[:, :1]

    monkeypatch.setattr(PictureTarget, "embed", embed)


def with_another_test_picture(one: Any) -> Any:
    """The same person, one of whose test pictures was replaced."""
    data = dataset()
    seen = data.stimuli
    images = seen.images.copy()
    images[-1] = 255 - images[-1]
    captions = [*seen.captions[:-1], ["something else entirely"]]
    return Subject(dataclasses.replace(data, stimuli=dataclasses.replace(seen, images=images, captions=captions)))


VIEWS = [PICTURES, dataclasses.replace(PICTURES, components=4),
         dataclasses.replace(PICTURES, components=4, whiten=True),
         dataclasses.replace(PICTURES, layer="map"), dataclasses.replace(PICTURES, centre=False), TEXT]


@pytest.mark.parametrize("views", VIEWS, ids=str)
def test_test_pictures_take_no_part_in_the_statistics(views: BrainViews):
    one = person()
    train = one.stimuli("train")
    a = build_targets([one], views, train)
    b = build_targets([with_another_test_picture(one)], views, train)
    np.testing.assert_array_equal(a.mean, b.mean)
    assert a.scale == b.scale
    if a.rotation is not None:
        np.testing.assert_array_equal(a.rotation, b.rotation)
    np.testing.assert_array_equal(a.picture[:-1], b.picture[:-1])
    assert np.abs(a.picture[-1] - b.picture[-1]).max() > 1e-3


@pytest.mark.parametrize("views", VIEWS, ids=str)
def test_training_pictures_are_centred_and_of_typical_length_one(views: BrainViews):
    one = person()
    found = build_targets([one], views, one.stimuli("train"))
    mine = found.picture[found.rows(one.stimuli("train"))].astype(float)
    assert np.sqrt((mine**2).sum(-1).mean()) == pytest.approx(1, abs=1e-4)
    if views.centre:
        np.testing.assert_allclose(mine.mean(0), 0, atol=1e-5)
    else:
        assert not found.mean.any()
    if views.whiten:
        values = np.linalg.svd(mine[:, 0], compute_uv=False)
        np.testing.assert_allclose(values, values[0], rtol=1e-3)


def test_a_rotation_keeps_cosines_and_the_spectrum():
    one = person()
    train = one.stimuli("train")
    plain, turned = (build_targets([one], dataclasses.replace(PICTURES, components=k), train) for k in (0, 12))
    assert turned.dim == 12
    rows = plain.rows(train)
    a, b = plain.picture[rows, 0], turned.picture[rows, 0]
    np.testing.assert_allclose(a @ a.T, b @ b.T, atol=1e-4)
    first = build_targets([one], dataclasses.replace(PICTURES, components=3), train)
    spread = first.picture[rows, 0].std(0)
    assert spread[0] > spread[1] > spread[2]
    np.testing.assert_allclose(spread / spread[0], b.std(0)[:3] / b.std(0)[0], rtol=1e-3)


@pytest.mark.parametrize("views", [PICTURES, dataclasses.replace(PICTURES, layer="map"),
                                   dataclasses.replace(PICTURES, components=12, whiten=True)], ids=str)
def test_raw_undoes_centred(views: BrainViews):
    one = person()
    found = build_targets([one], views, one.stimuli("train"))
    target = PictureTarget(views.picture, "", views.picture_size, views.layer)
    raw = target.embed(one.data.images(found.ids))
    np.testing.assert_allclose(found.centred(raw), found.picture, atol=1e-5)
    np.testing.assert_allclose(found.raw(found.picture), raw, atol=1e-3)


def test_raw_of_few_directions_is_the_nearest_within_them():
    one = person()
    found = build_targets([one], dataclasses.replace(PICTURES, components=4), one.stimuli("train"))
    np.testing.assert_allclose(found.centred(found.raw(found.picture)), found.picture, atol=1e-4)


def test_rebased_is_how_another_run_would_have_centred_them():
    """A run on other pictures: its mean, rotation and scale, applied to these pictures."""
    ann, bob = person("ann"), person("bob", train=range(200, 260), test=range(300, 310))
    views = dataclasses.replace(PICTURES, components=4)
    mine, other = build_targets([ann], views, ann.stimuli("train")), build_targets([bob], views, bob.stimuli("train"))
    raw = PictureTarget("random", "", 32, "pooled").embed(ann.data.images(mine.ids))
    found = mine.rebased(other.mean, other.rotation, other.scale)
    np.testing.assert_allclose(found.picture, (raw - other.mean) @ other.rotation * other.scale, atol=1e-5)
    back = found.rebased(mine.mean, mine.rotation, mine.scale)
    np.testing.assert_allclose(back.picture, mine.picture, atol=1e-5)
    whole = build_targets([ann], PICTURES, ann.stimuli("train")).rebased(other.mean, other.rotation, other.scale)
    np.testing.assert_allclose(whole.picture, found.picture, atol=1e-4)


def test_principal_directions_are_of_one_token():
    one = person()
    with pytest.raises(CounterpointError, match=r"(?s)2 tokens.*of one.*pooled"):
        build_targets([one], dataclasses.replace(PICTURES, layer="map", components=2), one.stimuli("train"))


def test_rows_of_two_people_are_by_id():
    ann, bob = person("ann"), person("bob", train=range(30, 50))
    found = build_targets([ann, bob], dataclasses.replace(PICTURES, text="hash"), ann.stimuli("train"))
    np.testing.assert_array_equal(found.ids, [*range(50), *range(100, 124)])
    target = PictureTarget("random", "", 32, "pooled")
    for one in (ann, bob):
        ids = one.stimuli("train")[[3, -1, 0]]
        np.testing.assert_allclose(found.picture[found.rows(ids)], found.centred(target.embed(one.data.images(ids))),
                                   atol=1e-5)
        assert found.labels is not None
        assert found.labels[found.rows(ids)].tolist() == (ids % 3).tolist()
    assert found.class_names == ("animal", "tool", "house")
    np.testing.assert_allclose(np.linalg.norm(found.text[:, 0], axis=1), 1, atol=1e-6)


def test_equal_ids_for_different_pictures_are_refused():
    ann, bob = person("ann"), dataset("bob")
    odd = dataclasses.replace(bob.stimuli, images=255 - bob.stimuli.images)
    other = Subject(dataclasses.replace(bob, stimuli=odd))
    with pytest.raises(CounterpointError, match=r"hand ann and hand bob .*different pictures.*\d"):
        build_targets([ann, other], PICTURES, ann.stimuli("train"))


def test_captions_of_unequal_number_and_none():
    data = dataset()
    captions = [[f"text {k} of {one}" for k in range(1 + one % 3)] for one in data.stimuli.ids.tolist()]
    one = Subject(dataclasses.replace(data, stimuli=dataclasses.replace(data.stimuli, captions=captions)))
    found = build_targets([one], TEXT, one.stimuli("train"))
    np.testing.assert_array_equal(found.captions_of, [len(texts) for texts in captions])
    assert found.text.shape[1] == 3
    for row, count in enumerate(found.captions_of):
        assert not found.text[row, count:].any()
    captions[2] = []
    lacking = Subject(dataclasses.replace(data, stimuli=dataclasses.replace(data.stimuli, captions=captions)))
    with pytest.raises(CounterpointError, match="1 pictures have no caption"):
        build_targets([lacking], TEXT, one.stimuli("train"))


def test_what_the_data_do_not_have_is_refused():
    data, seen = dataset(), stimuli([*range(40), *range(100, 124)])
    bare = Subject(dataclasses.replace(data, stimuli=dataclasses.replace(seen, images=None, captions=None)))
    with pytest.raises(CounterpointError, match="came without pictures"):
        build_targets([bare], PICTURES, bare.stimuli("train"))
    with pytest.raises(CounterpointError, match="came without captions"):
        build_targets([bare], TEXT, bare.stimuli("train"))
    with pytest.raises(CounterpointError, match="neither a picture nor a text network"):
        build_targets([bare], BrainViews(picture="", text=""), bare.stimuli("train"))
