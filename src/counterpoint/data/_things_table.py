"""THINGS-fMRI as tables: voxels by trials, with one row per trial and per voxel in CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.data._pandas_hdf import HdfTable
from counterpoint.data._reading import Nan, chosen, dropped, place, whole_voxels
from counterpoint.data._volumes import Grid, read_grid
from counterpoint.data.brain import Space

MEMORY = 4 * 2**30
"""Responses that take up to this many bytes are kept in memory."""
NOT_REGIONS = ("voxel_", "subject_id", "nc_", "splithalf", "prf-", "Unnamed")


@dataclass(frozen=True)
class Voxels:
    """One row per voxel: i, j, k, regions, per cent of variance that a model could explain."""

    path: Path
    numbers: np.ndarray
    positions: np.ndarray
    rois: dict[str, np.ndarray]
    ceiling: np.ndarray | None


class ByVoxel:
    """``(trials, voxels)`` of a table that stores voxels by trials and stays on disk."""

    dtype = np.dtype(np.float32)

    def __init__(self, table: HdfTable, *, trials: int, keep: np.ndarray) -> None:
        self.table, self.keep, self.offset = table, keep, table.shape[1] - trials
        self.shape = (trials, int(keep.sum()))

    def parts(self) -> Iterator[tuple[int, np.ndarray]]:
        """First voxel and ``(trials, voxels)`` of one stretch of voxels after another."""
        first = 0
        for start, part in self.table.parts():
            kept = part[self.keep[start : start + len(part)], self.offset :].T
            yield first, kept
            first += kept.shape[1]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        wanted = np.asarray(rows)
        made = np.empty((len(wanted), self.shape[1]), np.float32)
        for first, part in self.parts():
            made[:, first : first + part.shape[1]] = part[wanted]
        return made


def read_trials(folder: Path, number: int) -> list[dict[str, str]]:
    """``sub-01_StimulusMetadata.csv``: trial_type, session, run, trial_id, stimulus, concept."""
    path = place(folder / f"sub-{number:02d}_StimulusMetadata.csv", "The trial table")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    missing = {"trial_type", "session", "run", "stimulus"} - set(rows[0] if rows else ())
    if missing:
        raise CounterpointError(f"{path} has no column {sorted(missing)[0]}.", "The trial table was expected.")
    order = [row.get("trial_id", "") for row in rows]
    wrong = next((at for at, number in enumerate(order) if number and float(number) != at), None)
    if wrong is not None:
        raise CounterpointError(f"{path} is out of order: line {wrong + 2} is trial {order[wrong]}.",
                                "Trials 0, 1, 2, ... in the order of the response columns were expected.")
    return rows


def read_voxels(path: Path, *, ceiling: str) -> Voxels:
    """``sub-01_VoxelMetadata.csv``."""
    try:
        import pandas
    except ImportError as error:
        raise missing_extra(f"Reading {path.name}", "pandas", "fmri") from error
    frame = pandas.read_csv(place(path, "The voxel table"))
    missing = [name for name in ("voxel_id", "voxel_x", "voxel_y", "voxel_z") if name not in frame]
    if missing:
        raise CounterpointError(f"{path} has no column {missing[0]}.", "The voxel table was expected.")
    rois = {}
    for name in frame.columns:
        if not str(name).startswith(NOT_REGIONS) and frame[name].isin([0, 1]).all():
            rois[str(name)] = frame[name].to_numpy() == 1
    values = frame[ceiling].to_numpy(float) if ceiling in frame else None
    return Voxels(path, frame["voxel_id"].to_numpy(np.int64),
                  frame[["voxel_x", "voxel_y", "voxel_z"]].to_numpy(np.int64), rois, values)


def table_parts(
    root: Path, number: int, *, rois: Sequence[str] | None, nan: Nan, ceiling: str
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """What the table form gives to the data set, and its trials."""
    folder, who = folder_of(root), f"THINGS-fMRI sub-{number:02d}"
    rows = read_trials(folder, number)
    voxels = read_voxels(folder / f"sub-{number:02d}_VoxelMetadata.csv", ceiling=ceiling)
    table = HdfTable(folder / f"sub-{number:02d}_ResponseData.h5")
    _check(table, voxels, trials=len(rows))
    keep = chosen(voxels.rois, rois, who=who)
    lazy = ByVoxel(table, trials=len(rows), keep=np.ones(len(voxels.numbers), bool) if keep is None else keep)
    good = _finite(lazy, voxels.numbers[lazy.keep], nan=nan, who=who)
    kept = _within(lazy.keep, good)
    lazy = ByVoxel(table, trials=len(rows), keep=kept)
    responses = lazy[np.arange(len(rows))] if 4 * lazy.shape[0] * lazy.shape[1] <= MEMORY else lazy
    space, coordinates, notes = _space(root, number, voxels)
    notes += [] if table.labels else ["names of the response columns are not read: their order is that of the trials"]
    return {
        "responses": responses,
        "rois": {name: mask[kept] for name, mask in voxels.rois.items()},
        "noise_ceiling": None if voxels.ceiling is None else voxels.ceiling[kept],
        "space": Space("volume", space.shape, voxels_index(voxels, space.shape)[kept], space.affine),
        "coordinates": None if coordinates is None else coordinates[kept], "notes": dropped(good) + notes,
    }, rows


def _finite(lazy: ByVoxel, numbers: np.ndarray, *, nan: Nan, who: str) -> np.ndarray:
    good = np.ones(lazy.shape[1], bool)
    for first, part in lazy.parts():
        finite = np.isfinite(part)
        good[first : first + part.shape[1]] = finite.all(axis=0)
        if nan != "drop" and not finite.all():
            names = numbers[first:]
            whole_voxels(part, nan=nan, who=who,
                         where=lambda row, voxel, names=names: (  # type: ignore[misc]
                             f"trial {row}, voxel_id {names[voxel]} of {lazy.table.path.name}"))
    if not good.any():
        raise CounterpointError(f"{who}: no voxel is finite in every trial.", "Check that the files are whole.")
    return good


def folder_of(root: Path) -> Path:
    """``betas_csv`` below the root, or the root itself."""
    return root / "betas_csv" if (root / "betas_csv").is_dir() else root


def voxels_index(voxels: Voxels, shape: tuple[int, ...]) -> np.ndarray:
    """Flat positions of the rows of a voxel table."""
    return np.ravel_multi_index(tuple(voxels.positions.T), shape)


def mask_file(root: Path, number: int) -> Path:
    """The person's brain mask."""
    name = f"sub-{number:02d}_space-T1w_brainmask.nii.gz"
    return next((path for path in (root / "brainmasks" / name, root.parent / "brainmasks" / name)
                 if path.is_file()), root / "brainmasks" / name)


