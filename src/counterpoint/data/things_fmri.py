"""THINGS-fMRI: three people, 8,640 pictures of 720 things once and 100 pictures twelve times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data._reading import Nan, number_of, one_split, picture_files, picture_folder, place
from counterpoint.data._things_table import table_parts
from counterpoint.data._things_volume import volume_parts
from counterpoint.data.brain import BrainDataset, Stimuli

PICTURES = ("images", "object_images", "stimuli", "THINGS/Images")


def ThingsFMRI(
    root: str | Path, subject: str | int, *, form: str = "table", rois: Sequence[str] | None = None,
    ceiling: str = "nc_testset", images: str | Path | None = None, size: int | None = None,
    nan: Nan = "refuse", ignore_affine: bool = False,
) -> BrainDataset:
    """One person of THINGS-fMRI (Hebart et al., eLife 2023).

    Responses are in arbitrary units (a model of z-scored time series): z-score within sessions. Splits are the
    ``trial_type`` of the trial table; captions are the names of the things. Ids are positions in the sorted list of
    picture names, the same for the three people.

    Parameters
    ----------
    root : path
        Folder with ``betas_csv`` (``sub-01_ResponseData.h5``, ``sub-01_StimulusMetadata.csv``,
        ``sub-01_VoxelMetadata.csv``), or those files themselves; for volumes
        ``betas_vol/sub-01/ses-things01/sub-01_ses-things01_run-01_betas.nii.gz`` and ``_conditions.tsv``; masks in
        ``brainmasks``.
    subject : str or int
        1 to 3, or ``"sub-01"``.
    form : str
        ``"table"`` (voxels by trials, turned; catch trials are not in it) or ``"volume"`` (catch trials are taken
        out). The HDF5 file is read without pandas, which would unpickle labels; a table above 4 GiB stays on disk,
        where every access passes over all of it, so name ``rois``.
    rois : sequence of str, optional
        Keep only voxels of these regions, as the voxel table calls them (``"V1"``, ``"lFFA"``, ``"glasser-FFC"``).
    ceiling : str
        Column of noise ceilings, per cent: ``"nc_testset"`` (means of twelve showings) or ``"nc_singletrial"``.
    images : path, optional
        Folder of the pictures at any depth (``dog_12s.jpg``); by default ``images`` and the like below ``root``.
    size, nan, ignore_affine
        As in :func:`~counterpoint.data.BOLD5000`.

    Raises
    ------
    CounterpointError
        For tables that do not fit each other, a missing session or run, voxels that are not finite, another grid
        or affine than the mask's, numbers that are stored as pickles, or pictures that are not there.
    """
    top = place(root, "The folder of THINGS-fMRI")
    number = number_of(subject, most=3, example="sub-01")
    who = f"THINGS-fMRI sub-{number:02d}"
    if form == "table":
        parts, rows = table_parts(top, number, rois=rois, nan=nan, ceiling=ceiling)
    elif form == "volume":
        parts, rows = volume_parts(top, number, rois=rois, nan=nan, ceiling=ceiling, ignore_affine=ignore_affine)
    else:
        raise unknown("form of THINGS-fMRI", form, ["table", "volume"], 'form="table"')
    names = [row["stimulus"] for row in rows]
    split = np.array([row["trial_type"] for row in rows])
    odd = sorted(set(split.tolist()) - {"train", "test"})
    if odd:
        raise CounterpointError(f'{who}: a trial is marked "{odd[0]}".', "train or test was expected of every trial.")
    one_split(names, split, who=who)
    notes = parts.pop("notes")
    stimuli = _stimuli(top, rows, images, size=size, who=who)
    if stimuli.images is None:
        notes.append("no folder of pictures was found")
    session, run = (np.array([int(float(row[key])) for row in rows]) for key in ("session", "run"))
    new = np.r_[True, (session[1:] != session[:-1]) | (run[1:] != run[:-1])]
    within = np.arange(len(rows)) - np.flatnonzero(new)[np.cumsum(new) - 1]
    number_of_name = {name: row for row, name in enumerate(stimuli.names)}
    return BrainDataset(
        "THINGS-fMRI", f"sub-{number:02d}", stimulus_id=np.array([number_of_name[name] for name in names]),
        session=session, run=run, trial=within, split=split, shared=np.ones(len(rows), bool), stimuli=stimuli,
        unit="arbitrary", home="https://things-initiative.org", notes=notes, **parts,
    )


def _stimuli(
    top: Path, rows: list[dict[str, str]], images: str | Path | None, *, size: int | None, who: str
) -> Stimuli:
    thing = {row["stimulus"]: row.get("concept") or row["stimulus"].rpartition("_")[0] for row in rows}
    names = sorted(thing)
    classes = sorted(set(thing.values()))
    labels = np.array([classes.index(thing[name]) for name in names])
    pictures = picture_files(names, picture_folder(top, images, PICTURES), size=size, who=who)
    return Stimuli(np.arange(len(names)), images=pictures, labels=labels, class_names=classes, names=names,
                   captions=[[thing[name].replace("_", " ")] for name in names])
