"""The run folder: where it is, how it stands, what may be written over."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json, write_atomic, write_json

OPEN_STATES = ("running", "interrupted", "failed")


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Run:
    """A run folder; every file in it can be read without this library."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def last(self) -> Path:
        return self.checkpoints / "last.ckpt"

    @property
    def model(self) -> Path:
        return self.path / "model"

    def status(self) -> dict[str, Any]:
        """The content of run.json."""
        content: dict[str, Any] = read_json(self.path / "run.json")
        return content

    def update(self, **changes: Any) -> None:
        """Replace run.json with its content plus ``changes``, atomically."""
        old = self.status() if (self.path / "run.json").exists() else {}
        write_json(self.path / "run.json", {**old, **changes, "updated": now()})

    def append_log(self, text: str) -> None:
        """Add lines to train.log."""
        with (self.path / "train.log").open("a", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n")


def open_run(spec: str | Path, root: Path = Path("runs")) -> Run:
    """The run at a folder, ``NAME`` (its latest run) or ``NAME/VARIANT-0001`` under ``root``.

    Raises
    ------
    CounterpointError
        When no run is there; run folders that exist are suggested.
    """
    for path in (Path(spec), root / spec, Path(spec) / "latest", root / spec / "latest"):
        target = path
        if path.is_file() and path.name == "latest":
            target = path.parent / path.read_text(encoding="utf-8").strip()
        if (target / "run.json").is_file():
            return Run(target.resolve())
    known = sorted((p.parent for p in root.glob("*/*/run.json")), key=lambda p: p.stat().st_mtime)
    raise CounterpointError(f"No run at {spec}.", "A folder with a run.json was expected.",
                            f"counterpoint report {known[-1]}" if known else "counterpoint fit simclr.tiny")


def new_run(name: str, variant: str, *, out: Path | None, overwrite: bool = False, root: Path = Path("runs")) -> Run:
    """A new, empty run folder: ``out``, or the next number under ``root/NAME``.

    A folder that holds anything is refused unless ``overwrite`` is given and it is a run folder.
    """
    try:
        if out is None:
            return _next_number(root / name, variant)
        path = Path(out)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            _clear(path, overwrite)
        path.mkdir(parents=True, exist_ok=True)
        write_atomic(path / ".writable", "")
        (path / ".writable").unlink()
        (path / "checkpoints").mkdir(exist_ok=True)
    except OSError as error:
        raise CounterpointError(f"{error.filename or out} cannot be written: {error.strerror}.",
                                "A writable folder is needed.", "--out ANOTHER_FOLDER") from error
    return Run(path.resolve())


def _clear(path: Path, overwrite: bool) -> None:
    is_run = path.is_dir() and (path / "run.json").is_file()
    if not overwrite:
        raise CounterpointError(f"{path} is not empty.", "A run starts in an empty folder.",
                                "--resume (go on with it) or --overwrite (replace it)" if is_run
                                else "--out ANOTHER_FOLDER")
    if not is_run:
        raise CounterpointError(f"{path} is not a run folder.", "--overwrite replaces run folders only.",
                                "--out ANOTHER_FOLDER")
    shutil.rmtree(path)


def _next_number(folder: Path, variant: str) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    taken = [int(match[1]) for p in folder.iterdir() if (match := re.fullmatch(rf"{re.escape(variant)}-(\d+)", p.name))]
    number = max(taken, default=0) + 1
    while True:
        path = folder / f"{variant}-{number:04d}"
        try:
            path.mkdir()
            break
        except FileExistsError:
            number += 1
    (path / "checkpoints").mkdir()
    point_latest(path)
    return Run(path.resolve())


def point_latest(path: Path) -> None:
    """Make ``latest`` beside a numbered run point to it; a text file where links are not allowed."""
    link = path.parent / "latest"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(path.name)
    except OSError:
        link.write_text(path.name + "\n", encoding="utf-8")


def resumable(spec: str | Path | None, name: str, variant: str, root: Path = Path("runs")) -> Run:
    """The run to go on with: the folder given, or the newest unfinished run of ``name.variant``."""
    if spec is not None:
        run = open_run(spec, root)
    else:
        runs = [Run(p.parent) for p in sorted((root / name).glob(f"{variant}-*/run.json"), reverse=True)]
        unfinished = [run for run in runs if run.status()["status"] in OPEN_STATES]
        if not unfinished:
            raise CounterpointError(f"No unfinished run of {name}.{variant} under {root}.", "",
                                    f"counterpoint fit {name}.{variant}")
        run = unfinished[0]
    if not run.last.is_file():
        raise CounterpointError(f"{run.path} has no checkpoints/last.ckpt, so there is nothing to go on from.", "",
                                f"counterpoint fit {name}.{variant} --out {run.path} --overwrite")
    return run


class Clock:
    """Seconds spent on a run, over all its resumes."""

    def __init__(self, before: float = 0.0) -> None:
        self.before, self.start = before, time.monotonic()

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.start
