"""Batches of several people: who, which showing, which picture, in which order, and again after a stop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.brain.samples import BrainSamples
from counterpoint.core.errors import CounterpointError
from counterpoint.data.loader import BatchLoader

from .by_hand import person, plain_targets

PEOPLE = [person("ann"), person("bob", train=range(20, 36), voxels=11, repeats=3), person("cid", train=[7], voxels=5)]
TARGETS = plain_targets(PEOPLE, captions=True)


def samples(people: int = 2, **options: Any) -> BrainSamples:
    chosen = PEOPLE[:people]
    return BrainSamples(chosen, TARGETS, [one.stimuli("train") for one in chosen], **options)


def test_every_showing_is_a_sample():
    found = samples(repeats="all")
    assert found.counts == [80, 48]
    for number, one in enumerate(found.people):
        rows = np.arange(found.counts[number])
        trials = found.showings[number][:, 0]
        assert sorted(trials) == sorted(one.rows("train"))
        np.testing.assert_array_equal(found.response(number, rows), one.read(trials))
        np.testing.assert_array_equal(TARGETS.ids[found.pictures[number]], one.data.stimulus_id[trials])


def test_one_showing_an_epoch_and_another_the_next():
    found = samples(repeats="one")
    assert found.counts == [40, 16]
    for number, one in enumerate(found.people):
        ids = one.stimuli("train")
        shown = one.trials_of(ids)
        seen = []
        for epoch in range(shown.shape[1]):
            found.set_epoch(epoch)
            seen.append(found.response(number, np.arange(len(ids))))
        for row in range(len(ids)):  # each showing once, in some order
            want = {one.read(shown[row, [k]]).tobytes() for k in range(shown.shape[1])}
            assert {epoch[row].tobytes() for epoch in seen} == want


def test_mean_of_showings():
    found = samples(repeats="mean")
    one = found.people[1]
    np.testing.assert_array_equal(found.response(1, np.array([3, 0])), one.mean(one.stimuli("train")[[3, 0]]))


def test_unequal_numbers_of_showings_are_never_padded():
    ids = np.array([1, 1, 1, 2, 3, 3])
    one = person("dot", train=[1, 2, 3], test=[4])
    one = type(one).from_arrays(np.arange(7 * 3, dtype=np.float32).reshape(7, 3), np.append(ids, 4), preparation=None,
                                split=["train"] * 6 + ["test"])
    targets = plain_targets([one])
    for epoch in range(6):
        found = BrainSamples([one], targets, [np.array([1, 2, 3])], repeats="one")
        found.set_epoch(epoch)
        trial = [next(t for t in range(7) if np.array_equal(one.read([t])[0], row))
                 for row in found.response(0, np.arange(3))]
        assert [np.append(ids, 4)[t] for t in trial] == [1, 2, 3]


def test_a_batch_is_in_the_order_of_people():
    found = samples(3)
    batch: Any = found.batch(np.array([56, 41, 3, 55, 0]))
    assert batch["subject"] == ["hand ann", "hand bob", "hand cid"]
    assert [tuple(x.shape) for x in batch["responses"]] == [(2, 30), (2, 11), (1, 5)]
    assert batch["index"].tolist() == [0, 3, 41, 55, 56]
    ids = [PEOPLE[0].stimuli("train")[0], PEOPLE[0].stimuli("train")[3], PEOPLE[1].stimuli("train")[1],
           PEOPLE[1].stimuli("train")[15], 7]
    np.testing.assert_array_equal(TARGETS.ids[batch["stimulus"]], ids)
    np.testing.assert_array_equal(batch["target"], TARGETS.picture[np.searchsorted(TARGETS.ids, ids)])
    assert batch["label"].tolist() == [one % 3 for one in ids]
    assert samples(3).batch(np.array([42, 40]))["subject"] == ["hand bob"]


def test_captions_take_turns_over_epochs():
    found, seen = samples(1), []
    for epoch in range(6):
        found.set_epoch(epoch)
        seen.append(found.batch(np.arange(40))["text"])
    rows = found.batch(np.arange(40))["stimulus"]
    for place, row in enumerate(rows.tolist()):
        known = {TARGETS.text[row, k].tobytes() for k in range(TARGETS.captions_of[row])}
        assert {one[place].numpy().tobytes() for one in seen} == known


@settings(max_examples=25, deadline=None)
@given(batch=st.integers(2, 8), world=st.integers(1, 2), epoch=st.integers(0, 3), seed=st.integers(0, 5))
def test_a_plan_gives_everybody_a_full_share_of_every_step(batch: int, world: int, epoch: int, seed: int):
    found = samples(2)
    steps = found.plan(batch, world)(epoch, np.random.default_rng([seed, epoch]))
    assert len(steps) == 40 // (batch * world)
    for rows in steps:
        assert len(np.unique(rows)) == len(rows) == 2 * batch * world
        for share in np.array_split(rows, world):  # as the loader divides them
            assert [(share < 40).sum(), (share >= 40).sum()] == [batch, batch]
    taken = np.concatenate(steps)
    assert np.bincount(taken, minlength=56)[:40].max() == 1
    small = np.bincount(taken, minlength=56)[40:]
    rounds = len(steps) * batch * world / (16 // (batch * world) * batch * world)
    assert small.max() <= np.ceil(rounds)


def test_smaller_people_go_round_again_in_another_order():
    found = samples(2)
    steps = found.plan(8, 1)(0, np.random.default_rng(0))
    mine = np.concatenate([rows[rows >= 40] for rows in steps])
    assert len(mine) == 40
    np.testing.assert_array_equal(np.sort(mine[:16]), np.arange(40, 56))
    np.testing.assert_array_equal(np.sort(mine[16:32]), np.arange(40, 56))
    assert not np.array_equal(mine[:16], mine[16:32])


def test_a_step_of_two_processes_is_that_of_one_with_twice_the_batch():
    two, one = (samples(2).plan(size, world)(3, np.random.default_rng(1)) for size, world in ((4, 2), (8, 1)))
    for a, b in zip(two, one, strict=True):
        np.testing.assert_array_equal(np.sort(a), np.sort(b))


def test_a_batch_that_somebody_cannot_fill_is_refused():
    with pytest.raises(CounterpointError, match=r"(?s)hand bob has 16 training .* a batch of 20.*size 8"):
        samples(2).plan(10, 2)
    with pytest.raises(CounterpointError, match="hand cid has 1 training samples"):
        samples(3).plan(2, 1)


def test_somebody_without_pictures_is_refused():
    with pytest.raises(CounterpointError, match="hand bob has no train picture"):
        BrainSamples(PEOPLE[:2], TARGETS, [np.array([1]), np.zeros(0, int)])


@pytest.mark.parametrize("repeats", ["one", "all", "mean"])
def test_shuffled_pairs_stay_within_their_person(repeats: Any):
    plain, shuffled = samples(2, repeats=repeats), samples(2, repeats=repeats, shuffle_pairs=5)
    for a, b in zip(plain.pictures, shuffled.pictures, strict=True):
        np.testing.assert_array_equal(np.sort(a), np.sort(b))
        assert (a != b).mean() > 0.8
    again = samples(2, repeats=repeats, shuffle_pairs=5)
    assert all(np.array_equal(a, b) for a, b in zip(again.pictures, shuffled.pictures, strict=True))
    np.testing.assert_array_equal(plain.response(0, np.arange(5)), shuffled.response(0, np.arange(5)))


def loader(**options: Any) -> BatchLoader:
    found = samples(2)
    options = {"rank": 0, "world_size": 1, "seed": 4, **options}
    return BatchLoader(found, batch_size=4, batch_plan=found.plan(4, options["world_size"]), **options)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_loader_goes_on_in_mid_epoch_with_the_same_batches(rank: int):
    def run(one: BatchLoader, epoch: int) -> list[Any]:
        one.set_epoch(epoch)
        return list(one)

    whole = loader(rank=rank, world_size=2)
    expected = run(whole, 0) + run(whole, 1)
    stopped = loader(rank=rank, world_size=2)
    run(stopped, 0)
    stopped.set_epoch(1)
    reader = iter(stopped)
    next(reader), next(reader)
    state = stopped.state_dict()
    again = loader(rank=rank, world_size=2)
    again.load_state_dict(state)
    rest = list(again)
    assert len(rest) == len(whole) - 2
    for a, b in zip(rest, expected[-len(rest):], strict=True):
        assert a["index"].tolist() == b["index"].tolist()
        assert torch.equal(a["target"], b["target"])
        assert all(torch.equal(x, y) for x, y in zip(a["responses"], b["responses"], strict=True))


def test_responses_on_disk_are_read_ahead_in_order():
    class Lazy:
        shape, dtype = PEOPLE[0].data.responses.shape, np.dtype(np.float32)

        def __getitem__(self, rows: np.ndarray) -> np.ndarray:
            return PEOPLE[0].data.responses[rows]

    lazy = type(PEOPLE[0])(PEOPLE[0].data.select(), None)
    lazy.data.responses = Lazy()
    assert samples(1).in_memory
    found = BrainSamples([lazy], TARGETS, [lazy.stimuli("train")])
    assert not found.in_memory
    batches = [list(BatchLoader(one, batch_size=8, seed=2, batch_plan=one.plan(8, 1))) for one in (found, samples(1))]
    for a, b in zip(*batches, strict=True):
        assert torch.equal(a["responses"][0], b["responses"][0])
