"""Settings of frozen networks: what they refuse, and that stored embeddings are the computed ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders import _embedding_cache
from counterpoint.encoders.targets import PictureTarget, TextTarget


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "efficientnet_lite"}, "Did you mean efficientnet_lite0"),
        ({"name": "clip:"}, "No picture target"),
        ({"layer": "last"}, "No layer"),
        ({"name": "clip:folder", "layer": "blocks"}, "Only EfficientNet-Lite0"),
        ({"size": 8}, "size=8"),
        ({"tokens": 4}, "pooled"),
        ({"layer": "map", "tokens": 0}, "tokens=0"),
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, object], message: str) -> None:
    """Before anything is built."""
    with pytest.raises(CounterpointError, match=message):
        PictureTarget(**settings)


def test_an_unknown_text_target_is_refused() -> None:
    """With the known ones."""
    with pytest.raises(CounterpointError, match="text target"):
        TextTarget("bert")


def test_settings_import_no_torch() -> None:
    """Recipes read them before a verb needs a network."""
    code = "import sys, counterpoint.encoders.targets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("COUNTERPOINT_CACHE", str(tmp_path))
    return tmp_path / "embeddings"


def test_stored_embeddings_equal_fresh_ones(cache: Path) -> None:
    """The first call stores, the second reads; other pictures or settings have another place."""
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)
    target = PictureTarget("random", size=32)
    fresh = target.embed(images, cache=False)
    assert not cache.exists()
    first, second = target.embed(images), target.embed(images)
    np.testing.assert_array_equal(first, fresh)
    np.testing.assert_array_equal(second, fresh)
    assert len(list(cache.iterdir())) == 1
    target.embed(images[::-1])
    PictureTarget("random", size=64).embed(images)
    assert len(list(cache.iterdir())) == 3


def test_a_stored_value_is_read_and_a_damaged_file_computed_again(cache: Path) -> None:
    """The network is not run on a hit; half a file counts as none."""
    spec, calls = TextTarget("hash"), []

    def compute() -> np.ndarray:
        calls.append(1)
        return np.ones((2, 3), np.float32)

    for _ in range(2):
        np.testing.assert_array_equal(_embedding_cache.cached(spec, "x", compute), np.ones((2, 3)))
    assert len(calls) == 1
    file = next(cache.iterdir())
    file.write_bytes(file.read_bytes()[:40])
    _embedding_cache.cached(spec, "x", compute)
    assert len(calls) == 2


def test_another_weights_file_is_another_entry(tmp_path: Path) -> None:
    """A file that changes does not answer with what the old one gave."""
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"1")
    spec = PictureTarget(weights=str(file))
    before = _embedding_cache._files(spec)
    file.write_bytes(b"22")
    assert _embedding_cache._files(spec) != before


def test_texts_that_join_alike_are_told_apart() -> None:
    """Lengths are part of the content's hash."""
    assert _embedding_cache.digest_texts(["ab", "c"]) != _embedding_cache.digest_texts(["a", "bc"])
