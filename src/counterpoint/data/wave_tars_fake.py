"""A tiny tree in the form of WAVE's trial tars, for tests and tutorials."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np

LABELS = ("cat", "dog", "bottle, sink", "cat", "tree", "dog", "cat", "tree")


def fake_wave_tars(path: str | Path, seed: int = 0) -> dict[str, np.ndarray]:
    """Write ``CSI1/train`` (6 pictures once) and ``CSI1/test`` (2 pictures, 3 times each): 12 tars.

    Returns
    -------
    dict of str to numpy.ndarray
        In reading order: ``bold (12, 5, 1024)`` float32, ``voxel (12, 40)``, ``image (12,)`` row of each
        trial in ``images (8, 3, 16, 16)`` uint8, ``split``; and ``names (8,)``.
    """
    from PIL import Image

    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    names = np.array([f"COCO_{row:03d}.jpg" for row in range(8)])
    image = np.array([0, 1, 2, 3, 4, 5, 6, 7, 7, 6, 6, 7])
    split = np.repeat(["train", "test"], 6)
    bold = generator.standard_normal((12, 5, 1024)).astype(np.float32)
    voxel = generator.standard_normal((12, 40)).astype(np.float32)
    for trial in range(12):
        folder = Path(path) / "CSI1" / str(split[trial])
        folder.mkdir(parents=True, exist_ok=True)
        stream = io.BytesIO()
        Image.fromarray(images[image[trial]]).save(stream, "PNG")
        config = {"label": LABELS[image[trial]], "img_name": str(names[image[trial]])}
        members = {
            "bold.pyd": pickle.dumps(bold[trial]),
            "t_r.pyd": pickle.dumps(2.0),
            "voxel.pyd": pickle.dumps(voxel[trial]),
            "stimuli.png": stream.getvalue(),
            "config.json": json.dumps(config).encode(),
        }
        with tarfile.open(folder / f"trial-{trial:04d}.tar", "w") as archive:
            for ending, content in members.items():
                entry = tarfile.TarInfo(f"trial-{trial:04d}.{ending}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    stacked = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return {"bold": bold, "voxel": voxel, "image": image, "images": stacked, "split": split, "names": names}
