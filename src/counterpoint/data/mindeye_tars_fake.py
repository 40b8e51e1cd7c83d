"""A tiny tree in the form of MindEye's NSD shards, for tests and tutorials."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np

COUNTS = (3, 3, 2, 3, 1, 3, 3, 3)
"""True repeats of the eight pictures."""


def fake_mindeye_tars(path: str | Path, seed: int = 0) -> dict[str, np.ndarray]:
    """Write shards of ``subj01``: 8 pictures (5 train, 1 val, 2 test), up to 3 repeats over 2 sessions.

    Returns
    -------
    dict of str to numpy.ndarray
        ``responses (trials, 40)``, ``stimulus_id``, ``session`` and ``split`` of the trials in reading order,
        ``image_id (8,)`` and ``images (8, 3, 16, 16)`` uint8.
    """
    root, generator = Path(path), np.random.default_rng(seed)
    ids = generator.choice(73_000, 8, replace=False)
    images = generator.integers(0, 256, (8, 3, 16, 16), dtype=np.uint8)
    numbers = np.concatenate([generator.permutation(12), 750 + generator.permutation(12)])
    split = ["train"] * 5 + ["val"] + ["test"] * 2
    responses, trials, used = [], [], 0
    for count in COUNTS:
        responses.append(generator.standard_normal((count, 40)).astype(np.float32))
        trials.append(np.sort(numbers[used : used + count]))
        used += count
    shards = {
        "train_subj01_0": [0, 1, 2],
        "train_subj01_1": [3, 4],
        "val_subj01_0": [5],
        "test_subj01_0": [6, 7],
    }
    for name, rows in shards.items():
        folder = root / name.partition("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(folder / f"{name}.tar", "w") as archive:
            for row in rows:
                tile = np.arange(3) % COUNTS[row]
                _add(archive, f"{row:06d}.png", _png(images[row]))
                _add(archive, f"{row:06d}.nsdgeneral.npy", _npy(responses[row][tile]))
                _add(archive, f"{row:06d}.num_uniques.npy", _npy(np.array([COUNTS[row]])))
                _add(archive, f"{row:06d}.coco73k.npy", _npy(np.array([ids[row]])))
                _add(archive, f"{row:06d}.trial.npy", _npy(trials[row][tile]))
    totals = {name: split.count(name) for name in ("train", "val", "test")}
    (root / "metadata_subj01.json").write_text(json.dumps({"totals": totals}))
    trial_split = np.repeat(["test" if name == "test" else "train" for name in split], COUNTS)
    return {
        "responses": np.concatenate(responses),
        "stimulus_id": np.repeat(ids, COUNTS),
        "session": np.concatenate(trials) // 750 + 1,
        "split": trial_split,
        "image_id": ids,
        "images": images,
    }


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def _png(image: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(stream, "PNG")
    return stream.getvalue()
