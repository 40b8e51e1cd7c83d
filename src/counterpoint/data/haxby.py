"""Haxby et al. 2001: eight categories of objects in twelve runs, as one slice or as the full volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra, unknown
from counterpoint.data._reading import Nan, chosen, dropped, lines_of, number_of, place, whole_voxels
from counterpoint.data._volumes import Grid, masked_series, read_grid, region
from counterpoint.data.brain import BrainDataset, Stimuli

REST = "rest"
CATEGORIES = ("bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe")
WORDS = {"scrambledpix": "scrambled picture"}


def Haxby(
    root: str | Path | None, subject: str | int = 1, *, average: str = "volume", lag: int = 0,
    ids: str = "category", test_run: int | None = None, mask: str | Path = "auto", rois: Sequence[str] | None = None,
    nan: Nan = "refuse", ignore_affine: bool = False, download: bool = False,
) -> BrainDataset:
    """One person of Haxby et al. (Science 2001), single volumes or blocks as trials.

    Stimulus ids are the eight categories in alphabetical order (0 bottle ... 7 shoe), since which pictures were shown
    is not part of the data; a category is therefore in both splits, and the split is by run. Session
    and run are the run number as stored, so that z-scoring by session or by run stays within runs. Responses
    are scanner units as stored (``arbitrary``).

    Parameters
    ----------
    root : path or None
        The slice (``bold.nii.gz``, ``mask.nii.gz``, ``labels.tsv``), a person's folder as nilearn's
        ``fetch_haxby`` lays it out (``bold.nii.gz``, ``labels.txt``, ``mask4_vt.nii.gz``), or a folder with
        ``subj1`` or ``haxby2001/subj1`` in it. With ``download``, where nilearn keeps its data (None: its default).
    subject : str or int
        1 to 6; the slice holds one person.
    average : str
        ``"volume"``: every volume of a block is a trial; ``"block"``: the mean over each block is.
    lag : int
        Volumes by which the haemodynamic response is late: a label is given the volume ``lag`` later in the run;
        labels that would leave the run are dropped. The labels of the slice as distributed fit best at 0.
    ids : str
        ``"category"``: 0 to 7, the same in every run; ``"run"``: one id per category and run, ``8 * run + category``
        with the category as label, for what wants splits without a common id (:class:`counterpoint.brain.Subject`).
    test_run : int, optional
        The run, as numbered in the labels, that is the test split; the last one by default.
    mask : str or path
        A mask file, or its name without ending in the person's folder or the one above (``"mask4_vt"``,
        ``"mask8_face_vt"``, ``"mask"`` for the brain); ``"auto"`` takes ``mask4_vt``, or the slice's ``mask``.
    rois : sequence of str, optional
        Keep only the voxels of these other masks of the folder.
    nan, ignore_affine
        As in :func:`~counterpoint.data.BOLD5000`.
    download : bool
        Let nilearn fetch the person's data (300 MB, checksums compared by nilearn) unless they are there.

    Raises
    ------
    CounterpointError
        For missing files, labels that do not fit the volumes, another grid or affine, or an unknown run.
    """
    number = number_of(subject, most=6, example="subj1")
    folder = _fetch(root, number) if download else _folder(root, number)
    labels = _labels(folder)
    sliced = (folder / "labels.tsv").is_file()
    who = f"Haxby {'slice' if sliced else f'subj{number}'}"
    grid = read_grid(_mask(folder, mask))
    bold = folder / "bold.nii.gz"
    volumes = masked_series(bold, grid, ignore_affine=ignore_affine)
    if len(volumes) != len(labels.condition):
        raise CounterpointError(f"{bold} holds {len(volumes)} volumes, {labels.path} {len(labels.condition)} labels.",
                                "One label per volume was expected.")
    good = whole_voxels(volumes, nan=nan, who=who, where=lambda row, voxel: f"volume {row}, {grid.voxel(voxel)}")
    regions = _regions(folder, grid, ignore_affine=ignore_affine)
    keep = chosen(regions, rois, who=who)
    good_and_kept = good if keep is None else good & keep
    grid = grid.keep(good_and_kept)
    rows, groups = _trials(labels, lag=lag, average=average)
    responses = _grouped(volumes[rows][:, good_and_kept], groups)
    first = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    condition, run = labels.condition[rows - lag][first], labels.run[rows][first]
    classes = _classes(labels.condition)
    category = np.array([classes.index(name) for name in condition])
    numbers, stimuli = _stimuli(category, run, classes, ids=ids)
    kind = "means of blocks" if average == "block" else "single volumes"
    notes = [*dropped(good), f"{kind}, 2.5 s apart, lag of {lag} volumes; the split is by run"]
    return BrainDataset(
        "Haxby 2001", "slice" if sliced else f"subj{number}", responses=responses, stimulus_id=numbers,
        session=run, run=run, trial=_within(run), split=_split(run, test_run), stimuli=stimuli,
        unit="arbitrary", space=grid.space(), coordinates=grid.coordinates(),
        rois={name: values[good_and_kept] for name, values in regions.items()}, licence="CC BY-SA 3.0",
        home="https://doi.org/10.1126/science.1063736", notes=notes,
    )


@dataclass(frozen=True)
class _Labels:
    path: Path
    condition: np.ndarray
    run: np.ndarray


def _folder(root: str | Path | None, number: int) -> Path:
    if root is None:
        raise CounterpointError("No folder of Haxby 2001 was given.", "root=FOLDER or a download was expected.",
                                "Haxby(None, 1, download=True)")
    top = place(root, "The folder of Haxby 2001")
    for found in (top, top / f"subj{number}", top / "haxby2001" / f"subj{number}"):
        if (found / "bold.nii.gz").is_file():
            return found
    raise CounterpointError(f"{top} holds no bold.nii.gz, nor subj{number}/bold.nii.gz.",
                            "The slice or the layout of nilearn's fetch_haxby was expected.", "download=True")


def _fetch(root: str | Path | None, number: int) -> Path:
    try:
        from nilearn.datasets import fetch_haxby
    except ImportError as error:
        raise missing_extra("Fetching Haxby 2001", "nilearn", "fmri") from error
    try:
        found = fetch_haxby(data_dir=None if root is None else str(root), subjects=[number], verbose=0)
    except (OSError, ValueError) as error:
        raise CounterpointError(f"Haxby 2001 could not be fetched: {error}.", "A connection was expected.",
                                "root=FOLDER of files fetched elsewhere") from error
    return Path(found.func[0]).parent


def _labels(folder: Path) -> _Labels:
    path = next((folder / name for name in ("labels.tsv", "labels.txt") if (folder / name).is_file()), None)
    if path is None:
        raise CounterpointError(f"{folder} holds neither labels.tsv nor labels.txt.",
                                "One label per volume was expected.")
    rows = [line.split() for line in lines_of(path)]
    head = rows[0]
    columns = {kind: next((head.index(name) for name in names if name in head), -1)
               for kind, names in {"condition": ("condition", "labels"), "run": ("run", "chunks"),
                                   "volume": ("volume",)}.items()}
    if columns["condition"] < 0 or columns["run"] < 0 or any(len(row) != len(head) for row in rows):
        raise CounterpointError(f"{path} has the columns {', '.join(head)}.",
                                "condition and run (or labels and chunks) were expected in every line.")
    numbers = [row[columns["run"]] for row in rows[1:]]
    order = [row[columns["volume"]] for row in rows[1:]] if columns["volume"] >= 0 else []
    if not all(number.isdigit() for number in numbers) or any(name != str(row) for row, name in enumerate(order)):
        raise CounterpointError(f"{path} is out of order.", "Volumes 0, 1, 2, ... and whole run numbers were expected.")
    run = np.array(numbers, dtype=np.int64)
    if (np.diff(run) < 0).any():
        raise CounterpointError(f"{path}: run {run[1:][np.diff(run) < 0][0]} comes after a later one.",
                                "Runs one after another were expected.")
    return _Labels(path, np.array([row[columns["condition"]] for row in rows[1:]]), run)


def _mask(folder: Path, mask: str | Path) -> Path:
    if isinstance(mask, Path) or "/" in str(mask) or str(mask).endswith((".nii", ".nii.gz")):
        return place(mask, "A mask")
    names = ("mask4_vt", "mask") if mask == "auto" else (str(mask),)
    for path in (where / f"{name}.nii.gz" for name in names for where in (folder, folder.parent)):
        if path.is_file():
            return path
    there = [path.name[:-7] for where in (folder, folder.parent) for path in sorted(where.glob("mask*.nii.gz"))]
    raise unknown(f"mask in {folder}", str(mask), there, f'mask="{next(iter(there), "FILE.nii.gz")}"')


def _regions(folder: Path, grid: Grid, *, ignore_affine: bool) -> dict[str, np.ndarray]:
    paths = [path for path in sorted(folder.glob("mask*_*.nii.gz")) if path != grid.path]
    return {path.name[:-7]: region(path, grid, ignore_affine=ignore_affine) for path in paths}


def _trials(labels: _Labels, *, lag: int, average: str) -> tuple[np.ndarray, np.ndarray]:
    """Volumes to take, and the trial that each belongs to."""
    if average not in ("volume", "block"):
        raise unknown("way to make trials", average, ["volume", "block"], 'average="block"')
    if not 0 <= lag < np.bincount(labels.run).max():
        raise CounterpointError(f"lag is {lag} volumes.", "0 or more, within a run, was expected.", "lag=2")
    condition, run = labels.condition, labels.run
    block = np.cumsum(np.r_[True, (condition[1:] != condition[:-1]) | (run[1:] != run[:-1])])
    shown = np.flatnonzero(condition != REST)
    shown = shown[shown + lag < len(run)]
    shown = shown[run[shown + lag] == run[shown]]
    if not len(shown):
        raise CounterpointError(f"{labels.path} labels no volume but {REST}.", "Categories were expected.")
    return shown + lag, block[shown] if average == "block" else shown


def _grouped(volumes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    if len(starts) == len(groups):
        return np.ascontiguousarray(volumes)
    sizes = np.diff(np.r_[starts, len(groups)])
    return (np.add.reduceat(volumes.astype(np.float64), starts, axis=0) / sizes[:, None]).astype(np.float32)


def _within(run: np.ndarray) -> np.ndarray:
    return np.arange(len(run)) - np.searchsorted(run, run)


def _classes(condition: np.ndarray) -> list[str]:
    found = sorted(set(condition.tolist()) - {REST})
    return list(CATEGORIES) if set(found) <= set(CATEGORIES) else found


def _split(run: np.ndarray, test_run: int | None) -> np.ndarray:
    chosen_run = int(run.max()) if test_run is None else test_run
    if chosen_run not in run:
        raise CounterpointError(f"There is no run {chosen_run}.",
                                f"Runs are {', '.join(map(str, np.unique(run).tolist()))}.",
                                f"test_run={int(run.max())}")
    return np.where(run == chosen_run, "test", "train")


def _stimuli(
    category: np.ndarray, run: np.ndarray, classes: list[str], *, ids: str
) -> tuple[np.ndarray, Stimuli]:
    if ids not in ("category", "run"):
        raise unknown("kind of ids", ids, ["category", "run"], 'ids="category"')
    count = len(classes)
    numbers = category if ids == "category" else count * run + category
    unique = np.arange(count) if ids == "category" else np.unique(numbers)
    labels = unique % count
    names = [classes[row] + (f" in run {number // count}" if ids == "run" else "")
             for row, number in zip(labels.tolist(), unique.tolist(), strict=True)]
    words = [[WORDS.get(classes[row], classes[row])] for row in labels.tolist()]
    return numbers, Stimuli(unique, captions=words, labels=labels, class_names=classes, names=names)
