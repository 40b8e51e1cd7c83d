"""A tiny tree in the form in which MindEye2 published NSD, for tests and tutorials."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

VOXELS = 60


def fake_mindeye2(path: str | Path, seed: int = 0) -> dict[str, Any]:
    """Write ``subj01``: 2 sessions of 12 trials, 8 pictures (two of them shared) shown 3 times each.

    Returns
    -------
    dict
        ``responses (24, 60)`` float32, z-scored per session, ``stimulus_id``, ``session``, ``run``, ``trial``,
        ``shared (24,)`` in the order of the betas, ``image_id (8,)`` and ``images (8, 3, 224, 224)`` uint8.
    """
    import h5py

    root, rng = Path(path), np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    ids = np.sort(rng.choice(73_000, 8, replace=False))
    shown = np.concatenate([rng.permutation(ids) for _ in range(3)])
    session, shared = np.arange(24) // 12 + 1, np.isin(shown, ids[[1, 6]])
    pattern = {number: rng.normal(0, 1.5, VOXELS) for number in ids.tolist()}
    responses = np.stack([pattern[number] for number in shown.tolist()]) + rng.normal(0, 0.7, (24, VOXELS))
    for rows in (slice(0, 12), slice(12, 24)):
        responses[rows] = (responses[rows] - responses[rows].mean(0)) / responses[rows].std(0)
    colours = rng.integers(0, 256, (8, 3, 1, 1), dtype=np.uint8)
    images = np.ascontiguousarray(np.broadcast_to(colours, (8, 3, 224, 224)))
    images[:, 0, :60, :30] = 9  # so that height, width and channel cannot be mixed up
    with h5py.File(root / "betas_all_subj01_fp32_renorm.hdf5", "w") as file:
        file.create_dataset("betas", data=responses.astype(np.float32))
    with h5py.File(root / "coco_images_224_float16.hdf5", "w") as file:
        brick = file.create_dataset("images", (73_000, 3, 224, 224), np.float16, chunks=(1, 3, 224, 224))
        for number, image in zip(ids.tolist(), images, strict=True):
            brick[number] = image.astype(np.float16) / 255
    run, trial = np.tile(np.repeat([1, 2], 6), 2), np.tile(np.arange(1, 7), 4)
    behaviour = np.full((24, 17), -1.0)
    for column, values in {0: shown, 1: 1, 2: session, 3: run, 4: trial, 5: np.arange(24), 16: shared}.items():
        behaviour[:, column] = values
    _tars(root / "wds" / "subj01", rng, behaviour, session, shared)
    return {"responses": responses.astype(np.float32), "stimulus_id": shown, "session": session, "run": run,
            "trial": trial, "shared": shared, "image_id": ids, "images": images}


def _tars(folder: Path, rng: np.random.Generator, behaviour: np.ndarray, session: np.ndarray,
          shared: np.ndarray) -> None:
    parts = {"new_test/0": np.flatnonzero(shared), "train/0": np.flatnonzero((session == 1) & ~shared),
             "train/1": np.flatnonzero((session == 2) & ~shared)}
    for name, rows in parts.items():
        place = folder / f"{name}.tar"
        place.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(place, "w") as archive:
            for row in rng.permutation(rows).tolist():
                other = {key: np.full((count, 17), -1.0)
                         for key, count in (("past_behav", 15), ("future_behav", 15), ("olds_behav", 3))}
                for key, values in {"behav": behaviour[row][None], **other}.items():
                    stream = io.BytesIO()
                    np.save(stream, values, allow_pickle=False)
                    entry = tarfile.TarInfo(f"sample{row:09d}.{key}.npy")
                    entry.size = len(stream.getvalue())
                    archive.addfile(entry, io.BytesIO(stream.getvalue()))
