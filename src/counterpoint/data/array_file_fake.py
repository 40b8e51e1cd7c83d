"""A tiny array file, for tests and tutorials."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from counterpoint.core.errors import missing_extra


def fake_array_file(path: str | Path, seed: int = 0) -> dict[str, np.ndarray]:
    """Write ``path`` (``.npz`` or ``.h5``): 2 sessions of 12 trials, 8 pictures shown 3 times, 120 voxels.

    Returns
    -------
    dict of str to numpy.ndarray
        The arrays as written, by key.
    """
    generator = np.random.default_rng(seed)
    ids = np.sort(generator.choice(1000, 8, replace=False))
    shown = np.concatenate([generator.permutation(np.repeat(ids, 3)[half::2]) for half in (0, 1)])
    grid = np.stack(np.meshgrid(*(np.arange(side) for side in (6, 5, 4)), indexing="ij"), axis=-1)
    tuned = generator.standard_normal((8, 120))
    noise = generator.standard_normal((24, 120))
    arrays = {
        "responses": (tuned[np.searchsorted(ids, shown)] + 0.5 * noise).astype(np.float32),
        "stimulus_id": shown,
        "session": np.repeat([1, 2], 12),
        "run": np.tile(np.repeat([1, 2], 6), 2),
        "trial": np.tile(np.arange(6), 4),
        "split": np.where(np.isin(shown, ids[6:]), "test", "train"),
        "shared": np.isin(shown, ids[6:]),
        "images": generator.integers(0, 256, (8, 3, 8, 8), dtype=np.uint8),
        "captions": np.array([[f"picture {row}", "a picture"] for row in range(8)]),
        "labels": np.arange(8) % 2,
        "class_names": np.array(["cat", "dog"]),
        "coordinates": 2.0 * grid.reshape(-1, 3),
        "rois/V1": np.arange(120) < 30,
        "parcels": np.arange(120) // 30 + 1,
        "networks": np.arange(120) // 60 + 1,
        "network_names": np.array(["Vis", "Default"]),
    }
    if Path(path).suffix == ".npz":
        np.savez(path, allow_pickle=False, **arrays)
        return arrays
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("Writing HDF5", "h5py", "fmri") from error
    with h5py.File(path, "w") as file:
        for key, value in arrays.items():
            text = value.dtype.kind == "U"
            file.create_dataset(
                key, data=value.astype(object) if text else value, dtype=h5py.string_dtype() if text else None
            )
    return arrays
