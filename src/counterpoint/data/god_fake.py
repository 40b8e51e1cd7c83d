"""A tiny Generic Object Decoding file with known responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.data._planted import AFFINE, brain_mask, save_pictures, tuned

TRAIN = (1443537, 1518878, 1621127, 1677366)
TEST = (1846331, 1858441)
REGIONS = ("V1", "V2", "LOC", "FFA")


def fake_god(path: str | Path, seed: int = 0, *, form: str = "h5", pictures: bool = True) -> dict[str, Any]:
    """Write person 1 in small: 8 training pictures of 4 categories, 2 test pictures five times, imagery three times.

    Parameters
    ----------
    path : path
        Folder to write into.
    seed : int
        Of everything that is random.
    form : str
        ``"h5"`` (``Subject1.h5``, 2 sessions of 12 rows) or ``"npz"`` (``sbj_1.npz`` and ``images_256.npz``).
    pictures : bool
        Write the pictures as well.

    Returns
    -------
    dict
        ``responses`` (24 or 18, voxels), ``stimulus_id``, ``split``, ``rois``, ``colours`` in order of ``names``.
    """
    root, rng = Path(path), np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    voxels = int(brain_mask(rng).sum())
    rois = {name: rng.random(voxels) < 0.4 for name in REGIONS}
    rois["VC"] = rng.random(voxels) < 0.8
    which = np.r_[rng.permutation(8), np.repeat([8, 9], 5), np.repeat([8, 9], 3)]
    responses = tuned(rng, which, voxels)
    if form == "npz":
        return _npz(root, rng, which[:18], responses[:18], rois, pictures=pictures)
    picture = 5000 + rng.permutation(900)[:10]
    known = np.array([TRAIN[row // 2] if row < 8 else TEST[row - 8] for row in range(10)])
    kind = np.repeat([1, 2, 3], [8, 10, 6])
    ids = known[which] * 1_000_000 + np.where(kind == 3, 0, picture[which])
    label = known[which] + np.where(kind == 3, 0, picture[which]) / 1e6
    session, run = np.repeat([1, 2], 12), np.tile(np.repeat([1, 2], 6), 2)
    labels = {"DataType": kind, "stimulus_id": label, "Session": session, "Run": run}
    _bdata(root / "Subject1.h5", responses, rois, labels)
    truth: dict[str, Any] = {"responses": responses, "stimulus_id": ids, "session": session, "run": run, "rois": rois,
                             "split": np.array(["", "train", "test", "imagery"])[kind]}
    truth["names"] = [f"n{synset:08d}_{number}.JPEG" for synset, number in zip(known, picture, strict=True)]
    if pictures:
        places = [root / "images" / name.partition("_")[0] / name for name in truth["names"]]
        truth["colours"] = save_pictures(places, rng)
    return truth


def _bdata(path: Path, responses: np.ndarray, rois: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> None:
    import h5py

    voxels = responses.shape[1]
    keys = ["VoxelData", *(f"ROI_{name}" for name in rois), "voxel_x", "voxel_y", "voxel_z", *labels]
    values = np.full((len(keys), voxels + len(labels)), np.nan)
    values[0, :voxels] = 1
    for row, mask in enumerate(rois.values()):
        values[1 + row, :voxels] = mask
    positions = np.stack(np.unravel_index(np.arange(voxels), (8, 8, 8)), axis=1) @ AFFINE[:3, :3].T
    values[1 + len(rois) : 4 + len(rois), :voxels] = positions.T
    for row in range(len(labels)):
        values[4 + len(rois) + row, voxels + row] = 1
    with h5py.File(path, "w") as file:
        file["dataset"] = np.c_[responses, np.stack(list(labels.values()), axis=1)].astype(np.float64)
        file["metadata/key"] = [key.encode() for key in keys]
        file["metadata/description"] = [b"" for _ in keys]
        file["metadata/value"] = values


def _npz(
    root: Path, rng: np.random.Generator, which: np.ndarray, responses: np.ndarray, rois: dict[str, np.ndarray], *,
    pictures: bool
) -> dict[str, Any]:
    trials = responses[8:]
    means = trials.reshape(2, 5, -1).mean(axis=1)
    np.savez(root / "sbj_1.npz", responses[:8], trials, means, which[:8], **rois)  # type: ignore[arg-type]
    images = rng.integers(0, 256, size=(10, 16, 16, 3), dtype=np.uint8)
    if pictures:
        np.savez(root / "images_256.npz", train_images=images[:8], test_images=images[8:])
    return {"responses": responses, "stimulus_id": which, "rois": rois, "images": images,
            "split": np.repeat(["train", "test"], [8, 10])}
