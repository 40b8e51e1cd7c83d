"""Partitions are seeded, stratified and without overlap; limits keep classes in proportion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.data.source import arrays
from counterpoint.data.splits import cut, cut_rows, partition

counts = st.integers(2, 300)


@given(count=counts, seed=st.integers(0, 5), share=st.sampled_from([0.1, 1 / 6, 0.2, 0.5]))
def test_partition_covers_each_row_once_with_the_share(count: int, seed: int, share: float) -> None:
    kept, held = partition(count, share=share, seed=seed)
    assert sorted([*kept, *held]) == list(range(count))
    assert abs(len(held) - share * count) < 1
    again = partition(count, share=share, seed=seed)
    assert np.array_equal(held, again[1])


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 5))
def test_partition_gives_every_class_its_share_and_never_all(sizes: list[int], seed: int) -> None:
    assume(max(sizes) >= 10)
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    kept, held = partition(len(labels), share=0.2, seed=seed, labels=labels)
    assert sorted([*kept, *held]) == list(range(len(labels)))
    for number, size in enumerate(sizes):
        assert abs((labels[held] == number).sum() - 0.2 * size) <= 1
        assert number in labels[kept]


def test_classes_of_one_picture_are_held_out_without_heed_to_labels() -> None:
    kept, held = partition(10, share=0.2, seed=0, labels=np.arange(10))
    assert (len(kept), len(held)) == (8, 2)


def test_another_seed_is_another_partition() -> None:
    first, second = (partition(100, share=0.2, seed=seed)[1] for seed in (0, 1))
    assert not np.array_equal(first, second)


@given(count=st.integers(12, 200), limit=st.integers(2, 50), seed=st.integers(0, 3))
def test_fit_and_validation_part_train(count: int, limit: int, seed: int) -> None:
    labels = np.arange(count) % 3
    fit, validation = (cut_rows(count, split, seed=seed, labels=labels) for split in ("fit", "validation"))
    assert sorted([*fit, *validation]) == list(range(count))
    assert abs(len(validation) - count / 6) < 1
    few = cut_rows(count, "fit", seed=seed, labels=labels, limit=limit)
    assert len(few) == min(limit, len(fit))
    assert set(few) <= set(fit)
    wanted = np.bincount(labels[fit], minlength=3) * len(few) / len(fit)
    assert np.abs(np.bincount(labels[few], minlength=3) - wanted).max() <= 1


def test_cut_uses_a_split_that_the_set_makes_itself() -> None:
    source = arrays(np.zeros((30, 4, 4), np.uint8), np.arange(30), split="validation")
    assert len(cut(source, "validation", stored="validation")) == 30
    assert len(cut(source, "validation", stored="train")) == 5
    assert cut(source, "fit", limit=7).split == "fit"


def test_limits_and_splits_that_cannot_be() -> None:
    with pytest.raises(CounterpointError, match="A limit of 1 leaves no pictures"):
        cut_rows(10, "train", limit=1)
    with pytest.raises(CounterpointError, match=r'No split called "vallidation". Did you mean validation'):
        cut_rows(10, "vallidation")
