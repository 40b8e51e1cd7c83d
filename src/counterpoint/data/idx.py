"""The idx format of the MNIST family: four files, gzipped or not, read and checked in full."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.source import ImageSource

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
LARGEST = 1 << 32
FASHION_LABELS = "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9"
FASHION_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def read_idx(path: Path, *, axes: int) -> np.ndarray:
    """The unsigned bytes in one idx file.

    The file opens with two zero bytes, the type (8: unsigned byte), the number of axes, then each axis as a
    big-endian 32-bit count; the values follow, the last axis fastest.

    Parameters
    ----------
    path : Path
        The file; gzip is recognised by its first two bytes, not by the name.
    axes : int
        Number of axes that has to be there: 3 for pictures, 1 for labels.

    Returns
    -------
    numpy.ndarray
        uint8 of the shape that the file states.

    Raises
    ------
    CounterpointError
        For a file that cannot be read or unpacked, another type, number of axes, or length than stated.
    """
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise CounterpointError(
            f"{path} could not be read: {error}.", "A whole idx file was expected."
        ) from error
    head = 4 + 4 * axes
    if len(data) < head or data[:4] != bytes((0, 0, 8, axes)):
        raise CounterpointError(
            f"{path} opens with {data[:4].hex(' ')}.",
            f"An idx file of bytes with {axes} axes opens with 00 00 08 {axes:02x}.",
        )
    shape = tuple(int(count) for count in np.frombuffer(data, ">u4", axes, offset=4))
    stated = int(np.prod(shape, dtype=object))
    if not 0 < stated < LARGEST or len(data) - head != stated:
        raise CounterpointError(
            f"{path} holds {len(data) - head:,} bytes of values; its head states "
            f"{' x '.join(map(str, shape))}.",
            "Both agree in a whole file: it was cut off or is another file.",
        )
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def find_idx(folder: Path, name: str) -> Path | None:
    """The file ``name`` or ``name.gz`` in ``folder``, or ``None``."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def is_idx_folder(folder: Path) -> bool:
    """Whether ``folder`` holds training pictures of the MNIST family."""
    return find_idx(folder, FILES["train"][0]) is not None


def idx_folder(folder: Path, *, split: str, name: str = "") -> ImageSource:
    """One stored split from a folder with the four files of the MNIST family.

    Parameters
    ----------
    folder : Path
        Where ``train-images-idx3-ubyte`` and its companions lie, each gzipped or not.
    split : str
        ``"train"`` or ``"test"``.
    name : str
        Name of the source; the folder's own when empty.

    Raises
    ------
    CounterpointError
        When a file is missing or damaged, or pictures and labels differ in number.
    """
    if split not in FILES:
        raise CounterpointError(f'{folder} stores no split "{split}".', "train or test was expected.")
    found = [find_idx(folder, file) for file in FILES[split]]
    for path, file in zip(found, FILES[split], strict=True):
        if path is None:
            raise CounterpointError(
                f"{folder} has no {file} or {file}.gz.", "Pictures and labels of both splits were expected."
            )
    images, labels = read_idx(Path(found[0] or ""), axes=3), read_idx(Path(found[1] or ""), axes=1)
    if len(images) != len(labels):
        raise CounterpointError(
            f"{found[0]} holds {len(images):,} pictures, {found[1]} {len(labels):,} labels.",
            "One label per picture was expected.",
        )
    class_names = _class_names(folder, int(labels.max()) + 1)
    return ImageSource(
        name=name or folder.name,
        split=split,
        images=images[:, None],
        labels=labels.astype(np.int64),
        class_names=class_names,
    )


def _class_names(folder: Path, count: int) -> list[str]:
    """Fashion-MNIST is told by its test labels; other sets of the family are given their numbers."""
    path = find_idx(folder, FILES["test"][1])
    if path is not None:
        digest = hashlib.sha256(read_idx(path, axes=1).tobytes()).hexdigest()
        if digest == FASHION_LABELS:
            return list(FASHION_CLASSES)
    return [str(number) for number in range(count)]
