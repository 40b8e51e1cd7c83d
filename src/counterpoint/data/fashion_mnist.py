"""Fashion-MNIST: 70,000 product photos in ten classes, 28x28 grey.

Size: 70,000 pictures of 28x28 pixels, grey
Fetch: Debian package dataset-fashion-mnist, 31 MB (installed, or unpacked into the cache), else torchvision
Citation: Xiao, Rasul and Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747
"""

from __future__ import annotations

import os
from pathlib import Path

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import cache_folder
from counterpoint.data.debian import PACKAGES, package_folder
from counterpoint.data.idx import idx_folder, is_idx_folder
from counterpoint.data.source import ImageSource

PACKAGE = "dataset-fashion-mnist"
INNER = "usr/share/datasets/fashion-mnist"


def fashion_mnist(*, split: str, folder: str | os.PathLike[str] = "", download: bool = False) -> ImageSource:
    """The stored split of Fashion-MNIST: 60,000 pictures for training, 10,000 for testing.

    Parameters
    ----------
    split : str
        ``"train"`` or ``"test"``.
    folder : path, optional
        A folder with the four idx files, gzipped or not; looked for on this machine when empty.
    download : bool
        Whether the files may be fetched: as a Debian package, without root, or by torchvision, whose
        checksums are verified.

    Raises
    ------
    CounterpointError
        When the files are not here and ``download`` is false, or when they are damaged.
    """
    place = Path(folder).expanduser() if folder else find(download=download)
    source = idx_folder(place, split=split, name="fashion-mnist")
    source.licence, source.home = PACKAGES[PACKAGE].licence, PACKAGES[PACKAGE].home
    return source


def find(*, download: bool) -> Path:
    """The folder with the idx files: the Debian package's, then what torchvision fetched, then a fetch."""
    fetched = cache_folder() / "torchvision" / "FashionMNIST" / "raw"
    try:
        return package_folder(PACKAGE, INNER, download=download and not is_idx_folder(fetched))
    except CounterpointError as failure:
        if is_idx_folder(fetched):
            return fetched
        if not download:
            raise
        return _by_torchvision(fetched, failure)


def present() -> bool:
    """Whether the files are on this machine."""
    try:
        return is_idx_folder(find(download=False))
    except CounterpointError:
        return False


def _by_torchvision(raw: Path, failure: CounterpointError) -> Path:
    from torchvision.datasets import FashionMNIST

    try:
        FashionMNIST(str(raw.parent.parent), download=True)
    except Exception as error:
        raise CounterpointError(
            f"fashion-mnist could not be fetched: {failure.given} torchvision: {error}.",
            "A connection, or a folder with the four idx files, is needed.",
            "--data.source FOLDER_WITH_IDX_FILES",
        ) from error
    return raw
