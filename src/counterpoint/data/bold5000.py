"""BOLD5000, release 2 (GLMsingle): four people, pictures from COCO, ImageNet and scenes, as volumes or regions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data import _bold5000_trials as trial_table
from counterpoint.data._reading import (
    Nan,
    below,
    chosen,
    consecutive,
    dropped,
    number_of,
    picture_files,
    picture_folder,
    place,
    plain_array,
    whole_voxels,
)
from counterpoint.data._volumes import Grid, read_grid, region, stacked_series, volumes_in
from counterpoint.data.brain import BrainDataset, Space, Stimuli

REGIONS = ("EarlyVis", "LOC", "OPA", "PPA", "RSC")
MISSPELT = {"LO": "LOC", "RRSC": "RSC"}
"""Names of some released mask files of CSI2 and CSI3."""
PICTURES = ("BOLD5000_Stimuli/Scene_Stimuli/Presented_Stimuli", "Scene_Stimuli/Presented_Stimuli",
            "Presented_Stimuli", "images")


def BOLD5000(
    root: str | Path, subject: str | int, *, betas: str = "TYPED-FITHRF-GLMDENOISE-RR",
    rois: Sequence[str] | None = None, form: str = "auto", images: str | Path | None = None,
    size: int | None = None, nan: Nan = "refuse", ignore_affine: bool = False,
) -> BrainDataset:
    """One person of BOLD5000 (Chang et al., Sci. Data 2019), release 2.

    Responses are percent signal change as stored. Pictures shown more than once (113, the list
    ``repeated_stimuli_113_list.txt``) are the test split, all other pictures the train split; the prefix
    ``rep_`` of repeated showings is taken off before names are matched. Ids are positions in the sorted list of
    names of every person whose names are below ``root``, so they agree between the people of one folder.

    Parameters
    ----------
    root : path
        Folder with, at any depth, ``CSI1_GLMbetas-TYPED-FITHRF-GLMDENOISE-RR_ses-01.nii.gz`` (x, y, z, trial) and
        so on, ``CSI1_brainmask.nii.gz`` and ``CSI1_imgnames.txt``; or the regions
        ``CSI1_GLMbetas-..._allses_LHEarlyVis.npy`` (trials, voxels) with ``CSI1_imgnames.txt`` or the folder
        ``Stimuli_Presentation_Lists/CSI1``.
    subject : str or int
        ``"CSI1"`` or 1, to 4.
    betas : str
        Version of the responses, as in the file names (upstream spells one of them TYPEB as TYBEB).
    rois : sequence of str, optional
        Keep only these regions: ``"EarlyVis"`` (both hemispheres) or ``"LHEarlyVis"``. Volumes need the masks
        ``sub-CSI1_mask-LHEarlyVis.nii.gz`` of the first release for it.
    form : str
        ``"volume"``, ``"roi"`` or ``"auto"``: volumes where there are any.
    images : path, optional
        Folder of the pictures; by default ``BOLD5000_Stimuli/Scene_Stimuli/Presented_Stimuli`` below ``root``.
    size : int, optional
        Side of the pictures; the shorter side of the first one otherwise.
    nan : str
        ``"refuse"`` a voxel that is not finite in every trial, or ``"drop"`` it.
    ignore_affine : bool
        Take session files and masks as lying on one grid whatever their headers say.

    Raises
    ------
    CounterpointError
        For a missing session, a trial table that does not fit, voxels that are not finite, another grid or
        affine than the mask's, or pictures that are not there.
    """
    top = place(root, "The folder of BOLD5000")
    person = f"CSI{number_of(subject, most=4, example='CSI1')}"
    who = f"BOLD5000 {person}"
    sessions = _betas(top, person, f"{betas}_ses-*.nii*")
    arrays = _betas(top, person, f"{betas}_allses_*.npy")
    kind = {"auto": "volume" if sessions or not arrays else "roi"}.get(form, form)
    if kind not in ("volume", "roi"):
        raise unknown("form of BOLD5000", form, ["auto", "volume", "roi"], 'form="auto"')
    if not (sessions if kind == "volume" else arrays):
        raise _nothing(top, person, betas, kind)
    if kind == "volume":
        parts, trials = _volume_parts(top, person, sessions, rois=rois, nan=nan, ignore_affine=ignore_affine)
    else:
        parts, trials = _region_parts(top, person, arrays, rois=rois, nan=nan)
    split, split_notes = trial_table.split_of(top, trials.names)
    stimuli, ids = _stimuli(top, trials.names, images, size=size, who=who)
    notes = parts.pop("notes") + trials.notes + split_notes
    if stimuli.images is None:
        notes.append("no folder of pictures was found")
    return BrainDataset(
        "BOLD5000", person, stimulus_id=ids, session=trials.session, run=trials.run, trial=trials.trial,
        split=split, shared=split == "test", stimuli=stimuli, unit="percent", licence="CC0",
        home="https://bold5000-dataset.github.io", notes=notes, **parts,
    )


def _betas(top: Path, person: str, pattern: str) -> list[Path]:
    return below(top, f"{person}_GLMbetas-{pattern}")


def _nothing(top: Path, person: str, betas: str, kind: str) -> CounterpointError:
    wanted = f"{person}_GLMbetas-{betas}_" + ("ses-01.nii.gz" if kind == "volume" else "allses_LHEarlyVis.npy")
    there = {match[1] for path in below(top, f"{person}_GLMbetas-*")
             if (match := re.match(rf"{person}_GLMbetas-(.+)_(?:ses-|allses_)", path.name))}
    hint = f'betas="{min(there)}"' if there - {betas} else ""
    return CounterpointError(f"{top} holds no {wanted}.", "Release 2 of BOLD5000 was expected.", hint)


def _volume_parts(
    top: Path, person: str, files: list[Path], *, rois: Sequence[str] | None, nan: Nan, ignore_affine: bool
) -> tuple[dict[str, Any], trial_table.Trials]:
    who = f"BOLD5000 {person}"
    numbers = [int(re.findall(r"_ses-(\d+)", path.name)[-1]) for path in files]
    if len(set(numbers)) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise CounterpointError(f"{who}: session {twice} is there twice below {top}.", "Give the folder of one copy.")
    consecutive(numbers, what="session", where=who)
    counts = [volumes_in(path) for path in files]
    trials = trial_table.of_sessions(trial_table.image_names(top, person), numbers, counts, who=who)
    masks = below(top, f"{person}_brainmask.nii*")
    if not masks:
        raise CounterpointError(f"{top} holds no {person}_brainmask.nii.gz.", "The brain mask was expected.")
    grid = read_grid(masks[0])
    regions = _masks(top, person, grid, ignore_affine=ignore_affine)
    keep = chosen(regions, rois, who=who)
    if keep is not None:
        grid, regions = grid.keep(keep), {name: mask[keep] for name, mask in regions.items()}
    responses = stacked_series(files, counts, grid, ignore_affine=ignore_affine)

    def where(row: int, voxel: int) -> str:
        name = files[numbers.index(int(trials.session[row]))].name
        return f"trial {row + 1} ({trials.names[row]}, {name}), {grid.voxel(voxel)}"

    good = whole_voxels(responses, nan=nan, who=who, where=where)
    if not good.all():
        responses, grid = np.ascontiguousarray(responses[:, good]), grid.keep(good)
        regions = {name: mask[good] for name, mask in regions.items()}
    return {"responses": responses, "space": grid.space(), "coordinates": grid.coordinates(), "rois": regions,
            "notes": dropped(good)}, trials


def _masks(top: Path, person: str, grid: Grid, *, ignore_affine: bool) -> dict[str, np.ndarray]:
    found = {}
    for path in below(top, f"*{person}_mask-*.nii*"):
        match = re.search(r"_mask-(LH|RH)([A-Za-z]+)\.nii", path.name)
        if match:
            found[match[1] + MISSPELT.get(match[2], match[2])] = region(path, grid, ignore_affine=ignore_affine)
    return _both_sides(found)


def _both_sides(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    whole = {}
    for name in dict.fromkeys(key[2:] for key in found):
        whole[name] = np.logical_or.reduce([mask for key, mask in found.items() if key[2:] == name])
    return {**whole, **found}


def _region_parts(
    top: Path, person: str, files: list[Path], *, rois: Sequence[str] | None, nan: Nan
) -> tuple[dict[str, Any], trial_table.Trials]:
    who = f"BOLD5000 {person}"
    named = {path.stem.rpartition("_")[2]: path for path in files}
    order = [side + name for name in REGIONS for side in ("LH", "RH") if side + name in named]
    order += [name for name in named if name not in order]
    arrays = {name: plain_array(named[name], dimensions=2) for name in order}
    trials = trial_table.of_lists(top, person, who=who)
    for name, values in arrays.items():
        if len(values) != len(trials.names):
            raise CounterpointError(f"{named[name]} has {len(values)} rows, the trial table {len(trials.names)}.",
                                    "One row per trial was expected: a session is missing in one of them.")
    owner = np.repeat(np.arange(len(order)), [arrays[name].shape[1] for name in order])
    regions = _both_sides({name: owner == place_ for place_, name in enumerate(order)})
    responses = np.concatenate([arrays[name] for name in order], axis=1).astype(np.float32, copy=False)
    keep = chosen(regions, rois, who=who)
    columns = np.arange(len(owner)) if keep is None else np.flatnonzero(keep)
    responses = responses[:, columns] if keep is not None else responses

    def where(row: int, voxel: int) -> str:
        name = order[owner[columns[voxel]]]
        inside = int(np.count_nonzero(owner[: columns[voxel]] == owner[columns[voxel]]))
        return f"trial {row + 1} ({trials.names[row]}), {name} column {inside}"

    good = whole_voxels(responses, nan=nan, who=who, where=where)
    return {"responses": np.ascontiguousarray(responses[:, good]), "space": Space(),
            "rois": {name: mask[columns][good] for name, mask in regions.items()}, "notes": dropped(good)}, trials


def _stimuli(
    top: Path, names: list[str], images: str | Path | None, *, size: int | None, who: str
) -> tuple[Stimuli, np.ndarray]:
    everyone = sorted(set(names).union(*trial_table.names_of_all(top)))
    number = {name: row for row, name in enumerate(everyone)}
    own = sorted(set(names))
    pictures = picture_files(own, picture_folder(top, images, PICTURES), size=size, who=who)
    return (Stimuli(np.array([number[name] for name in own]), images=pictures, names=own),
            np.array([number[name] for name in names]))
