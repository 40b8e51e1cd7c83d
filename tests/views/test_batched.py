"""Grouping: every sample once, with its own order; the caller's threads stay as they were."""

from __future__ import annotations

import os
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.views.batched import arrange, on_one_core
from counterpoint.views.parameters import ViewParameters, draw
from counterpoint.views.spec import ImageViews


def _drawn(batch: int, seed: int = 0, **settings: float) -> ViewParameters:
    generator = torch.Generator().manual_seed(seed)
    spec = ImageViews(**settings)  # type: ignore[arg-type]
    return draw(spec, batch=batch, height=8, width=8, view=0, generator=generator)


@given(
    batch=st.integers(1, 80),
    limit=st.integers(1, 20),
    active=st.tuples(*[st.booleans()] * 4),
    seed=st.integers(0, 20),
)
@settings(max_examples=60, deadline=None)
def test_each_sample_once_with_its_own_order(batch: int, limit: int, active: tuple[bool, ...], seed: int) -> None:
    drawn = _drawn(batch, seed)
    rows, chunks = arrange(drawn, active=active, limit=limit)
    assert sorted(rows.tolist()) == list(range(batch))
    assert [chunk.start for chunk in chunks] == [0, *(chunk.stop for chunk in chunks)][:-1]
    assert chunks[-1].stop == batch
    for chunk in chunks:
        assert 0 < chunk.stop - chunk.start <= limit
        for place in range(chunk.start, chunk.stop):
            row = int(rows[place])
            expected = [number for number in drawn.order[row].tolist() if active[number]]
            assert chunk.order == (tuple(expected) if drawn.jitter[row] else ())
            assert (place >= chunk.gray) == bool(drawn.gray[row])


@pytest.mark.parametrize("threads", [1, 2])
def test_on_one_core_leaves_the_callers_threads_alone(threads: int) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        inside = on_one_core(lambda: (torch.get_num_threads(), torch.rand(300, 300).sum(), torch.get_num_threads()))
        assert (inside[0], inside[2]) == (1, 1)
        assert torch.get_num_threads() == threads
        seen: list[int] = []
        later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert seen == [threads]
    finally:
        torch.set_num_threads(before)


def test_on_one_core_passes_errors_on() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(ZeroDivisionError):
            on_one_core(lambda: 1 // 0)
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_on_one_core_works_in_a_forked_child() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        on_one_core(lambda: 0)
        child = os.fork()
        if child == 0:  # a pool shared with the parent would wait here for ever
            os._exit(on_one_core(lambda: 7))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    finally:
        torch.set_num_threads(before)
