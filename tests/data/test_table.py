"""CSV and parquet tables of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.catalog import load
from counterpoint.data.table import table


def write(path: Path, rows: list[list[str]], separator: str = ",") -> Path:
    path.write_text("\n".join(separator.join(row) for row in rows) + "\n", encoding="utf-8-sig")
    return path


@pytest.fixture
def pictures(tmp_path: Path, write_pictures) -> list[Path]:
    return write_pictures(tmp_path / "images", 12)


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".csv", ";"), (".tsv", "\t"), (".csv", "\t")])
def test_csv(tmp_path: Path, pictures: list[Path], suffix: str, separator: str) -> None:
    rows = [["Path", "Caption", "class"]]
    rows += [
        [f"images/{path.name}", f"bild nummer ä{number}", "ab"[number % 2]] for number, path in enumerate(pictures)
    ]
    place = write(tmp_path / f"pairs{suffix}", rows, separator)
    train, test = (load(place, split=split, size=8) for split in ("train", "test"))
    assert (len(train), len(test)) == (10, 2)
    assert train.class_names == ["a", "b"]
    assert train.name == "pairs"
    for pixels, caption, label in zip(train.images, train.captions, train.labels, strict=True):
        number = int(caption.removeprefix("bild nummer ä"))
        assert pixels[0, 0, 0] == 20 * number % 256
        assert label == number % 2


def test_parquet_with_paths_numbers_splits_and_embedded_pictures(tmp_path: Path, pictures: list[Path]) -> None:
    pandas = pytest.importorskip("pandas")
    names = ["train"] * 8 + ["test"] * 2 + ["val"] * 2
    frame = pandas.DataFrame(
        {
            "picture": [str(path) for path in pictures],
            "kind": [10.0, 9.0, None] * 4,
            "split": names,
        }
    )
    place = tmp_path / "a.parquet"
    frame.to_parquet(place)
    train, test = (load(place, split=split, size=8, label_column="kind") for split in ("train", "test"))
    assert (len(train), len(test)) == (8, 2)
    assert train.class_names == ["9", "10"]
    assert train.labels.tolist() == [1, 0, -1, 1, 0, -1, 1, 0]
    assert train.captions is None
    assert train.notes == ["2 pictures marked validation are not used."]
    frame["picture"] = [{"bytes": path.read_bytes(), "path": path.name} for path in pictures]
    frame.to_parquet(place)
    again = load(place, split="train", size=8)
    assert (again.images == train.images).all()
    assert again.factors["file"][0] == "a.parquet row 1"


def test_columns_that_are_not_there(tmp_path: Path, pictures: list[Path]) -> None:
    place = write(tmp_path / "a.csv", [["photo", "txt"], *[[f"images/{path.name}", "x"] for path in pictures]])
    with pytest.raises(CounterpointError, match=r"has the columns photo, txt.*\nTry: --data.image_column NAME"):
        table(place)
    with pytest.raises(CounterpointError, match=r'No column of .*a.csv called "phto". Did you mean photo\?'):
        table(place, image_column="phto")
    with pytest.raises(CounterpointError, match=r'called "text". Did you mean txt\?\nTry: --data.caption_column'):
        table(place, image_column="photo", caption_column="text")
    assert load(place, split="train", size=8, image_column="photo", caption_column="txt").captions[0] == "x"


def test_missing_files_are_counted_and_named(tmp_path: Path, pictures: list[Path]) -> None:
    names = [f"images/{path.name}" for path in pictures]
    place = write(tmp_path / "a.csv", [["image"], *[[name] for name in [*names, "images/gone.png"]]])
    listing = table(place)
    assert len(listing.items) == 12
    assert listing.notes[0].startswith("1 of 13 pictures are missing and were left out: ")
    assert "gone.png (no such file)" in listing.notes[0]
    place = write(tmp_path / "b.csv", [["image"], *[[name] for name in ["https://a.b/c.png", "x.png", *names]]])
    with pytest.raises(CounterpointError, match=r"2 of 14 pictures .*an address; only files are read.*x.png \(no such"):
        table(place)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "has no rows"),
        (b"image\n", "has no rows"),
        (b"image,caption\na.png,one, two\n", "has 2 columns, but 3 in row 2. Texts that hold the separator"),
        (b"image\n\xff\xfe\x00\n", "could not be read: .*A CSV table in UTF-8"),
        (b'image\n"a.png\n', "could not be read: unexpected end of data"),
    ],
)
def test_damaged_csv(tmp_path: Path, text: bytes, message: str) -> None:
    place = tmp_path / "a.csv"
    place.write_bytes(text)
    with pytest.raises(CounterpointError, match=message):
        table(place)


def test_damaged_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    place = tmp_path / "a.parquet"
    place.write_bytes(b"PAR1 nothing")
    with pytest.raises(CounterpointError, match=r"a.parquet could not be read: .*A parquet table was expected"):
        table(place)


def test_quoted_captions_and_empty_cells(tmp_path: Path, pictures: list[Path]) -> None:
    rows = [["image", "text", "label"]]
    rows += [
        [f"images/{path.name}", '"one, two"', "" if number < 2 else "z" if number % 2 else "y"]
        for number, path in enumerate(pictures)
    ]
    source = load(write(tmp_path / "a.csv", rows), split="train", size=8)
    assert set(source.captions) == {"one, two"}
    assert (source.labels == -1).sum() >= 1
    assert source.class_names == ["y", "z"]
