"""Batches from a source: seeded order, exact resume in mid-epoch, shares per process.

The loader follows the stateful protocol that Lightning looks for (``state_dict`` / ``load_state_dict`` on the
loader, ``set_epoch`` on its ``sampler``), so a checkpoint written after batch ``k`` goes on with ``k + 1``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import torch

from counterpoint.core.errors import CounterpointError
from counterpoint.core.typing import Batch
from counterpoint.data.order import BatchPlan, BatchSource, EpochOrder
from counterpoint.data.source import ImageSource

LOOK_AHEAD = 2


class BatchLoader:
    """An iterable of :class:`~counterpoint.core.typing.Batch` over one source.

    A step's pictures are ``batch_size * world_size`` consecutive ones of the epoch's order, of which process
    ``rank`` takes its ``batch_size``: together the processes see what one process would see with the whole
    batch. Without ``drop_last`` the last step is shared out as evenly as it goes, which may leave a process
    without its share.

    Parameters
    ----------
    source : ImageSource or BatchSource
        What to read; a source that makes its own batches is asked for them.
    batch_size : int
        Pictures per step and process.
    shuffle : bool
        Whether each epoch has an order of its own.
    seed : int
        Seed of that order.
    drop_last : bool
        Leave out the incomplete last step, as in training; a batch of 1 or larger than the source is then an
        error.
    rank, world_size : int
        This process and their number.
    workers : int
        Processes that decode pictures; has no effect on pictures held in memory. With 0, decoding runs in
        threads, two batches ahead.
    batch_plan : callable, optional
        ``(epoch, generator) -> list of index arrays``: chooses every global batch itself (say, rows of one
        cluster each). Its arrays are shared out among the processes; ``shuffle`` and ``drop_last`` rest, and
        every epoch has to have as many steps as the first.

    Raises
    ------
    CounterpointError
        When no full batch fits, when training batches would hold one picture, or when the rank is none.

    Examples
    --------
    >>> from counterpoint.data.source import arrays
    >>> loader = BatchLoader(arrays(np.zeros((10, 8, 8), np.uint8)), batch_size=4, seed=0)
    >>> len(loader), next(iter(loader))["image"].shape
    (2, torch.Size([4, 1, 8, 8]))
    """

    batch_sampler = None

    def __init__(
        self,
        source: ImageSource | BatchSource,
        *,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = True,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        batch_plan: BatchPlan | None = None,
    ) -> None:
        _check(
            source,
            batch_size=batch_size,
            drop_last=drop_last and batch_plan is None,
            rank=rank,
            world_size=world_size,
        )
        self.source, self.batch_size, self.drop_last = source, batch_size, drop_last
        self.rank, self.world_size, self.workers, self.batch_plan = rank, world_size, workers, batch_plan
        self.sampler = EpochOrder(len(source), seed=seed, shuffle=shuffle)
        self._resume: tuple[int, int] | None = None
        self._position = (0, 0)
        self._planned: tuple[int, list[np.ndarray]] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration runs through."""
        self.sampler.set_epoch(epoch)

    def batches(self) -> list[np.ndarray]:
        """The positions of every batch that this process yields in the chosen epoch."""
        step = self.batch_size * self.world_size
        if self.batch_plan is not None:
            steps = self._plan(self.batch_plan)
            shares = [np.array_split(rows, self.world_size)[self.rank] for rows in steps]
            return [share for share in shares if len(share)]
        order = self.sampler.indices()
        full = len(order) // step
        rows = order[: full * step].reshape(full, self.world_size, self.batch_size)[:, self.rank]
        rest = np.array_split(order[full * step :], self.world_size)[self.rank]
        return [*rows] if self.drop_last or not len(rest) else [*rows, rest]

    def __len__(self) -> int:
        if self.batch_plan is not None:
            return len(self.batches())
        full, rest = divmod(len(self.source), self.batch_size * self.world_size)
        return full + (not self.drop_last and rest > self.rank)

    def __iter__(self) -> Iterator[Batch]:
        # A generator on purpose: Lightning asks for the iterator before it sets the epoch, and nothing here
        # runs until the first batch is asked for.
        epoch = self.sampler.epoch
        start = self._resume[1] if self._resume and self._resume[0] == epoch else 0
        self._resume, self._position = None, (epoch, start)
        if not isinstance(self.source, ImageSource):
            self.source.set_epoch(epoch)
        for done, batch in enumerate(self._read(self.batches()[start:]), start=start + 1):
            self._position = (epoch, done)
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Epoch, batches already handed out in it, and the settings that fix the order."""
        epoch, batch = self._resume or self._position
        return {"epoch": epoch, "batch": batch, **self._settings()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after the batch at which ``state`` was taken; other settings than then are an error."""
        for key, value in self._settings().items():
            if state.get(key) != value:
                raise CounterpointError(
                    f"The checkpoint was written with {key} {state.get(key)}, this run has {value}.",
                    "An exact resume needs the same data and batches.",
                    "counterpoint fit NAME --init-from CHECKPOINT",
                )
        self._resume = (int(state["epoch"]), int(state["batch"]))
        self.sampler.set_epoch(self._resume[0])

    def batch(self, rows: np.ndarray) -> Batch:
        """The batch of the samples at ``rows``."""
        source = self.source
        if not isinstance(source, ImageSource):
            return source.batch(rows)
        found: dict[str, Any] = {
            "index": torch.from_numpy(np.asarray(rows, dtype=np.int64)),
            "image": torch.from_numpy(np.ascontiguousarray(source.images[rows])),
        }
        if source.labels is not None:
            found["label"] = torch.from_numpy(source.labels[rows])
        if source.masks is not None:
            found["mask"] = torch.from_numpy(source.masks[rows].astype(np.int64))
        if source.captions is not None:
            found["caption"] = [source.captions[row] for row in rows]
        return cast(Batch, found)

    def _settings(self) -> dict[str, int]:
        order = self.sampler
        return {
            "count": order.count,
            "batch_size": self.batch_size,
            "world_size": self.world_size,
            "seed": order.seed,
            "shuffle": int(order.shuffle),
            "drop_last": int(self.drop_last),
        }

    def _plan(self, plan: BatchPlan) -> list[np.ndarray]:
        epoch = self.sampler.epoch
        if self._planned is None or self._planned[0] != epoch:
            steps = [np.asarray(rows, dtype=np.int64) for rows in plan(epoch, self.sampler.generator())]
            self._planned = (epoch, steps)
        return self._planned[1]

    def _read(self, batches: list[np.ndarray]) -> Iterator[Batch]:
        if self.source.in_memory:
            return (self.batch(rows) for rows in batches)
        return _by_processes(self, batches) if self.workers else _ahead(self.batch, batches)


