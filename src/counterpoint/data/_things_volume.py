"""THINGS-fMRI as volumes: one file per run, catch trials taken out through the tables of conditions."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._reading import Nan, below, chosen, consecutive, dropped, place, whole_voxels
from counterpoint.data._things_table import folder_of, mask_file, match, read_trials, read_voxels, voxels_index
from counterpoint.data._volumes import Grid, masked_series, read_grid

CATCH = re.compile(r"catch\d*\.\w+")
"""Pictures of catch trials, which lie in no folder of a thing."""


def volume_parts(
    root: Path, number: int, *, rois: Sequence[str] | None, nan: Nan, ceiling: str, ignore_affine: bool
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """What the volume form gives to the data set, and its trials."""
    person = f"sub-{number:02d}"
    who = f"THINGS-fMRI {person}"
    runs = _runs(root, person, who=who)
    grid = read_grid(place(mask_file(root, number), "The brain mask"))
    table = folder_of(root) / f"{person}_VoxelMetadata.csv"
    regions, limit = _described(table, grid, ceiling=ceiling)
    keep = chosen(regions, rois, who=who)
    keep = np.ones(len(grid.index), bool) if keep is None else keep
    picked = grid.keep(keep)
    parts, rows = _read(runs, picked, ignore_affine=ignore_affine)
    notes = _mark(rows, root, number, who=who)
    responses = np.concatenate(parts)

    def where(row: int, voxel: int) -> str:
        return f"session {rows[row]['session']} run {rows[row]['run']} ({rows[row]['stimulus']}), {picked.voxel(voxel)}"

    good = whole_voxels(responses, nan=nan, who=who, where=where)
    keep[keep] = good
    picked = picked.keep(good)
    return {
        "responses": np.ascontiguousarray(responses[:, good], dtype=np.float32), "space": picked.space(),
        "coordinates": picked.coordinates(), "rois": {name: mask[keep] for name, mask in regions.items()},
        "noise_ceiling": None if limit is None else limit[keep], "notes": dropped(good) + notes,
    }, rows


def _described(table: Path, grid: Grid, *, ceiling: str) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Regions and noise ceilings of the voxel table, where there is one, in the order of the mask."""
    if not table.is_file():
        return {}, None
    voxels = read_voxels(table, ceiling=ceiling)
    match(voxels, grid)
    order = np.argsort(voxels_index(voxels, grid.shape))
    return ({name: mask[order] for name, mask in voxels.rois.items()},
            None if voxels.ceiling is None else voxels.ceiling[order])


def _read(
    runs: list[tuple[int, int, Path]], grid: Grid, *, ignore_affine: bool
) -> tuple[list[np.ndarray], list[dict[str, str]]]:
    """Responses and trials of every run, without catch trials."""
    parts: list[np.ndarray] = []
    rows: list[dict[str, str]] = []
    for session, run, path in runs:
        names = _conditions(path)
        shown = np.array([not CATCH.fullmatch(name) for name in names], bool)
        values = masked_series(path, grid, ignore_affine=ignore_affine)
        if len(values) != len(names):
            raise CounterpointError(f"{path} holds {len(values)} trials, its table of conditions {len(names)}.",
                                    "One line per trial, catch trials among them, was expected.")
        parts.append(values[shown])
        rows += [{"session": str(session), "run": str(run), "stimulus": file.name, "concept": file.parent.name}
                 for file, real in zip(map(Path, names), shown.tolist(), strict=True) if real]
    return parts, rows


def _runs(root: Path, person: str, *, who: str) -> list[tuple[int, int, Path]]:
    found = []
    for path in below(root, f"{person}_ses-things*_run-*_betas.nii*"):
        ids = re.search(r"_ses-things(\d+)_run-(\d+)_betas", path.name)
        if ids:
            found.append((int(ids[1]), int(ids[2]), path))
    if not found:
        raise CounterpointError(f"{root} holds no {person}_ses-things01_run-01_betas.nii.gz.",
                                "The volumes of THINGS-fMRI were expected.", 'form="table"')
    sessions = sorted({session for session, _, _ in found})
    consecutive(sessions, what="session", where=who)
    runs = {session: sorted(run for other, run, _ in found if other == session) for session in sessions}
    most = max(len(numbers) for numbers in runs.values())
    for session, numbers in runs.items():
        if numbers != list(range(1, most + 1)):
            raise CounterpointError(f"{who}: session {session} has the runs {', '.join(map(str, numbers))}.",
                                    f"Runs 1 to {most}, each once, were expected as in the other sessions.")
    return sorted(found)


def _conditions(path: Path) -> list[str]:
    table = path.with_name(re.sub(r"_betas\.nii(\.gz)?$", "_conditions.tsv", path.name))
    with place(table, "The conditions of the run").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    if not rows or "image_filename" not in rows[0]:
        raise CounterpointError(f"{table} has no column image_filename.", "One picture name per trial was expected.")
    return [row["image_filename"] for row in rows]


def _mark(rows: list[dict[str, str]], root: Path, number: int, *, who: str) -> list[str]:
    """Mark each trial train or test: as the trial table says, else by how often its picture was shown."""
    table = folder_of(root) / f"sub-{number:02d}_StimulusMetadata.csv"
    if table.is_file():
        listed = read_trials(folder_of(root), number)
        shown = [row["stimulus"] for row in rows]
        if [row["stimulus"] for row in listed] != shown:
            first = next((at for at, (a, b) in enumerate(zip(listed, shown, strict=False)) if a["stimulus"] != b),
                         min(len(listed), len(shown)))
            raise CounterpointError(f"{who}: {table.name} ({len(listed)} trials) and the conditions of the runs "
                                    f"({len(shown)} without catch trials) differ from trial {first} on.",
                                    "The same pictures in the same order were expected.")
        for row, other in zip(rows, listed, strict=True):
            row["trial_type"] = other["trial_type"]
        return []
    counts = Counter(row["stimulus"] for row in rows)
    for row in rows:
        row["trial_type"] = "test" if counts[row["stimulus"]] > 1 else "train"
    return [f"no {table.name}: pictures shown more than once are the test split"]
