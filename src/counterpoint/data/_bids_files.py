"""Files of one person in a BIDS derivatives folder: runs, their masks and events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from counterpoint.core.errors import CounterpointError, missing_extra

_TYPES = ("nii.gz", "nii", "func.gii", "dtseries.nii")
_NOT_OF_A_RUN = ("hemi", "space", "desc", "den", "res", "sub", "label")


@dataclass(frozen=True)
class BidsRun:
    """One run.

    Attributes
    ----------
    bold : tuple of Path
        One file, or the left and the right hemisphere.
    entities : dict of str to str
        Of the file name.
    session, run : int
    events : Path
        The table of its trials.
    mask : Path or None
        Its brain mask, for volumes.
    """

    bold: tuple[Path, ...]
    entities: dict[str, str]
    session: int
    run: int
    events: Path
    mask: Path | None


def bids_runs(
    root: Path,
    subject: str,
    *,
    task: str,
    space: str,
    raw: Path | None = None,
    filters: Mapping[str, str] | None = None,
    finder: Literal["nilearn", "pybids"] = "nilearn",
) -> list[BidsRun]:
    """The preprocessed runs of a person, by session and run.

    Parameters
    ----------
    root : Path
        The derivatives folder that holds ``sub-<subject>``.
    subject, task : str
        Without "sub-" and "task-".
    space : str
        Such as "MNI152NLin2009cAsym", "fsaverage5", "fsLR"; "" for files without a space.
    raw : Path, optional
        Where the events are; ``root`` and the two folders above it are searched otherwise.
    filters : mapping, optional
        Further entities, such as ``{"acq": "mb4"}``.
    finder : "nilearn" or "pybids"
        Which library searches ``root``.

    Raises
    ------
    CounterpointError
        When nothing is found, several files are one run, a hemisphere or the events are missing.
    """
    label = subject.removeprefix("sub-")
    wanted = {"task": task.removeprefix("task-"), **({"space": space} if space else {}), **(filters or {})}
    find = _by_nilearn if finder == "nilearn" else _by_pybids
    found: list[Path] = []
    for ending in _TYPES:
        found = [path for path in find(root, label, ending, wanted) if _fits(path, space, ending)]
        if found:
            break
    if not found:
        raise _nothing(root, label, wanted)
    return _grouped(found, lambda entities, path: _events(root, raw, label, entities, path))


def _grouped(found: list[Path], events: Callable[[dict[str, str], Path], Path]) -> list[BidsRun]:
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in found:
        entities = file_entities(path)
        groups.setdefault((entities.get("ses", ""), entities.get("run", "")), []).append(path)
    sessions = sorted({ses for ses, _ in groups}, key=_order)
    runs = []
    for place, (ses, run) in enumerate(sorted(groups, key=lambda key: (_order(key[0]), _order(key[1])))):
        bold = _hemispheres(groups[ses, run])
        entities = file_entities(bold[0])
        session = int(ses) if ses.isdigit() else sessions.index(ses) + 1
        number = int(run) if run.isdigit() else place + 1
        runs.append(BidsRun(bold, entities, session, number, events(entities, bold[0]), _mask(bold[0])))
    return runs


def file_entities(path: Path) -> dict[str, str]:
    """Entities of a BIDS file name.

    >>> file_entities(Path("sub-01_task-T_run-2_bold.nii.gz"))
    {'sub': '01', 'task': 'T', 'run': '2'}
    """
    parts = path.name.partition(".")[0].split("_")
    return {key: value for key, dash, value in (part.partition("-") for part in parts) if dash}


def _by_nilearn(root: Path, label: str, ending: str, wanted: Mapping[str, str]) -> list[Path]:
    try:
        from nilearn.interfaces.bids import get_bids_files
    except ImportError as error:
        raise missing_extra("Reading BIDS derivatives", "nilearn", "fmri") from error
    found = get_bids_files(
        root,
        file_tag="bold",
        file_type=ending,
        sub_label=label,
        modality_folder="func",
        filters=[*wanted.items()],
    )
    return [Path(path) for path in found]


def _by_pybids(root: Path, label: str, ending: str, wanted: Mapping[str, str]) -> list[Path]:
    try:
        from bids import BIDSLayout
    except ImportError as error:
        raise missing_extra("Searching with pybids", "pybids", "bids") from error
    layout: Any = BIDSLayout(root, validate=False, config=["bids", "derivatives"])
    found = layout.get(
        subject=label, suffix="bold", extension=f".{ending}", datatype="func", return_type="filename"
    )
    paths = sorted(Path(path) for path in found)
    return [path for path in paths if wanted.items() <= file_entities(path).items()]


def _fits(path: Path, space: str, ending: str) -> bool:
    entities = file_entities(path)
    if not space and "space" in entities:
        return False
    return entities.get("desc", "preproc") == "preproc" and (("hemi" in entities) == (ending == "func.gii"))


def _order(label: str) -> tuple[int, str]:
    return (int(label), "") if label.isdigit() else (-1, label)


def _hemispheres(paths: list[Path]) -> tuple[Path, ...]:
    if "hemi" in file_entities(paths[0]):
        sides = {file_entities(path)["hemi"]: path for path in paths}
        if len(paths) == len(sides) and set(sides) == {"L", "R"}:
            return (sides["L"], sides["R"])
        raise CounterpointError(f"{paths[0]} has no partner.", "hemi-L and hemi-R of each run were expected.")
    if len(paths) > 1:
        differ = {
            key for key, _ in set.symmetric_difference(*(set(file_entities(p).items()) for p in paths[:2]))
        }
        raise CounterpointError(
            f"{paths[0]} and {paths[1].name} are of one run.",
            "One file for each run was expected.",
            f"filters={{{', '.join(f'{key!r}: ...' for key in sorted(differ))}}}",
        )
    return (paths[0],)


def _mask(path: Path) -> Path | None:
    stem = path.name.partition("_desc-")[0].removesuffix("_bold.nii.gz").removesuffix("_bold.nii")
    found = [path.with_name(f"{stem}_desc-brain_mask.{ending}") for ending in ("nii.gz", "nii")]
    return next((mask for mask in found if mask.is_file()), None)


def _events(root: Path, raw: Path | None, label: str, entities: Mapping[str, str], bold: Path) -> Path:
    """The events whose entities the run shares; of several, those that say most (inheritance)."""
    run = {key: _number(value) for key, value in entities.items()}
    for place in [raw] if raw is not None else [root, root.parent, root.parent.parent]:
        folders = [place, place / f"sub-{label}", place / f"sub-{label}" / "func"]
        if "ses" in entities:
            folders += [folders[1] / f"ses-{entities['ses']}", folders[1] / f"ses-{entities['ses']}" / "func"]
        tables = [path for folder in folders for path in sorted(folder.glob("*_events.tsv"))]
        fitting = [
            path
            for path in tables
            if all(run.get(key) == _number(value) for key, value in file_entities(path).items())
        ]
        if fitting:
            return max(fitting, key=lambda path: len(file_entities(path)))
    parts = [f"{key}-{value}" for key, value in entities.items() if key == "sub" or key not in _NOT_OF_A_RUN]
    raise CounterpointError(
        f"No events of {bold}.", f"{'_'.join(parts)}_events.tsv was expected in the raw tree.", "raw=FOLDER"
    )


def _number(value: str) -> str:
    return str(int(value)) if value.isdigit() else value


def _nothing(root: Path, label: str, wanted: Mapping[str, str]) -> CounterpointError:
    folder = root / f"sub-{label}"
    if not folder.is_dir():
        known = sorted(path.name for path in root.glob("sub-*") if path.is_dir()) if root.is_dir() else []
        return CounterpointError(
            f"{root} holds no sub-{label}.", f"People there: {', '.join(known[:12]) or 'none'}."
        )
    seen = [file_entities(path) for path in folder.rglob("*_bold.*")]
    known = [
        f"{key} {', '.join(sorted({e[key] for e in seen if key in e})) or 'none'}"
        for key in ("task", "space")
    ]
    return CounterpointError(
        f"{folder} holds no runs with {', '.join(f'{key}-{value}' for key, value in wanted.items())}.",
        f"There are {'; '.join(known)}.",
    )
