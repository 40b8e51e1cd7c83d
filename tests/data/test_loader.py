"""Order, shares, exact resume (alone and under Lightning), look-ahead, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.data.loader import BatchLoader
from counterpoint.data.source import ImageSource, arrays


def numbered(count: int) -> ImageSource:
    """Picture ``i`` has every pixel ``i``."""
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    return arrays(images, np.arange(count) % 3)


class Lazy:
    """The same pictures, read one call at a time; remembers in which thread."""

    def __init__(self, count: int) -> None:
        self.pixels, self.shape, self.threads = numbered(count).images, (count, 1, 2, 2), set()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        self.threads.add(threading.current_thread().name)
        return self.pixels[indices]


def flat(rows: Iterable[list[int]]) -> list[int]:
    return list(chain.from_iterable(rows))


def indices(loader: BatchLoader) -> list[list[int]]:
    return [batch["index"].tolist() for batch in loader]


@given(count=st.integers(4, 60), size=st.integers(2, 9), epoch=st.integers(0, 3), seed=st.integers(0, 3))
def test_an_epoch_visits_each_picture_once(count: int, size: int, epoch: int, seed: int) -> None:
    size = min(size, count)
    loader = BatchLoader(numbered(count), batch_size=size, seed=seed, drop_last=False)
    loader.set_epoch(epoch)
    seen = indices(loader)
    assert sorted(flat(seen)) == list(range(count))
    assert [len(rows) for rows in seen[:-1]] == [size] * (len(seen) - 1)
    assert len(loader) == len(seen)
    training = BatchLoader(numbered(count), batch_size=size, seed=seed)
    training.set_epoch(epoch)
    assert indices(training) == [rows for rows in seen if len(rows) == size]
    assert len(training) == count // size


def test_order_depends_on_seed_and_epoch_alone() -> None:
    first, second = (BatchLoader(numbered(50), batch_size=5, seed=seed) for seed in (0, 1))
    start = indices(first)
    assert indices(first) == start
    assert indices(second) != start
    first.set_epoch(1)
    assert indices(first) != start
    first.set_epoch(0)
    assert indices(first) == start
    plain = BatchLoader(numbered(50), batch_size=5, shuffle=False)
    assert flat(indices(plain)) == list(range(50))


@given(count=st.integers(12, 70), size=st.integers(2, 4), world=st.integers(1, 3), drop=st.booleans())
def test_ranks_share_out_the_batches_of_one_process(count: int, size: int, world: int, drop: bool) -> None:
    settings_ = {"seed": 3, "drop_last": drop}
    whole = indices(BatchLoader(numbered(count), batch_size=size * world, **settings_))
    ranks = [
        BatchLoader(numbered(count), batch_size=size, rank=rank, world_size=world, **settings_) for rank in range(world)
    ]
    shares = [indices(loader) for loader in ranks]
    assert [len(loader) for loader in ranks] == [len(share) for share in shares]
    together = [flat(share[step] for share in shares if step < len(share)) for step in range(len(whole))]
    assert together == whole


def test_batches_hold_what_belongs_together() -> None:
    source = numbered(20)
    source.captions = [f"picture {number}" for number in range(20)]
    source.masks = np.asarray(source.images)[:, 0]
    for batch in BatchLoader(source, batch_size=6, seed=1):
        rows = batch["index"]
        assert batch["image"].dtype == torch.uint8
        assert torch.equal(batch["image"][:, 0, 0, 0], rows.to(torch.uint8))
        assert torch.equal(batch["label"], rows % 3)
        assert torch.equal(batch["mask"][:, 0, 0], rows)
        assert batch["caption"] == [f"picture {number}" for number in rows.tolist()]
    unlabelled = arrays(np.zeros((4, 2, 2), np.uint8))
    assert set(next(iter(BatchLoader(unlabelled, batch_size=2)))) == {"index", "image"}


@settings(deadline=None, max_examples=25)
@given(stop=st.integers(0, 13), prefetched=st.booleans())
def test_resume_goes_on_with_the_next_batch(stop: int, prefetched: bool) -> None:
    source = ImageSource("lazy", "train", Lazy(31)) if prefetched else numbered(31)

    def run(loader: BatchLoader, first: int, steps: int) -> list[list[int]]:
        seen: list[list[int]] = []
        for epoch in range(first, 3):
            loader.set_epoch(epoch)
            for batch in loader:
                seen.append(batch["index"].tolist())
                if len(seen) == steps:
                    return seen
        return seen

    whole = run(BatchLoader(source, batch_size=6, seed=5), 0, 99)
    before = BatchLoader(source, batch_size=6, seed=5)
    start = run(before, 0, stop) if stop else []
    state = before.state_dict()
    after = BatchLoader(source, batch_size=6, seed=5)
    after.load_state_dict(state)
    assert after.state_dict() == state
    assert start + run(after, state["epoch"], 99) == whole


def test_state_is_plain_and_of_the_batch_handed_out() -> None:
    loader = BatchLoader(numbered(20), batch_size=5, seed=2)
    loader.set_epoch(3)
    steps = iter(loader)
    next(steps)
    next(steps)
    state = loader.state_dict()
    assert (state["epoch"], state["batch"]) == (3, 2)
    assert all(type(value) is int for value in state.values())


@pytest.mark.parametrize("change", [{"batch_size": 5}, {"seed": 1}, {"shuffle": False}, {"drop_last": False}])
def test_resume_with_other_settings_is_refused(change: dict[str, Any]) -> None:
    base = {"batch_size": 4, "seed": 0}
    state = BatchLoader(numbered(20), **base).state_dict()
    key = next(iter(change))
    with pytest.raises(CounterpointError, match=f"written with {key}"):
        BatchLoader(numbered(20), **{**base, **change}).load_state_dict(state)
    with pytest.raises(CounterpointError, match="written with count 20, this run has 24"):
        BatchLoader(numbered(24), **base).load_state_dict(state)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_lazy_pictures_are_read_ahead_in_order(workers: int) -> None:
    lazy = Lazy(40)
    loader = BatchLoader(ImageSource("lazy", "train", lazy), batch_size=6, seed=1, workers=workers)
    state = torch.get_rng_state()
    batches = list(loader)
    assert torch.equal(torch.get_rng_state(), state)
    assert [batch["index"].tolist() for batch in batches] == indices(BatchLoader(numbered(40), batch_size=6, seed=1))
    for batch in batches:
        assert torch.equal(batch["image"][:, 0, 0, 0].long(), batch["index"])
    assert threading.current_thread().name not in lazy.threads


def test_an_error_while_reading_ahead_reaches_the_caller() -> None:
    class Broken(Lazy):
        def __getitem__(self, indices: np.ndarray) -> np.ndarray:
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        list(BatchLoader(ImageSource("broken", "train", Broken(8)), batch_size=2))


def by_cluster(epoch: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Every batch holds four pictures of one remainder of three."""
    clusters = [generator.permutation(np.arange(24)[np.arange(24) % 3 == rest]) for rest in range(3)]
    return [rows for cluster in clusters for rows in cluster.reshape(-1, 4)]


