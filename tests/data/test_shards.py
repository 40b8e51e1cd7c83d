"""WebDataset shards written here with tarfile, whole and damaged."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpoint.core.errors import CounterpointError
from counterpoint.data.catalog import load
from counterpoint.data.shards import find_shards, shards


def picture(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (6, 6), level).save(stream, "PNG")
    return stream.getvalue()


def write_shard(path: Path, numbers: range, *, kind: str = "cls", mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for number in numbers:
            members = {"png": picture(number)}
            if kind == "cls":
                members["cls"] = str(number % 3).encode()
            elif kind == "json":
                members["json"] = json.dumps({"caption": f"number {number}", "label": "ab"[number % 2]}).encode()
            else:
                members["txt"] = f"number {number}\n".encode()
            for ending, data in members.items():
                member = tarfile.TarInfo(f"part/{number:06d}.{ending}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz")])
def test_one_shard(tmp_path: Path, name: str, mode: str) -> None:
    place = write_shard(tmp_path / name, range(20), mode=mode)
    source = load(str(place), split="train", size=4)
    assert (len(source), source.channels, source.name) == (16, 1, "a")
    assert source.class_names == ["0", "1", "2"]
    levels = source.images[np.arange(16)][:, 0, 0, 0]
    assert (levels % 3 == source.labels).all()
    assert source.captions is None


def test_folder_pattern_and_splits(tmp_path: Path) -> None:
    for number in range(3):
        write_shard(tmp_path / f"train-{number:04d}.tar", range(10 * number, 10 * number + 10), kind="json")
    write_shard(tmp_path / "val-0000.tar", range(100, 105), kind="json")
    train, test = (load(str(tmp_path), split=split, size=4) for split in ("train", "test"))
    assert (len(train), len(test)) == (30, 5)
    assert test.captions == [f"number {number}" for number in range(100, 105)]
    assert train.class_names == ["a", "b"]
    assert train.images[np.array([7])].max() == 7
    some = shards(f"{tmp_path}/train-{{0001..0002}}.tar")
    assert len(some.items) == 20
    assert len(shards(f"{tmp_path}/train-*.tar").items) == 30
    with pytest.raises(CounterpointError, match="names 4 shards, of which 3 are there"):
        find_shards(f"{tmp_path}/train-{{0000..0003}}.tar")


def test_pictures_are_read_from_the_tar_when_asked_for(tmp_path: Path) -> None:
    listing = shards(str(write_shard(tmp_path / "a.tar", range(5), kind="txt")))
    assert listing.captions == [f"number {number}" for number in range(5)]
    item = listing.items[3]
    assert callable(item)
    assert item().read() == picture(3)


def test_links_and_outward_paths_are_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture(9))
    place = write_shard(tmp_path / "a.tar", range(4))
    with tarfile.open(place, "a") as archive:
        link = tarfile.TarInfo("x/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
        outward = tarfile.TarInfo("../../outward.png")
        outward.size = len(picture(1))
        archive.addfile(outward, io.BytesIO(picture(1)))
    before = sorted(tmp_path.rglob("*"))
    listing = shards(str(place))
    assert len(listing.items) == 5
    assert sorted(tmp_path.rglob("*")) == before


def test_damaged_and_empty_shards(tmp_path: Path) -> None:
    place = write_shard(tmp_path / "a.tar", range(10))
    place.write_bytes(place.read_bytes()[:1700])
    with pytest.raises(CounterpointError, match=r"a.tar could not be read: .*A whole tar file was expected"):
        shards(str(place))
    (tmp_path / "b.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(CounterpointError, match=r"b.tar could not be read"):
        shards(str(tmp_path / "b.tar"))
    with tarfile.open(tmp_path / "c.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    with pytest.raises(CounterpointError, match=r"holds no pictures in 1 shards. Members such as 000001.jpg"):
        shards(str(tmp_path / "c.tar"))
    with pytest.raises(CounterpointError, match="No shards at"):
        load(f"{tmp_path}/none-*.tar", split="train")
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        for name, data in (("a.png", picture(1)), ("a.json", b"{broken")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    with pytest.raises(CounterpointError, match=r"a.json holds no JSON"):
        shards(str(tmp_path / "d.tar"))