class _Rows:
    """The loader as a data set whose keys are index arrays, for :class:`torch.utils.data.DataLoader`."""

    def __init__(self, loader: BatchLoader) -> None:
        self.loader = loader

    def __getitem__(self, rows: np.ndarray) -> Batch:
        return self.loader.batch(rows)


def _by_processes(loader: BatchLoader, batches: list[np.ndarray]) -> Iterator[Batch]:
    return iter(
        torch.utils.data.DataLoader(
            cast(Any, _Rows(loader)),
            batch_size=None,
            sampler=cast(Any, batches),
            num_workers=loader.workers,
            collate_fn=_as_it_is,
            generator=torch.Generator(),  # leaves the run's own generator, and with it exact resume, alone
        )
    )


def _as_it_is(batch: Any) -> Any:
    return batch


def _ahead(read: Callable[[np.ndarray], Batch], batches: list[np.ndarray]) -> Iterator[Batch]:
    """Batches in order, the next ones being read meanwhile by one thread."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting: deque[Future[Batch]] = deque()
        for rows in batches:
            waiting.append(pool.submit(read, rows))
            if len(waiting) > LOOK_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _check(source: ImageSource | BatchSource, *, batch_size: int, drop_last: bool, rank: int, world_size: int) -> None:
    if batch_size < 1 or (batch_size == 1 and drop_last):
        raise CounterpointError(
            f"A batch of {batch_size} has no negatives.",
            "Two or more pictures are needed.",
            "--data.batch_size 256",
        )
    if not 0 <= rank < world_size:
        raise CounterpointError(f"Rank {rank} of {world_size} processes.", f"0..{world_size - 1} was expected.")
    whole = batch_size * world_size
    if drop_last and whole > len(source):
        processes = f" in each of {world_size} processes" if world_size > 1 else ""
        largest = len(source) // world_size
        hint = f"--data.batch_size {largest}" if largest > 1 else "--data.source A_LARGER_SET"
        raise CounterpointError(
            f"A batch of {batch_size}{processes} does not fit into the {len(source)} "
            f"pictures of {source.name} ({source.split}).",
            "At least one full batch per epoch is needed.",
            hint,
        )
