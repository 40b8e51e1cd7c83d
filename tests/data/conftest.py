"""Small picture files of known content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WritePictures = Callable[..., list[Path]]


@pytest.fixture
def write_pictures() -> WritePictures:
    """``write_pictures(folder, count, suffix=".png", grey=False, size=12)``: picture ``i`` has brightness 20 i."""

    def write(folder: Path, count: int, *, suffix: str = ".png", grey: bool = False, size: int = 12) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for number in range(count):
            level = 20 * number % 256
            pixels = np.full((size, size + 4) if grey else (size, size + 4, 3), level, np.uint8)
            paths.append(folder / f"picture{number:03d}{suffix}")
            Image.fromarray(pixels).save(paths[-1])
        return paths

    return write
