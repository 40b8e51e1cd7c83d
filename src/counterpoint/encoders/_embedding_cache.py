"""Embeddings on disk: one ``.npz`` without pickle for each set of inputs and settings."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.core.files import cache_folder, write_atomic

LAYOUT = 1
"""Raised whenever an embedder's numbers change, so that stored ones are not taken for them."""


def digest_pictures(images: NDArray[np.uint8]) -> str:
    """SHA-256 of shape, type and bytes."""
    hasher = hashlib.sha256(f"{images.shape}{images.dtype}".encode())
    for low in range(0, len(images), 1024):
        hasher.update(np.ascontiguousarray(images[low : low + 1024]).tobytes())
    return hasher.hexdigest()


def digest_texts(texts: Sequence[str]) -> str:
    """SHA-256 of the texts with their lengths, so that no two lists share it."""
    hasher = hashlib.sha256()
    for text in texts:
        data = text.encode()
        hasher.update(len(data).to_bytes(8, "big") + data)
    return hasher.hexdigest()


def cached(spec: Any, content: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """The stored array of ``spec`` and ``content``; computed and stored where there is none that is whole."""
    key = hashlib.sha256(f"{LAYOUT}|{spec!r}|{_files(spec)}|{content}".encode()).hexdigest()
    path = cache_folder() / "embeddings" / f"{key[:40]}.npz"
    found = _read(path)
    if found is not None:
        return found
    value = np.ascontiguousarray(compute(), dtype=np.float32)
    buffer = io.BytesIO()
    np.savez(buffer, embedding=value)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, buffer.getvalue())
    return value


def _read(path: Path) -> NDArray[np.float32] | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file["embedding"], np.float32)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def _files(spec: Any) -> str:
    """Size and time of every file that ``spec`` reads weights or a vocabulary from."""
    folder = spec.name.partition(":")[2] if spec.name.startswith("clip:") else ""
    places = [Path(text).expanduser() for text in (folder, spec.weights) if text]
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.glob("*")))]
    stats = [(str(file), file.stat()) for file in files if file.is_file()]
    return "|".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)
