"""A subject of NSD's size streamed from disk: statistics in one pass, then one shuffled epoch of prepared batches.

    python benchmarks/brain_streaming.py
    python benchmarks/brain_streaming.py --chunked --json streaming.json

Writes 30,000 trials x 15,724 voxels of int16 (0.94 GB) as a trial-major HDF5 file to a temporary folder, reads every
trial once in shuffled batches of 256 through ``Subject.read`` (z-scored within 40 sessions with statistics from
training trials), and removes the file. The file was just written, so it is read from the page cache: what is
measured is the work per trial, not the disk. Peak memory is that of the whole process; of a contiguous file it
includes the mapped pages, which the system can take back.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


def write(path: Path, *, trials: int, voxels: int, chunked: bool) -> None:
    """Fresh int16 betas in blocks of 750 trials; every block has an offset of its own."""
    import h5py

    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("betas", (trials, voxels), np.int16, chunks=(16, voxels) if chunked else None)
        for start in range(0, trials, 750):
            rows = min(750, trials - start)
            block = rng.standard_normal((rows, voxels), dtype=np.float32) * 500 + 40 * (start // 750)
            data[start : start + rows] = block.astype(np.int16)


def stream(path: Path, *, trials: int, batch: int) -> dict[str, Any]:
    """Seconds of the statistics and of one epoch, and a check of the numbers."""
    from counterpoint.brain.subject import Subject
    from counterpoint.data._rows import HDF5Rows

    rng = np.random.default_rng(1)
    ids = np.concatenate([rng.permutation(trials // 3) for _ in range(3)])
    responses = HDF5Rows(path, "betas")
    subject = Subject.from_arrays(responses, ids, session=np.arange(trials) // 750 + 1, unit="int16/300",
                                  split=np.where(ids < trials // 30, "test", "train"))
    start = time.perf_counter()
    voxels = len(subject.statistics.low)
    statistics = time.perf_counter() - start
    order = rng.permutation(trials)
    total, squares = 0.0, 0.0
    start = time.perf_counter()
    for first in range(0, trials, batch):
        values = subject.read(order[first : first + batch])
        total += float(values[:, 0].sum())
        squares += float((values[:, 0] ** 2).sum())
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"trials": trials, "voxels": voxels, "statistics_seconds": round(statistics, 2),
            "epoch_seconds": round(seconds, 2), "trials_per_second": round(trials / seconds),
            "megabytes_per_second": round(trials * voxels * 2 / 1e6 / seconds), "peak_mib": round(peak),
            "mean": round(total / trials, 4), "variance": round(squares / trials, 4)}


def main() -> None:
    """Write, stream, remove."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30_000)
    parser.add_argument("--voxels", type=int, default=15_724)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--chunked", action="store_true", help="HDF5 chunks of 16 trials instead of one piece")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "betas.hdf5"
        write(path, trials=given.trials, voxels=given.voxels, chunked=given.chunked)
        found = {"layout": "chunked" if given.chunked else "contiguous", "batch": given.batch,
                 "file_megabytes": round(path.stat().st_size / 1e6),
                 **stream(path, trials=given.trials, batch=given.batch)}
    for key, value in found.items():
        print(f"{key:<22}{value}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