def match(voxels: Voxels, grid: Grid) -> None:
    """An error unless table and mask hold the same voxels."""
    inside = (voxels.positions >= 0).all(axis=1) & (voxels.positions < grid.shape).all(axis=1)
    if not inside.all():
        row = int(np.flatnonzero(~inside)[0])
        raise CounterpointError(
            f"{voxels.path}: voxel_id {voxels.numbers[row]} lies at {voxels.positions[row].tolist()}, outside the "
            f"grid {grid.shape} of {grid.path}.", "One space was expected.")
    apart = np.setxor1d(voxels_index(voxels, grid.shape), grid.index)
    if len(apart):
        raise CounterpointError(f"{voxels.path} lists {len(voxels.numbers)} voxels, {grid.path} {len(grid.index)}; "
                                f"{len(apart)} are in one of them only.", "The mask of the same person was expected.")


def _space(root: Path, number: int, voxels: Voxels) -> tuple[Space, np.ndarray | None, list[str]]:
    path = mask_file(root, number)
    if not path.is_file():
        shape = tuple(int(most) + 1 for most in voxels.positions.max(axis=0))
        return Space("volume", shape), None, [f"no {path.name}: the grid is cut at the last voxel, without an affine"]
    grid = read_grid(path)
    match(voxels, grid)
    return grid.space(), voxels.positions @ grid.affine[:3, :3].T + grid.affine[:3, 3], []


def _check(table: HdfTable, voxels: Voxels, *, trials: int) -> None:
    count, width = table.shape
    if count == trials and width == len(voxels.numbers) and count != width:
        raise CounterpointError(f"{table.path} holds trials by voxels {table.shape}.",
                                "Voxels by trials, as released, were expected.")
    if count != len(voxels.numbers):
        raise CounterpointError(f"{table.path} has {count} rows, {voxels.path.name} {len(voxels.numbers)} voxels.",
                                "One row per voxel was expected: the files are of different people or releases.")
    if width not in (trials, trials + 1):
        raise CounterpointError(f"{table.path} has {width} columns, the trial table {trials} rows.",
                                "One column per trial was expected: the trial table is misaligned.")
    first = table.first if width == trials else np.concatenate([part[:, 0] for _, part in table.parts()])
    if first is not None and not np.array_equal(first, voxels.numbers):
        raise CounterpointError(f"voxel_id of {table.path} differs from that of {voxels.path.name}.",
                                "The same voxels in the same order were expected.")
    names = [name for name in table.labels or [] if name != "voxel_id"]
    wrong = next((at for at, name in enumerate(names) if name != str(at)), None)
    if wrong is not None:
        raise CounterpointError(f'Column {wrong} of {table.path} is called "{names[wrong]}".',
                                "Columns 0, 1, 2, ... in the order of the trial table were expected.")


def _within(keep: np.ndarray, good: np.ndarray) -> np.ndarray:
    made = keep.copy()
    made[keep] = good
    return made
