"""A subject of NSD's size streamed from disk: statistics in one pass, a shuffled epoch of reading, one of training.

    python benchmarks/brain_streaming.py
    python benchmarks/brain_streaming.py --chunked --json streaming.json
    python benchmarks/brain_streaming.py --json docs/benchmarks/brain_streaming.json --table

Writes 30,000 trials x 15,724 voxels of int16 (0.94 GB) as a trial-major HDF5 file to a temporary folder, reads every
trial once in shuffled batches of 256 through ``Subject.read`` (z-scored within 40 sessions with statistics from
training trials), then trains MindEye's backbone with its contrastive head (hidden 256, random targets of 64 numbers)
for one epoch of all training trials through the loader that ``fit`` uses, and removes the file. The file was just
written, so it is read from the page cache: what is measured is the work per trial, not the disk. Peak memory is that
of the whole process; of a contiguous file it includes the mapped pages, which the system can take back.
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


def opened(path: Path, *, trials: int) -> Any:
    """The subject: a third as many pictures as trials, each shown three times, 40 sessions."""
    from counterpoint.brain.subject import Subject
    from counterpoint.data._rows import HDF5Rows

    rng = np.random.default_rng(1)
    ids = np.concatenate([rng.permutation(trials // 3) for _ in range(3)])
    return Subject.from_arrays(HDF5Rows(path, "betas"), ids, session=np.arange(trials) // 750 + 1, unit="int16/300",
                               split=np.where(ids < trials // 30, "test", "train"))


def peak_mib() -> int:
    """Peak memory of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def stream(subject: Any, *, batch: int) -> dict[str, Any]:
    """Seconds of the statistics and of one epoch of reading, and a check of the numbers."""
    trials, rng = len(subject), np.random.default_rng(1)
    start = time.perf_counter()
    voxels = len(subject.statistics.low)
    statistics, first_peak = time.perf_counter() - start, peak_mib()
    order = rng.permutation(trials)
    total, squares = 0.0, 0.0
    start = time.perf_counter()
    for first in range(0, trials, batch):
        values = subject.read(order[first : first + batch])
        total += float(values[:, 0].sum())
        squares += float((values[:, 0] ** 2).sum())
    seconds = time.perf_counter() - start
    return {"trials": trials, "voxels": voxels, "statistics_seconds": round(statistics, 2),
            "statistics_peak_mib": first_peak,
            "epoch_seconds": round(seconds, 2), "trials_per_second": round(trials / seconds),
            "megabytes_per_second": round(trials * voxels * 2 / 1e6 / seconds), "peak_mib": peak_mib(),
            "mean": round(total / trials, 4), "variance": round(squares / trials, 4)}


def train(subject: Any, *, batch: int) -> dict[str, Any]:
    """One epoch of MindEye without its prior: all training trials, read ahead by one thread."""
    import torch

    from counterpoint.base.recipe import Recipe
    from counterpoint.brain.samples import BrainSamples
    from counterpoint.brain.spec import BrainData, BrainEncoder, BrainViews
    from counterpoint.brain.targets import Targets
    from counterpoint.data.loader import BatchLoader
    from counterpoint.methods.mindeye import MindEye

    torch.manual_seed(0)
    ids = np.unique(subject.data.stimulus_id)
    vectors = np.random.default_rng(2).standard_normal((len(ids), 1, 64), dtype=np.float32)
    targets = Targets(ids=ids, picture=vectors, mean=np.zeros((1, 64), np.float32))
    samples = BrainSamples([subject], targets, [subject.stimuli("train")], repeats="all")
    encoder = BrainEncoder(hidden=256, blocks=4)
    learner = MindEye(encoder.build(inputs={subject.name: subject.voxels}, tokens=1, dim=64), prior_weight=0.0,
                      hidden=256)
    learner.attach(Recipe(name="mindeye", data=BrainData(), encoder=encoder, views=BrainViews()), None)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=3e-4)
    loader = BatchLoader(samples, batch_size=batch, seed=0, batch_plan=samples.plan(batch, 1))
    losses, done, start = [], 0, time.perf_counter()
    for content in loader:
        loss = torch.stack(list(learner.terms(learner.make_views(content)).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        learner.batches_seen += 1
        losses.append(float(loss.detach()))
        done += len(content["index"])
    seconds = time.perf_counter() - start
    return {"train_trials": done, "train_seconds": round(seconds, 2), "train_trials_per_second": round(done / seconds),
            "train_peak_mib": peak_mib(), "loss": f"{np.mean(losses[:5]):.3f} -> {np.mean(losses[-5:]):.3f}",
            "parameters": sum(one.numel() for one in learner.parameters()), "threads": torch.get_num_threads()}


def table(found: dict[str, Any]) -> dict[str, Any]:
    """The numbers as the documentation shows them."""
    import torch

    shape = f"{found['trials']:,} x {found['voxels']:,} int16, {found['layout']}"
    common = {"file, MB": found["file_megabytes"]}
    return {
        "caption": f"A subject of NSD's size streamed from one HDF5 file ({shape}) in shuffled batches of "
                   f"{found['batch']}, the file in the page cache, {found['threads']} thread(s) beside other work, "
                   f"torch {torch.__version__.split('+')[0]}; peak memory of the whole process, mapped pages included.",
        "rows": [
            {"work": "statistics of 40 sessions", **common, "seconds": found["statistics_seconds"],
             "trials/s": round(found["trials"] / max(found["statistics_seconds"], 1e-9)),
             "peak, MiB": found["statistics_peak_mib"]},
            {"work": "one epoch of reading", **common, "seconds": found["epoch_seconds"],
             "trials/s": found["trials_per_second"], "peak, MiB": found["peak_mib"]},
            {"work": "one epoch of training, MindEye's backbone, 64 targets", **common,
             "seconds": found["train_seconds"], "trials/s": found["train_trials_per_second"],
             "peak, MiB": found["train_peak_mib"]}]}


def main() -> None:
    """Write, stream, train, remove."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30_000)
    parser.add_argument("--voxels", type=int, default=15_724)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--chunked", action="store_true", help="HDF5 chunks of 16 trials instead of one piece")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", action="store_true", help="write the JSON as the documentation reads it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "betas.hdf5"
        write(path, trials=given.trials, voxels=given.voxels, chunked=given.chunked)
        subject = opened(path, trials=given.trials)
        found = {"layout": "chunked" if given.chunked else "contiguous", "batch": given.batch,
                 "file_megabytes": round(path.stat().st_size / 1e6),
                 **stream(subject, batch=given.batch), **train(subject, batch=given.batch)}
    for key, value in found.items():
        print(f"{key:<26}{value}")
    if given.json:
        given.json.write_text(json.dumps(table(found) if given.table else found, indent=1) + "\n")


if __name__ == "__main__":
    main()
