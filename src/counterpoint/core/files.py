"""Writing so that a crash, a full disk or a kill leaves the old file or the new one, never half; the cache folder."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from counterpoint.core.errors import CounterpointError


def write_atomic(path: str | Path, content: str | bytes) -> Path:
    """Write ``content`` to a temporary neighbour, flush it to disk, then rename it over ``path``."""
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise CounterpointError(f"{path} could not be written: {error.strerror or error}.",
                                "A writable folder with free space is needed.", "--out ANOTHER_FOLDER") from error
    return path


def write_json(path: str | Path, value: Any) -> Path:
    """``value`` as indented JSON, written atomically; NaN and infinities become ``null``."""
    return write_atomic(path, json.dumps(_finite(value), indent=2, default=str) + "\n")


def read_json(path: str | Path) -> Any:
    """The JSON in ``path``; a missing or broken file is an error that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CounterpointError(f"{path} could not be read: {error}.", "A JSON file was expected.") from error


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def cache_folder() -> Path:
    """Where fetched data and embeddings go: ``$COUNTERPOINT_CACHE``, or the user's cache folder of this system."""
    given = os.environ.get("COUNTERPOINT_CACHE")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("counterpoint"))
