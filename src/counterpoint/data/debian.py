"""Data sets that Debian packages: the installed folder, or fetched with consent and unpacked, without root.

``apt-get`` checks what it fetches against the archive's signed index. Of the package only regular files below
the folder that is asked for are written; a path that leads out of it is refused.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import cache_folder

_ROOT = Path("/")
_SECONDS = 1800


@dataclass(frozen=True)
class Package:
    """What a user should know before agreeing to fetch a package."""

    name: str
    megabytes: int
    licence: str
    home: str


PACKAGES = {
    "tuxpaint-stamps-default": Package("stamps", 161, "GPL-2", "https://tuxpaint.org/stamps/"),
    "dataset-fashion-mnist": Package(
        "fashion-mnist", 31, "MIT", "https://github.com/zalandoresearch/fashion-mnist"
    ),
}


def package_folder(
    package: str, inner_path: str, *, download: bool = False, keep: tuple[str, ...] = ()
) -> Path:
    """The folder ``inner_path`` of a Debian package.

    Tried in order: the installed package, the cache, and with consent ``apt-get download``.

    Parameters
    ----------
    package : str
        Name of the package.
    inner_path : str
        Folder inside it, such as ``"usr/share/tuxpaint/stamps"``.
    download : bool
        Consent to fetch. Without it nothing touches the network.
    keep : tuple of str
        Endings of the files to unpack, such as ``(".png",)``; empty for all.

    Returns
    -------
    pathlib.Path
        A folder that exists. In the cache it appears at once and whole, or not at all.

    Raises
    ------
    CounterpointError
        When it is absent and may not be fetched, with size, licence and target folder; when fetching fails;
        when the package holds a path that leads out of its folder.
    """
    inner = _inside(inner_path.lstrip("/"))
    installed = _ROOT / inner
    if installed.is_dir():
        return installed
    target = cache_folder() / "debian" / package / inner
    if target.is_dir():
        return target
    if not download:
        raise _absent(package, target)
    for program in ("apt-get", "dpkg-deb"):
        _need(program, package)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
            archive = _download(package, Path(folder))
            fresh = unpack(archive, inner_path, Path(folder) / "unpacked", keep=keep)
            _publish(fresh, target)
    except OSError as error:
        raise CounterpointError(
            f"{package} could not be unpacked: {error}.",
            "A writable cache folder with free space is needed.",
            "COUNTERPOINT_CACHE=ANOTHER_FOLDER",
        ) from error
    return target


def unpack(archive: Path, inner_path: str, folder: Path, *, keep: tuple[str, ...] = ()) -> Path:
    """Write the regular files below ``inner_path`` of a .deb into ``folder``; links and devices are left out.

    Returns
    -------
    pathlib.Path
        ``folder``.

    Raises
    ------
    CounterpointError
        When the archive cannot be read, holds an absolute path or one with "..", or no such folder.
    """
    inner = _inside(inner_path.lstrip("/"))
    folder.mkdir(parents=True)
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            count = _extract(process.stdout, inner, folder, keep)
            process.stdout.read()
        except tarfile.TarError:
            count = 0
        except BaseException:
            process.kill()
            shutil.rmtree(folder)
            raise
        message = process.stderr.read().decode(errors="replace").strip()
    if process.returncode or not count:
        raise CounterpointError(
            f"{archive.name} could not be read: {message or 'it holds no files in ' + inner_path}.",
            "A Debian package with that folder was expected.",
        )
    return folder


def _extract(stream: IO[bytes], inner: Path, folder: Path, keep: tuple[str, ...]) -> int:
    count = 0
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            path = _inside(member.name)
            if not member.isfile() or inner not in path.parents or not path.name.endswith(keep or ("",)):
                continue
            target = folder / path.relative_to(inner)
            target.parent.mkdir(parents=True, exist_ok=True)
            source = archive.extractfile(member)
            assert source is not None
            with source, open(target, "xb") as file:
                shutil.copyfileobj(source, file)
            count += 1
    return count


def _inside(name: str) -> Path:
    """A path of an archive as a relative one; refused when it leads elsewhere."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name:
        raise CounterpointError(
            f'The package holds the path "{name}".',
            "Paths inside its own folder were expected; nothing was kept.",
        )
    return Path(*pure.parts)


def _publish(fresh: Path, target: Path) -> None:
    """Rename into place; when another process was faster, its copy stands."""
    try:
        fresh.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _download(package: str, folder: Path) -> Path:
    """Fetch with the machine's package lists, or, where those are empty, with lists of our own."""
    own = [
        "-o",
        f"Dir::State={folder}/state",
        "-o",
        f"Dir::Cache={folder}/cache",
        "-o",
        "Debug::NoLocking=true",
    ]
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    result = _run(["apt-get", "download", package], folder)
    if result.returncode:
        _run(["apt-get", *own, "update"], folder)
        result = _run(["apt-get", *own, "download", package], folder)
    found = sorted(folder.glob("*.deb"))
    if result.returncode or not found:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CounterpointError(
            f"apt-get could not fetch {package}: {reason}",
            "A network and a Debian or Ubuntu package source are needed.",
            f"apt-get install {package}",
        )
    return found[0]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no end after {_SECONDS} seconds")


def _need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise CounterpointError(
            f"{package} is fetched with {program}, which is not on this machine.",
            "Debian, Ubuntu or a relative is needed; elsewhere give a folder with the files.",
            "--data.source FOLDER",
        )


def _absent(package: str, target: Path) -> CounterpointError:
    facts = PACKAGES.get(package)
    name = facts.name if facts else package
    about = f"{facts.megabytes} MB, {facts.licence}; " if facts else ""
    return CounterpointError(
        f'"{name}" is not on this machine, and nothing is fetched without consent.',
        f"It is the Debian package {package} ({about}it would go to {target}).",
        f"counterpoint data fetch {name}",
    )
