"""The queue against a list, and its place in the checkpoint."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from counterpoint.base.queue import FeatureQueue


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 9), pushes=st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_holds_the_newest_rows(size: int, pushes: list[int]):
    queue, everything = FeatureQueue(size, 3), []
    generator = torch.Generator().manual_seed(0)
    for count in pushes:
        rows = torch.randn(count, 3, generator=generator)
        queue.push(rows)
        everything += list(functional.normalize(rows, dim=1))
    newest = torch.stack(everything[-size:])
    assert queue.filled == min(size, len(everything))
    held = queue.entries[: queue.filled] if len(everything) < size else queue.entries
    assert torch.allclose(held.sort(0).values, newest.sort(0).values)


def test_starts_with_random_unit_rows():
    torch.manual_seed(1)
    queue = FeatureQueue(16, 4)
    torch.testing.assert_close(queue.entries.norm(dim=1), torch.ones(16))
    assert queue.filled == 0


def test_checkpoint_keeps_entries_and_position():
    queue, other = FeatureQueue(4, 2, labels=True), FeatureQueue(4, 2, labels=True)
    queue.push(torch.randn(3, 2), torch.tensor([5, 6, 7]))
    other.load_state_dict(queue.state_dict())
    for held in (queue, other):
        held.push(torch.ones(2, 2), torch.tensor([8, 9]))
    assert torch.equal(queue.entries, other.entries)
    assert queue.labels.tolist() == other.labels.tolist() == [9, 6, 7, 8]
