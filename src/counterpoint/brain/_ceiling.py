"""Noise ceilings of a subject, streamed over stimuli: from repeats, or as shipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from counterpoint.data.brain import BrainDataset

BLOCK_VALUES = 2**22
LEAST, FEWEST = 5, 20
"""Repeated pictures without which there is no ceiling, and below which one that came with the data is preferred."""
Blocks = Callable[[], Iterator[np.ndarray]]


def repeat_ceiling(read: Callable[[np.ndarray], np.ndarray], trials: np.ndarray, *, n_average: float | None = None,
                   fewest: int = LEAST) -> np.ndarray | None:
    """Ceiling in per cent from ``(stimuli, repeats)`` trials (-1 for none); None with less than ``fewest`` repeated.

    With each repeat z-scored over stimuli, the noise variance is the mean over stimuli of the variance over
    repeats (ddof 1), which is ``R / (R - 1) (1 - mean z_bar^2)``: two passes over blocks of stimuli suffice.
    Of unequal repeats, the first ``R`` of the stimuli that have them, with ``R`` chosen to use most trials.
    """
    count = (trials >= 0).sum(axis=1)
    options = range(2, int(count.max(initial=0)) + 1)
    repeats = max(options, key=lambda wanted: wanted * np.count_nonzero(count >= wanted), default=0)
    used = trials[count >= repeats, :repeats]
    if repeats < 2 or len(used) < fewest:
        return None
    blocks = _blocks(read, used)
    mean, std = _moments(blocks)
    total, samples = 0.0, 0
    inverse = np.where(std > 0, 1 / np.where(std > 0, std, 1), 0)[:, None]
    for block in blocks():
        averaged = ((block - mean[:, None]) * inverse).mean(axis=0)
        total, samples = total + (averaged**2).sum(axis=0), samples + len(averaged)
    noise = repeats / (repeats - 1) * (1 - total / samples)
    signal = np.clip(1 - noise, 0, None)
    share = _share(count, n_average)
    ceiling = 100 * signal / np.maximum(signal + np.clip(noise, 0, None) * share, 1e-12)
    return np.where((std > 0).all(axis=0), ceiling, 0.0)


def _blocks(read: Callable[[np.ndarray], np.ndarray], used: np.ndarray) -> Blocks:
    width = read(used[:1].reshape(-1)).size
    step = max(1, BLOCK_VALUES // max(1, width))

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(used), step):
            rows = used[start : start + step].T
            found = read(rows.reshape(-1)).astype(np.float64)
            yield found.reshape(rows.shape[0], -1, found.shape[-1])

    return blocks


def _moments(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    total = square = np.zeros(1)
    samples = 0
    for block in blocks():
        total, square = total + block.sum(axis=1), square + (block**2).sum(axis=1)
        samples += block.shape[1]
    mean = total / samples
    variance = square / samples - mean**2
    return mean, np.sqrt(np.where(variance > 1e-12 * np.maximum(mean**2, 1e-30), variance, 0))


def shipped_ceiling(data: BrainDataset, kept: np.ndarray, trials: np.ndarray, *,
                    n_average: float | None = None) -> np.ndarray | None:
    """What came with the data: from ``ncsnr`` for this many repeats, or the ceiling itself."""
    if data.ncsnr is not None:
        squared = np.asarray(data.ncsnr, np.float64)[kept] ** 2
        count = (trials >= 0).sum(axis=1)
        return 100 * squared / (squared + _share(count if len(count) else np.ones(1), n_average))
    return None if data.noise_ceiling is None else np.asarray(data.noise_ceiling, np.float64)[kept]


def _share(count: np.ndarray, n_average: float | None) -> float:
    return float(np.mean(1 / np.maximum(count, 1))) if n_average is None else 1 / n_average
