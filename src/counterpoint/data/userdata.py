"""A user's path to the reader that fits it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from counterpoint.core.errors import CounterpointError, did_you_mean, unknown
from counterpoint.data.decode import SUFFIXES
from counterpoint.data.folder import folder
from counterpoint.data.hub import PREFIX, hub, is_saved
from counterpoint.data.idx import idx_folder, is_idx_folder
from counterpoint.data.listing import Listing, Request
from counterpoint.data.npz import npz
from counterpoint.data.pictures import fit_array
from counterpoint.data.shards import TAR, shards
from counterpoint.data.source import ImageSource
from counterpoint.data.splits import base_split, cut
from counterpoint.data.table import SUFFIXES as TABLES
from counterpoint.data.table import table

READ = "a folder of pictures, .csv, .tsv, .parquet, .npz, .tar shards, idx files, a saved Hugging Face data set"


def read(
    place: str,
    *,
    request: Request,
    native: bool,
    download: bool,
    options: dict[str, Any],
    known: Iterable[str],
) -> ImageSource:
    """The wanted part of the data at ``place``.

    Parameters
    ----------
    place : str
        A path, a pattern of shards, or ``hub:OWNER/NAME``.
    request : Request
        Split, size and form.
    native : bool
        No size was asked for: arrays keep theirs.
    download : bool
        Whether a named Hugging Face set may be fetched.
    options : dict
        Column names.
    known : iterable of str
        Names of known sets, for the message when nothing is there.
    """
    path = Path(place).expanduser()
    if not place.startswith(PREFIX) and not path.exists() and not any(mark in place for mark in "*{"):
        raise _absent(place, path, known)
    whole = idx_folder if is_idx_folder(path) else npz if path.suffix == ".npz" else None
    if whole:
        check_options(options, whole, place)
        source = cut(
            whole(path, split=base_split(request.split)),
            request.split,
            seed=request.seed,
            limit=request.limit,
        )
        return fit_array(
            source, size=None if native else request.size, channels=request.channels, resize=request.resize
        )
    reader, argument = _reader(place, path)
    check_options(options, reader, place)
    if reader is hub:
        options = {**options, "download": download}
    return reader(argument, **options).source(request)


def _reader(place: str, path: Path) -> tuple[Callable[..., Listing], str | Path]:
    if place.startswith(PREFIX) or is_saved(path):
        return hub, place
    if not path.exists() or path.name.endswith(TAR):
        return shards, place
    if path.is_dir():
        tars = any(file.name.endswith(TAR) for file in path.iterdir()) if _readable(path) else False
        return (shards, place) if tars else (folder, path)
    if path.suffix.lower() in TABLES:
        return table, path
    if path.suffix.lower() in SUFFIXES:
        raise CounterpointError(f"{place} is one picture.", "Contrast needs several.", f"--data.source {path.parent}")
    raise CounterpointError(f"{place} is a file that is not read.", f"What is read: {READ}.", "counterpoint data list")


def check_options(options: dict[str, Any], function: Callable[..., Any], title: str) -> None:
    """An error for an option that ``function`` does not take."""
    taken = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in ("download", "split", "name")
    ]
    for name in options:
        if name not in taken:
            raise unknown(f"option of {title}", name, (*taken, "resize", "channels"), "counterpoint data list")


def _readable(path: Path) -> bool:
    try:
        next(path.iterdir(), None)
    except OSError:
        return False
    return True


def _absent(place: str, path: Path, known: Iterable[str]) -> CounterpointError:
    """Nothing is there: a slip in a known name, or in a path (named with the closest neighbour)."""
    looks_like_path = path.suffix or path.is_absolute() or len(path.parts) > 1 or place.startswith(("~", "."))
    if not looks_like_path:
        known = list(known)
        here = [child.name for child in Path.cwd().iterdir()] if _readable(Path.cwd()) else []
        hint = did_you_mean(place, [*known, *here]) or f"Known: {', '.join(known)}."
        return CounterpointError(f'No data set and no path called "{place}".', hint, "counterpoint data list")
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        path, parent = parent, parent.parent
    names = [child.name for child in parent.iterdir()] if _readable(parent) else []
    hint = did_you_mean(path.name, names) or f"{parent.resolve()} has no {path.name}."
    command = (
        f"--data.source hub:{place} --data.download true"
        if place.count("/") == 1 and place[0] not in "/.~"
        else (f"ls {parent.resolve()}")
    )
    return CounterpointError(f"{place} does not exist.", hint, command)
