"""The settings of a run lead to the same sources as the catalogue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.spec import ImageData


def test_settings_reach_the_reader(tmp_path: Path, write_pictures) -> None:
    paths = write_pictures(tmp_path / "p", 20)
    table = tmp_path / "a.csv"
    table.write_text("where,what\n" + "\n".join(f"p/{path.name},w{row}" for row, path in enumerate(paths)))
    data = ImageData(str(table), size=8, limit=5, channels=1, image_column="where", caption_column="what")
    source = data.load("train")
    assert source.images.shape == (5, 1, 8, 8)
    assert source.captions is not None
    assert all(caption.startswith("w") for caption in source.captions)
    assert np.array_equal(data.load("train").images, source.images)


def test_defaults_suit_known_sets_and_options_go_along() -> None:
    source = ImageData("scenes", limit=4, options={"objects": 2}).load("test")
    assert len(source) == 4
    assert set(np.asarray(source.factors["count"]).tolist()) == {2}
    with pytest.raises(CounterpointError, match='No option of digits called "caption_column"'):
        ImageData("digits", caption_column="text").load("test")


def test_settings_read_as_typed_flags() -> None:
    jsonargparse = pytest.importorskip("jsonargparse")
    parser = jsonargparse.ArgumentParser()
    parser.add_class_arguments(ImageData, "data")
    flags = ["--data.source", "digits", "--data.limit", "20", "--data.options", '{"objects": 1}']
    made = parser.instantiate_classes(parser.parse_args(flags)).data
    assert made == ImageData("digits", limit=20, options={"objects": 1})
    with pytest.raises(SystemExit):
        parser.parse_args(["--data.channels", "2"])
