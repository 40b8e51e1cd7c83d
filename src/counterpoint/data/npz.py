"""Arrays in one ``.npz`` file, opened without pickle."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.source import ImageSource, arrays
from counterpoint.data.splits import TEST_SHARE, partition

IMAGES, LABELS = ("images", "image", "x", "arr_0"), ("labels", "label", "y", "arr_1")


def npz(path: Path, *, split: str) -> ImageSource:
    """The stored split of an ``.npz`` file.

    Parameters
    ----------
    path : Path
        Holds ``images`` (see :func:`~counterpoint.data.source.arrays`) and maybe ``labels``; or
        ``train_images``, ``test_images``, ``train_labels``, ``test_labels``. Also known: image, x; label, y.
    split : str
        ``"train"`` or ``"test"``. Where the file has none, one fifth is held out, seed 0.

    Raises
    ------
    CounterpointError
        When it cannot be read without pickle, or holds no such arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            images, split_images = _pick(file, IMAGES, split)
            labels, split_labels = _pick(file, LABELS, split)
            names = file.files
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CounterpointError(
            f"{path} could not be read: {error}.", "Plain arrays written by numpy.savez were expected."
        ) from error
    if split_images is not None:
        return arrays(split_images, split_labels, name=path.stem, split=split)
    if images is None:
        raise CounterpointError(
            f"{path} holds {', '.join(names) or 'nothing'}.",
            "images, or train_images and test_images, were expected.",
        )
    source = arrays(images, labels, name=path.stem, split=split)
    kept, held = partition(len(source), share=TEST_SHARE, seed=0, labels=source.labels)
    source = source.subset(held if split == "test" else kept)
    source.notes.append(f"no test part in {path}: {len(held):,} pictures are held out for testing, seed 0.")
    return source


def _pick(
    file: np.lib.npyio.NpzFile, names: tuple[str, ...], split: str
) -> tuple[np.ndarray | None, np.ndarray | None]:
    whole = next((file[name] for name in names if name in file.files), None)
    part = next((file[f"{split}_{name}"] for name in names if f"{split}_{name}" in file.files), None)
    return whole, part
