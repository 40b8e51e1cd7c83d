"""A tiny tree in the form of Brain-Diffuser's prepared NSD, for tests and tutorials."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def fake_brain_diffuser(path: str | Path, seed: int = 0) -> dict[str, np.ndarray]:
    """Write ``processed_data/subj01``: 6 training and 2 test pictures, 40 voxels of a 6 x 5 x 4 grid.

    Returns
    -------
    dict of str to numpy.ndarray
        ``percent (8, 40)``, ``images (8, 3, 10, 10)`` uint8, ``captions (8, 5)``.
    """
    generator = np.random.default_rng(seed)
    folder = Path(path) / "processed_data" / "subj01"
    folder.mkdir(parents=True, exist_ok=True)
    percent = 2.0 * generator.standard_normal((8, 40))
    images = generator.integers(0, 256, (8, 10, 10, 3), dtype=np.uint8)
    captions = np.array([[f"picture {row}, text {column}" for column in range(5)] for row in range(8)])
    for split, rows in (("train", slice(0, 6)), ("test", slice(6, 8))):
        np.save(folder / f"nsd_{split}_fmriavg_nsdgeneral_sub1.npy", percent[rows] * 300.0)
        np.save(folder / f"nsd_{split}_stim_sub1.npy", images[rows].astype(np.float64))
        np.save(folder / f"nsd_{split}_cap_sub1.npy", captions[rows])
    return {
        "percent": percent,
        "images": np.ascontiguousarray(images.transpose(0, 3, 1, 2)),
        "captions": captions,
    }
