"""The catalogue: what it lists, without torch, and how names and options lead to sources."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.catalog import FOLDER, GENERATED, catalog, load


def test_known_sets_are_described() -> None:
    assert {"digits", "fashion-mnist", "scenes", "stamps"} <= set(catalog())
    for name, entry in catalog().items():
        assert (FOLDER / f"{entry.module}.py").is_file()
        assert entry.name == name
        assert entry.summary
        assert entry.fetch
    assert catalog()["scenes"].generated
    assert not catalog()["digits"].generated
    assert catalog()["digits"].present()
    assert catalog()["stamps"].package == "tuxpaint-stamps-default"
    assert "objects" in catalog()["scenes"].options


def test_listing_and_settings_load_no_torch() -> None:
    code = (
        "import sys; from counterpoint.data.catalog import catalog; from counterpoint.data.spec import ImageData;"
        "catalog(); ImageData(); print(sorted({'torch', 'numpy', 'sklearn', 'PIL'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_generated_sets_make_as_many_as_asked() -> None:
    train, test = (load("scenes", split=split, limit=70, size=16) for split in ("train", "test"))
    assert (len(train), len(test)) == (70, 70)
    assert train.content_hash() != test.content_hash()
    fit, validation = (load("scenes", split=split, limit=30, size=16) for split in ("fit", "validation"))
    assert (len(fit), len(validation)) == (30, 30)
    pixels = [{bytes(image) for image in np.asarray(part.images)} for part in (fit, validation)]
    assert not pixels[0] & pixels[1]
    assert GENERATED["train"] >= 5 * GENERATED["test"]
    other = load("scenes", split="train", limit=70, size=16, seed=1)
    assert other.content_hash() != train.content_hash()


def test_options_reach_the_set() -> None:
    source = load("scenes", split="test", limit=8, size=16, objects=1, label="colour")
    assert set(np.asarray(source.factors["count"]).tolist()) == {1}
    with pytest.raises(CounterpointError, match=r'No option of scenes called "object". Did you mean objects\?'):
        load("scenes", split="test", object=1)
    with pytest.raises(CounterpointError, match='No option of digits called "image_column"'):
        load("digits", split="test", image_column="a")


def test_size_and_channels_of_a_known_set() -> None:
    source = load("digits", split="test", size=16, channels=3)
    assert source.images.shape == (359, 3, 16, 16)
    assert load("digits", split="fit", limit=50).images.shape == (50, 1, 8, 8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name_or_path": "fasion-mnist"}, 'No data set and no path called "fasion-mnist". Did you mean fashion-mnist'),
        ({"name_or_path": "qqqq"}, "Known: digits, fashion-mnist, "),
        ({"name_or_path": "digits", "split": "tests"}, 'No split called "tests". Did you mean test'),
        ({"name_or_path": "digits", "size": 0}, "Pictures of 0 pixels"),
        ({"name_or_path": "digits", "limit": 1}, "A limit of 1"),
        ({"name_or_path": "digits", "resize": "zoom"}, 'No way to resize called "zoom"'),
    ],
)
def test_what_is_refused(given: dict, message: str) -> None:
    with pytest.raises(CounterpointError, match=message):
        load(**{"split": "test", **given})


def test_a_name_in_the_working_folder_does_not_shadow_a_known_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(load("digits", split="test")) == 359
    with pytest.raises(CounterpointError, match="holds no pictures"):
        load("./digits", split="test")
