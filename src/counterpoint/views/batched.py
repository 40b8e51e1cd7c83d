"""The batched backend: samples that share an order of colour operations are worked on together.

On a processor, time goes into moving values between memory and cache and into starting operations, not into
arithmetic. A group of samples goes through every operation while it is in the cache, before the next group
starts. All of it runs on one core: at these sizes handing parts to a second one costs more than it saves, and
waiting for a second one that is busy elsewhere costs a multiple.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor

from counterpoint.views.blur import gaussian_blur
from counterpoint.views.colour import colour_jitter, solarise, to_gray
from counterpoint.views.crop import Bags, axis_taps, bags, resample, transpose
from counterpoint.views.parameters import ViewParameters

Result = TypeVar("Result")

CHUNK = 262_144
"""Most values that are worked on together on a processor, unless one view alone has more."""


@dataclass(frozen=True)
class Chunk:
    """A stretch of the sorted batch: samples with one order of colour operations, grey ones from ``gray`` on."""

    start: int
    stop: int
    gray: int
    order: tuple[int, ...]


def render(
    images: Tensor,
    drawn: ViewParameters,
    *,
    size: int,
    active: tuple[bool, ...],
    out: Tensor,
    shift: Tensor,
    scale: Tensor,
) -> None:
    """Write ``out[i] = view_i * scale + shift`` for every row of ``drawn``.

    Parameters
    ----------
    images
        ``(batch, channels, height, width)`` uint8 or float in 0..1.
    drawn
        Parameters of a multiple of ``batch`` views; row ``i`` belongs to picture ``i % batch``.
    active
        Which of brightness, contrast, saturation and hue can change a picture at all.
    out
        ``(rows, channels, size, size)`` float32.
    shift, scale
        ``(channels, 1, 1)`` float32.
    """
    values = images.shape[1] * size * max(size, images.shape[2])
    limit = max(1, CHUNK // values) if images.device.type == "cpu" else len(out)
    rows, chunks = arrange(drawn, active=active, limit=limit)
    task = _Task(images, drawn.take(rows), rows, chunks, out)
    for chunk in chunks:
        task.write(chunk, shift=shift, scale=scale)


def arrange(drawn: ViewParameters, *, active: tuple[bool, ...], limit: int) -> tuple[Tensor, list[Chunk]]:
    """Sort samples by their order of active colour operations, then grey ones last; cut at ``limit`` samples.

    Returns
    -------
    rows
        ``(n,)`` int64: the sample that takes each place of the sorted batch.
    chunks
        Stretches of the sorted batch.
    """
    switch = torch.tensor(active)
    key = torch.zeros(len(drawn.order), dtype=torch.int64)
    for operation in drawn.order.unbind(1):
        key = torch.where(switch[operation], key * 5 + operation + 1, key)
    key = key * drawn.jitter
    rows = (key * 2 + drawn.gray).argsort(stable=True)
    keys, counts = key[rows].unique_consecutive(return_counts=True)
    grays = [0, *drawn.gray[rows].long().cumsum(0).tolist()]
    chunks: list[Chunk] = []
    start = 0
    for value, count in zip(keys.tolist(), counts.tolist(), strict=True):
        pieces = -(-count // limit)
        edges = [start + count * piece // pieces for piece in range(pieces + 1)]
        chunks += [Chunk(a, b, b - (grays[b] - grays[a]), _digits(value)) for a, b in pairwise(edges)]
        start += count
    return rows, chunks


def _digits(key: int) -> tuple[int, ...]:
    digits: list[int] = []
    while key:
        digits.append(key % 5 - 1)
        key //= 5
    return tuple(reversed(digits))


class _Task:
    """What all chunks of one call share; ``drawn`` is sorted, ``rows`` says where each sample came from."""

    def __init__(self, images: Tensor, drawn: ViewParameters, rows: Tensor, chunks: list[Chunk], out: Tensor) -> None:
        device, (batch, channels, height, width), size = out.device, images.shape, out.shape[-1]
        place = torch.cat([torch.arange(chunk.stop - chunk.start) for chunk in chunks])
        index, weight = axis_taps(drawn.box[:, 1], drawn.box[:, 3], size=size, flips=drawn.flip)
        if not images.is_floating_point():
            weight = weight / 255
        across = bags((index, weight), place=place, channels=channels, length=width)
        taps = axis_taps(drawn.box[:, 0], drawn.box[:, 2], size=size)
        down = bags(taps, place=place, channels=channels, length=height)
        self.across, self.down = (_moved(pair, device) for pair in (across, down))
        self.factors = drawn.factors.float().to(device)
        self.target = rows.to(device)
        self.source = self.target % batch
        self.transposed, self.out = transpose(images), out
        self.sigma, self.solarise = drawn.sigma.tolist(), drawn.solarise.tolist()

    def write(self, chunk: Chunk, *, shift: Tensor, scale: Tensor) -> None:
        """Make the views of one chunk."""
        part = slice(chunk.start, chunk.stop)
        pictures = self.transposed.index_select(0, self.source[part]).float()
        across, down = (self.across[0][part], self.across[1][part]), (self.down[0][part], self.down[1][part])
        view = resample(pictures, across, down)
        colour_jitter(view, self.factors[part], order=chunk.order)
        if chunk.gray < chunk.stop:
            to_gray(view[chunk.gray - chunk.start :])
        sigma = self.sigma[part]
        _change(view, [value > 0 for value in sigma], lambda some: gaussian_blur(some, _positive(sigma, view)))
        _change(view, self.solarise[part], solarise)
        self.out.index_copy_(0, self.target[part], view.mul_(scale).add_(shift))


def _moved(pair: Bags, device: torch.device) -> Bags:
    return pair[0].to(device), pair[1].to(device)


def _positive(sigma: list[float], like: Tensor) -> Tensor:
    return torch.tensor([value for value in sigma if value > 0], dtype=like.dtype, device=like.device)


def _change(view: Tensor, chosen: list[bool], change: Callable[[Tensor], Tensor]) -> None:
    """Replace the samples that are ``chosen`` by what ``change`` makes of them."""
    if all(chosen):
        view.copy_(change(view))
    elif any(chosen):
        some = torch.tensor([row for row, yes in enumerate(chosen) if yes], device=view.device)
        view.index_copy_(0, some, change(view.index_select(0, some)))


def on_one_core(work: Callable[[], Result]) -> Result:
    """What ``work`` returns, run with one thread per operation; the caller's number of threads stays as it is."""
    if torch.get_num_threads() == 1:
        return work()
    return _single(os.getpid()).submit(work).result()


@cache
def _single(process: int) -> ThreadPoolExecutor:
    """A worker whose operations use one thread; one per process (a forked child has no threads of its parent)."""
    before, ready = torch.get_num_threads(), threading.Event()
    pool = ThreadPoolExecutor(1, thread_name_prefix="views")

    def prepare() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # the first question in a thread would later overwrite what was just set
        ready.set()

    pool.submit(prepare)
    ready.wait()
    torch.set_num_threads(before)  # setting it in a thread also sets the default of threads yet to come
    return pool
