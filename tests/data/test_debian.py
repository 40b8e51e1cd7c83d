"""Packages: installed, cached or fetched with consent; whole or not at all; nothing outside the folder."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import cache_folder
from counterpoint.data import debian
from counterpoint.data.debian import package_folder, unpack

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not on this machine")
INNER = "usr/share/toy/files"


@pytest.fixture(autouse=True)
def _own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty machine: nothing installed, nothing cached, and an apt-get that only notes its calls."""
    for name in ("root", "cache", "bin"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(debian, "_ROOT", tmp_path / "root")
    monkeypatch.setenv("COUNTERPOINT_CACHE", str(tmp_path / "cache"))
    _apt(tmp_path, "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")


def _apt(folder: Path, body: str) -> None:
    script = folder / "bin" / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{body}\n')
    script.chmod(0o755)


def _calls(folder: Path) -> list[str]:
    log = folder / "calls"
    return log.read_text().splitlines() if log.exists() else []


def _package(folder: Path) -> Path:
    """A real package, built by dpkg-deb, with two files, another folder and a link."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: toy\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.c>\nDescription: toy\n"
    )
    (tree / INNER / "deep").mkdir(parents=True)
    (tree / INNER / "deep" / "one.txt").write_text("one")
    (tree / INNER / "two.ogg").write_text("two")
    (tree / INNER / "link").symlink_to("/etc/passwd")
    (tree / "usr/share/doc").mkdir()
    (tree / "usr/share/doc/other.txt").write_text("other")
    path = folder / "toy_1_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, path], check=True, capture_output=True)
    return path


def _forged(path: Path, name: str) -> Path:
    """A package written by hand whose data hold one file called ``name``."""

    def tar(entries: dict[str, bytes]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for entry, content in entries.items():
                info = tarfile.TarInfo(entry)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return out.getvalue()

    members = {
        "debian-binary": b"2.0\n",
        "control.tar": tar({"./control": b"Package: toy\nVersion: 1\n"}),
        "data.tar": tar({f"./{INNER}/good": b"good", name: b"bad"}),
    }
    blob = b"!<arch>\n"
    for member, content in members.items():
        blob += f"{member:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        blob += content + b"\n" * (len(content) % 2)
    path.write_bytes(blob)
    return path


def test_an_installed_package_is_used_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "root" / INNER
    folder.mkdir(parents=True)
    assert package_folder("toy", INNER) == folder
    assert package_folder("toy", f"/{INNER}", download=True) == folder
    assert _calls(tmp_path) == []


def test_a_cached_package_is_used_without_asking(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "debian" / "toy" / INNER
    folder.mkdir(parents=True)
    assert package_folder("toy", INNER) == folder
    assert _calls(tmp_path) == []


def test_without_consent_nothing_is_fetched_and_the_user_is_told(tmp_path: Path) -> None:
    with pytest.raises(CounterpointError) as error:
        package_folder("tuxpaint-stamps-default", "usr/share/tuxpaint/stamps")
    text = str(error.value)
    for word in ("161 MB", "GPL-2", str(tmp_path / "cache"), "counterpoint data fetch stamps"):
        assert word in text
    assert _calls(tmp_path) == []
    assert list((tmp_path / "cache").iterdir()) == []


@needs_dpkg
def test_with_consent_the_package_is_fetched_once_and_published_whole(tmp_path: Path) -> None:
    deb = _package(tmp_path)
    _apt(tmp_path, f"cp {deb} .")
    folder = package_folder("toy", INNER, download=True)
    assert (folder / "deep" / "one.txt").read_text() == "one"
    assert (folder / "two.ogg").exists()
    assert not (folder / "link").is_symlink()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert package_folder("toy", INNER, download=True) == folder
    assert _calls(tmp_path) == ["download toy"]


@needs_dpkg
def test_only_files_asked_for_below_the_folder_are_unpacked(tmp_path: Path) -> None:
    found = unpack(_package(tmp_path), INNER, tmp_path / "out", keep=(".txt",))
    assert [path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file()] == [
        "deep/one.txt"
    ]


@needs_dpkg
@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", f"./{INNER}/../../../../../evil"])
def test_a_path_that_leads_out_is_refused_and_nothing_kept(tmp_path: Path, name: str) -> None:
    deb = _forged(tmp_path / "toy_1_all.deb", name)
    _apt(tmp_path, f"cp {deb} .")
    with pytest.raises(CounterpointError, match="evil"):
        package_folder("toy", INNER, download=True)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    assert list(tmp_path.rglob("evil")) == []


@needs_dpkg
@pytest.mark.parametrize("content", [b"", b"no archive", b"!<arch>\n"])
def test_a_broken_archive_is_named_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "toy_1_all.deb"
    broken.write_bytes(content)
    _apt(tmp_path, f"cp {broken} .")
    with pytest.raises(CounterpointError, match=r"toy_1_all\.deb could not be read"):
        package_folder("toy", INNER, download=True)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@needs_dpkg
def test_a_cut_off_archive_is_refused(tmp_path: Path) -> None:
    deb = _package(tmp_path)
    deb.write_bytes(deb.read_bytes()[:-60])
    with pytest.raises(CounterpointError, match="could not be read"):
        unpack(deb, INNER, tmp_path / "out")


@needs_dpkg
def test_a_package_without_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CounterpointError, match="usr/share/else"):
        unpack(_package(tmp_path), "usr/share/else", tmp_path / "out")


@needs_dpkg
def test_empty_package_lists_are_filled_in_a_place_of_our_own(tmp_path: Path) -> None:
    deb = _package(tmp_path)
    _apt(tmp_path, f'case "$*" in *Dir::State*download*) cp {deb} . ;; *update*) ;; *) exit 100 ;; esac')
    assert (package_folder("toy", INNER, download=True) / "two.ogg").exists()
    first, second, third = _calls(tmp_path)
    assert first == "download toy"
    assert second.endswith("update")
    assert str(tmp_path / "cache") in second
    assert third.endswith("download toy")


@needs_dpkg
def test_a_failed_fetch_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    _apt(tmp_path, "echo 'E: Unable to locate package toy' >&2; exit 100")
    with pytest.raises(CounterpointError, match="Unable to locate package toy"):
        package_folder("toy", INNER, download=True)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.name.startswith(".fetch")] == []


def test_a_machine_without_apt_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CounterpointError, match="apt-get, which is not on this machine"):
        package_folder("toy", INNER, download=True)


@needs_dpkg
def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COUNTERPOINT_CACHE", str(tmp_path / "file"))
    with pytest.raises(CounterpointError, match="could not be unpacked"):
        package_folder("toy", INNER, download=True)


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("COUNTERPOINT_CACHE")
    assert cache_folder().name == "counterpoint"
