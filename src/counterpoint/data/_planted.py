"""Small made-up trees for tests and tutorials: responses that depend on the picture, and flat pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

GRID = (6, 5, 4)
AFFINE = np.array([[-2.0, 0, 0, 10], [0, 2, 0, -6], [0, 0, 2.5, -4], [0, 0, 0, 1]])


def tuned(rng: np.random.Generator, ids: np.ndarray, voxels: int, *, noise: float = 0.5) -> np.ndarray:
    """``(trials, voxels)`` float32: one fixed pattern per picture plus fresh noise per trial."""
    patterns = rng.normal(size=(int(ids.max()) + 1, voxels))
    return (patterns[ids] + noise * rng.normal(size=(len(ids), voxels))).astype(np.float32)


def brain_mask(rng: np.random.Generator, shape: tuple[int, ...] = GRID) -> np.ndarray:
    """A mask with about half of the voxels in it."""
    return rng.random(shape) < 0.5


def in_grid(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``(x, y, z, trials)`` float32 volumes with ``(trials, voxels)`` values in the mask, zero outside."""
    made = np.zeros((*mask.shape, len(values)), values.dtype)
    made[mask] = values.T
    return made


def save_volume(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    """Write a NIfTI file."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def save_pictures(paths: list[Path], rng: np.random.Generator, *, side: int = 16) -> np.ndarray:
    """Write flat pictures; their ``(n, 3)`` uint8 colours."""
    from PIL import Image

    colours = rng.integers(40, 216, size=(len(paths), 3), dtype=np.uint8)
    for path, colour in zip(paths, colours, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.broadcast_to(colour, (side, side, 3)).copy()).save(path, quality=95)
    return colours
