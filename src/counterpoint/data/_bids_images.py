"""NIfTI and GIFTI files of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._volumes import open_image


def open_volume(path: Any) -> Any:
    """A NIfTI image."""
    image = open_image(Path(path))
    if not hasattr(image, "affine"):
        raise CounterpointError(f"{path} is a {type(image).__name__}.", "A NIfTI volume was expected.")
    return image


def surface_series(path: Path) -> np.ndarray:
    """``(frames, vertices)`` float32 of a ``.func.gii`` file."""
    image = open_image(path, "A GIFTI file")
    arrays = [np.asarray(part.data) for part in getattr(image, "darrays", [])]
    if not arrays:
        raise CounterpointError(f"{path} holds no arrays.", "A .func.gii file was expected.")
    values = arrays[0].T if len(arrays) == 1 and arrays[0].ndim == 2 else np.stack(arrays)
    return np.asarray(values, dtype=np.float32)


def surface_labels(path: Path) -> tuple[np.ndarray, dict[int, str]]:
    """``(vertices,)`` labels of a ``.label.gii`` file, and their names."""
    image = open_image(path, "A GIFTI file")
    table = image.labeltable.get_labels_as_dict()
    return np.asarray(image.darrays[0].data, np.int64), {
        int(key): str(name) for key, name in table.items() if key
    }


def check_grid(path: Any, image: Any, other_path: Any, other: Any) -> None:
    """An error unless two images share shape and affine."""
    if image.shape[:3] != other.shape[:3] or not np.allclose(image.affine, other.affine, atol=1e-3):
        raise CounterpointError(
            f"{path} lies on another grid than {other_path}.", "Runs and masks of one space were expected."
        )
