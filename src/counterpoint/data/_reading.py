"""What the readers of brain data share: finding files, names of people, and refusals that name the place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.decode import Files
from counterpoint.data.folder import pictures_below

Nan = Literal["refuse", "drop"]
ROWS = 256


def place(path: str | Path, what: str) -> Path:
    """``path`` if it exists; an error that says ``what`` was looked for there."""
    found = Path(path).expanduser()
    if not found.exists():
        raise CounterpointError(f"{found} does not exist.", f"{what} was expected there.")
    return found


def number_of(subject: str | int, *, most: int, example: str) -> int:
    """The person's number: 1 from 1, ``"01"``, ``"sub-01"`` or ``"CSI1"``."""
    digits = re.findall(r"\d+", str(subject))
    if not digits or not 1 <= int(digits[-1]) <= most:
        raise CounterpointError(f'No subject "{subject}".', f"1 to {most} was expected, or a name such as {example}.")
    return int(digits[-1])


def natural(path: Path | str) -> list[tuple[int, str]]:
    """Sort key in which run2 comes before run10.

    >>> sorted(["run10", "run2"], key=natural)
    ['run2', 'run10']
    """
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path)) if part]


def below(root: Path, pattern: str) -> list[Path]:
    """Files below ``root`` that match, in natural order; hidden ones left out."""
    found = (path for path in root.rglob(pattern) if not path.name.startswith("."))
    return sorted(found, key=natural)


def lines_of(path: Path) -> list[str]:
    """The lines of a text file that hold something, stripped."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CounterpointError(f"{path} could not be read: {error}.", "A text file was expected.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def plain_array(path: Path, *, dimensions: int, lazily: bool = False) -> np.ndarray:
    """A ``.npy`` file, opened without pickle, with that many dimensions."""
    try:
        found = np.load(place(path, "An array"), mmap_mode="r" if lazily else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CounterpointError(f"{path} could not be read: {error}.",
                                "Plain numbers written by numpy.save were expected.") from error
    if found.ndim != dimensions:
        raise CounterpointError(f"{path} has shape {found.shape}.", f"{dimensions} dimensions were expected.")
    return found


def consecutive(numbers: Iterable[int], *, what: str, where: str) -> None:
    """An error that names the first number missing from 1, 2, 3, ..."""
    found = sorted(set(numbers))
    missing = sorted(set(range(1, found[-1] + 1)) - set(found)) if found else [1]
    if missing:
        there = ", ".join(map(str, found)) or "none"
        raise CounterpointError(f"{where} has no {what} {missing[0]}; there are {there}.",
                                "Trials are counted through all of them, so none may be left out.")


def whole_voxels(responses: np.ndarray, *, nan: Nan, who: str, where: Callable[[int, int], str]) -> np.ndarray:
    """``(voxels,)`` bool: which voxels are finite in every trial.

    With ``nan="refuse"`` the first number that is not finite is an error; ``where(trial, voxel)`` says its place.
    """
    if nan not in ("refuse", "drop"):
        raise unknown("way with voxels that are not numbers", nan, ["refuse", "drop"], 'nan="drop"')
    good = np.ones(responses.shape[-1], bool)
    if not np.issubdtype(responses.dtype, np.floating):
        return good
    for start in range(0, len(responses), ROWS):
        finite = np.isfinite(responses[start : start + ROWS])
        good &= finite.all(axis=0)
        if nan == "refuse" and not good.all():
            trial, voxel = np.argwhere(~finite)[0]
            raise CounterpointError(f"{who}: not a number at {where(start + int(trial), int(voxel))}.",
                                    "Finite responses were expected in every voxel of the mask.",
                                    'nan="drop" leaves out voxels that are not finite in every trial')
    if not good.any():
        raise CounterpointError(f"{who}: no voxel is finite in every trial.", "Check that the files are whole.")
    return good


def dropped(good: np.ndarray) -> list[str]:
    """A note on the voxels that were left out."""
    gone = int(np.count_nonzero(~good))
    return [f"{gone:,} of {len(good):,} voxels are not finite in every trial and were left out."] if gone else []


def chosen(rois: dict[str, np.ndarray], names: Sequence[str] | None, *, who: str) -> np.ndarray | None:
    """``(voxels,)`` bool union of the named regions; ``None`` for all voxels."""
    if names is None:
        return None
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in rois:
            raise unknown(f"region of {who}", name, rois, f'rois=["{next(iter(rois), "NAME")}"]')
    union = np.logical_or.reduce([rois[name] for name in wanted])
    if not union.any():
        raise CounterpointError(f"{who}: the regions {', '.join(wanted)} hold no voxel.", "Name other regions.")
    return union


def picture_files(names: Sequence[str], folder: Path | None, *, size: int | None, who: str) -> Files | None:
    """The pictures called ``names`` anywhere below ``folder``, decoded when asked for; None without a folder.

    Without ``size`` they take the shorter side of the first one.
    """
    if folder is None:
        return None
    there = {path.name: path for path in pictures_below(place(folder, "A folder of pictures"))}
    missing = [name for name in names if name not in there]
    if missing:
        raise CounterpointError(f"{who}: {len(missing)} of {len(names)} pictures are not below {folder}, "
                                f"the first is {missing[0]}.",
                                "Every picture of the trial table was expected: the stimulus folder is not whole.",
                                "images=FOLDER")
    return files_of([there[name] for name in names], size=size)


def files_of(paths: Sequence[Path], *, size: int | None) -> Files:
    """Pictures decoded when asked for; without ``size`` they take the shorter side of the first one."""
    return Files(list(paths), [path.name for path in paths], size or _side(paths[0]), 3)


def _side(path: Path) -> int:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return min(image.size)
    except OSError as error:
        raise CounterpointError(f"{path} could not be read: {error}.", "A picture was expected.") from error


def picture_folder(root: Path, given: str | Path | None, usual: Sequence[str]) -> Path | None:
    """The folder given, or the first of the usual ones that is below ``root``."""
    if given is not None:
        return place(given, "A folder of pictures")
    return next((root / name for name in usual if (root / name).is_dir()), None)


def one_split(names: Sequence[str], splits: np.ndarray, *, who: str) -> None:
    """An error when a picture is in two splits."""
    seen: dict[str, str] = {}
    for name, split in zip(names, splits.tolist(), strict=True):
        if seen.setdefault(name, split) != split:
            raise CounterpointError(f"{who}: {name} is marked {seen[name]} in one trial and {split} in another.",
                                    "Pictures are split, not trials: the trial table is damaged.")