def test_a_plan_chooses_the_batches() -> None:
    loader = BatchLoader(numbered(24), batch_size=4, seed=1, batch_plan=by_cluster)
    first = indices(loader)
    assert all(len({row % 3 for row in rows}) == 1 for rows in first)
    assert sorted(flat(first)) == list(range(24))
    loader.set_epoch(1)
    assert indices(loader) != first
    halves = [
        BatchLoader(numbered(24), batch_size=2, seed=1, rank=rank, world_size=2, batch_plan=by_cluster)
        for rank in range(2)
    ]
    assert [a + b for a, b in zip(*map(indices, halves), strict=True)] == first
    assert len(loader) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 1}, "A batch of 1 has no negatives"),
        ({"batch_size": 0, "drop_last": False}, "A batch of 0"),
        ({"batch_size": 21}, r"batch of 21 does not fit into the 20 pictures of arrays \(train\)"),
        ({"batch_size": 21}, "--data.batch_size 20"),
        ({"batch_size": 8, "world_size": 3}, "in each of 3 processes does not fit"),
        ({"batch_size": 4, "rank": 2, "world_size": 2}, "Rank 2 of 2 processes"),
    ],
)
def test_batches_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CounterpointError, match=message):
        BatchLoader(numbered(20), **change)


def test_one_picture_at_a_time_is_fine_for_reading() -> None:
    assert len(list(BatchLoader(numbered(3), batch_size=1, drop_last=False))) == 3


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 4, 5, 7, 10])
def test_lightning_resumes_where_it_stopped(stop: int, tmp_path: Path) -> None:
    from lightning.pytorch import Callback, LightningModule, Trainer

    class Recorder(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.seen = torch.nn.Parameter(torch.zeros(1)), []

        def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
            self.seen.append((self.current_epoch, batch["index"].tolist()))
            return self.weight.sum()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    class SaveAfter(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            if trainer.global_step == stop:
                trainer.save_checkpoint(tmp_path / "last.ckpt")

    def fit(checkpoint: Path | None) -> list[tuple[int, list[int]]]:
        model = Recorder()
        trainer = Trainer(
            max_epochs=3,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            callbacks=[] if checkpoint else [SaveAfter()],
            default_root_dir=tmp_path,
        )
        trainer.fit(model, BatchLoader(numbered(22), batch_size=4, seed=9), ckpt_path=checkpoint, weights_only=True)
        return model.seen

    whole = fit(None)
    assert len(whole) == 15
    assert len({tuple(rows) for _, rows in whole}) == 15
    assert fit(tmp_path / "last.ckpt") == whole[stop:]
