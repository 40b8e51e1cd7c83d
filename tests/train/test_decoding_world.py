"""Parts of the data: by picture, seeded, nested, and nothing of the test in training."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError
from counterpoint.train.decoding.world import divide, fingerprint, load_world

from ..brain.by_hand import dataset, person
from .worlds import openly, recipe, world


def with_data(found: Any, **data: Any) -> Any:
    return dataclasses.replace(found, data=dataclasses.replace(found.data, **data))


@given(count=st.integers(2, 60), limit=st.none() | st.integers(1, 60), share=st.floats(0, 0.9), seed=st.integers(0, 9))
def test_parts_are_disjoint_seeded_and_sorted(count: int, limit: int | None, share: float, seed: int):
    ids = np.arange(count) * 3
    kept, held = divide(ids, limit=limit, validation=share, seed=[seed, 0])
    total = count if limit is None else min(limit, count)
    assert len(held) == round(share * total)
    assert len(kept) + len(held) == total
    assert not np.intersect1d(kept, held).size
    both = np.concatenate([kept, held])
    assert np.isin(both, ids).all()
    assert np.all(np.diff(kept) > 0)
    again = divide(ids, limit=limit, validation=share, seed=[seed, 0])
    np.testing.assert_array_equal(again[0], kept)


def test_a_recipe_limits_and_holds_back_training_pictures_only(monkeypatch: pytest.MonkeyPatch):
    openly(monkeypatch, person("ann"), person("bob", train=range(30, 70)))
    found = load_world(with_data(recipe(), limit=30, validation=0.2))
    for train, held, test in zip(found.train, found.validation, found.test, strict=True):
        assert (len(train), len(held)) == (24, 6)
        assert not np.intersect1d(train, held).size
        np.testing.assert_array_equal(test, np.arange(100, 124))
    assert not np.array_equal(found.train[0] % 30, found.train[1] % 30)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(load_world(with_data(recipe(seed=1), limit=30)).train[0],
                                      load_world(with_data(recipe(), limit=30)).train[0])
    fixed = [load_world(with_data(recipe(seed=seed), limit=30, seed=7)).train[0] for seed in (0, 1)]
    np.testing.assert_array_equal(*fixed)


def test_a_picture_in_both_parts_is_refused(monkeypatch: pytest.MonkeyPatch):
    data = dataset()
    data.split[np.flatnonzero(data.stimulus_id == 3)[0]] = "test"
    openly(monkeypatch, Subject(data))
    with pytest.raises(CounterpointError, match=r"\b3\b"):
        load_world(recipe())


def test_a_test_picture_of_one_is_no_training_picture_of_another(monkeypatch: pytest.MonkeyPatch):
    openly(monkeypatch, person("ann"), person("bob", train=range(90, 102), test=range(102, 124)))
    with pytest.raises(CounterpointError, match="hand bob trains on 2 test pictures of hand ann"):
        load_world(recipe())


def test_somebody_without_a_test_part_is_refused(monkeypatch: pytest.MonkeyPatch):
    data = dataset()
    openly(monkeypatch, Subject(dataclasses.replace(data, split=np.full(len(data), "train"))))
    with pytest.raises(CounterpointError, match="test"):
        load_world(recipe())


def test_smaller_choices_lie_within_larger_ones():
    found = world(person("ann"), person("bob"))
    for number in range(2):
        sizes = [found.fewer(number, count, 4) for count in (5, 10, 40)]
        assert set(sizes[0]) < set(sizes[1]) < set(sizes[2])
        np.testing.assert_array_equal(sizes[2], found.train[number])
        np.testing.assert_array_equal(sizes[1], np.sort(sizes[1]))
    assert not np.array_equal(found.fewer(0, 10, 4), found.fewer(1, 10, 4))
    assert not np.array_equal(found.fewer(0, 10, 4), found.fewer(0, 10, 5))


def test_a_null_control_shuffles_and_nothing_else():
    found = world()
    plain, null = (found.samples(with_data(recipe(), shuffle_pairs=flag)) for flag in (False, True))
    assert (plain.pictures[0] != null.pictures[0]).mean() > 0.8
    np.testing.assert_array_equal(np.sort(null.pictures[0]), plain.pictures[0])


def test_the_fingerprint_is_of_responses_parts_and_targets():
    one = world()
    same = fingerprint(world())
    assert fingerprint(one) == same
    changed = dataset()
    changed.responses[0, 0] += 1
    others = [world(Subject(changed)), world(validation=4), world(person(noise=0.5)),
              dataclasses.replace(one, targets=dataclasses.replace(one.targets, picture=one.targets.picture + 1))]
    assert same not in {fingerprint(other) for other in others}
