"""The form of NSD that MindEye2 published: betas of all trials in one file, and the trial table in tar files.

Layout (MedARC-AI/MindEyeV2): ``betas_all_subj01_fp32_renorm.hdf5``, ``coco_images_224_float16.hdf5``,
``wds/subj01/train/{0..39}.tar`` and ``wds/subj01/new_test/0.tar``, in which every sample has a ``behav.npy``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._reading import natural, number_of, place
from counterpoint.data._rows import HDF5Pictures, HDF5Rows
from counterpoint.data.brain import BrainDataset, Picked, Stimuli
from counterpoint.data.tar_members import Member, TarRows, npy_layout, tar_samples

PICTURES = "coco_images_224_float16.hdf5"
COLUMNS = {"stimulus": 0, "subject": 1, "session": 2, "run": 3, "trial": 4, "row": 5, "shared": 16}
"""Columns of ``behav.npy`` (1, 17) that are read; -1 stands for a missing value."""
_WIDTH, _LARGEST = 17, 1 << 16


def MindEye2(root: str | Path, subject: int | str, *, test: str = "new_test",
             images: str | Path | None = None) -> BrainDataset:
    """One person of NSD as MindEye2 prepared it: z-scored betas of the ``nsdgeneral`` mask.

    Pictures are numbered from 0 (column 0 of ``behav.npy``), rows of the betas are column 5.

    Parameters
    ----------
    root : path
        The folder with the betas and ``wds``.
    subject : int or str
        1 to 8, or ``"subj01"``.
    test : str
        Folder of the test trials: ``"new_test"`` (3000 trials for subjects 1, 2, 5 and 7), or ``"test"`` of the
        first release, which lacks three sessions.
    images : path, optional
        The picture file; ``coco_images_224_float16.hdf5`` of ``root`` by default, if it is there.

    Returns
    -------
    BrainDataset
        ``unit`` "z"; trials in the order of the betas.

    Raises
    ------
    CounterpointError
        Naming the file: betas or tars missing, a trial listed twice or beyond the betas, trials of another person,
        shared pictures among the training trials.
    """
    folder = place(root, "The folder with betas_all_subj01_fp32_renorm.hdf5 and wds")
    number = number_of(subject, most=8, example="subj01")
    betas = HDF5Rows(_betas(folder, number), "betas")
    parts = {split: _behaviour(folder / "wds" / f"subj{number:02d}" / name)
             for split, name in (("train", "train"), ("test", test))}
    split = np.repeat(list(parts), [len(table) for table in parts.values()])
    table = np.concatenate(list(parts.values()))
    order = np.argsort(table[:, COLUMNS["row"]], kind="stable")
    table, split = table[order], split[order]
    _check(betas, table, split)
    rows = table[:, COLUMNS["row"]]
    whole = np.array_equal(rows, np.arange(len(betas)))
    stimulus = table[:, COLUMNS["stimulus"]]
    return BrainDataset(
        "MindEye2", f"subj{number:02d}", betas if whole else Picked(betas, rows, None), stimulus,
        session=table[:, COLUMNS["session"]], run=table[:, COLUMNS["run"]], trial=table[:, COLUMNS["trial"]],
        split=split, shared=table[:, COLUMNS["shared"]] == 1, stimuli=_stimuli(folder, images, np.unique(stimulus)),
        unit="z", licence="NSD Terms and Conditions (signed access form)",
        home="https://huggingface.co/datasets/pscotti/mindeyev2",
        notes=[f"betas from {betas.path.name}, z-scored per session by their authors",
               f"test trials from {test}; {len(betas) - len(rows)} rows of the betas are in neither split"])


def _betas(folder: Path, number: int) -> Path:
    names = [f"betas_all_subj{number:02d}_fp32{ending}.hdf5" for ending in ("_renorm", "")]
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        there = ", ".join(sorted(path.name for path in folder.glob("betas_all_*.hdf5"))) or "no betas_all_*.hdf5"
        raise CounterpointError(f"{folder / names[0]} does not exist.", f"There is {there}.")
    return found[0]


def _behaviour(folder: Path) -> np.ndarray:
    """``(trials, 17)`` int64 of every sample in the tars of a folder; missing values are -1."""
    paths = sorted(folder.glob("*.tar"), key=natural)
    if not paths:
        raise CounterpointError(f"{folder} holds no tar files.", "One per session (0.tar, 1.tar ...) was expected.",
                                'test="test" for the first release' if folder.name == "new_test" else "")
    members: list[Member] = []
    file: list[int] = []
    for number, path in enumerate(paths):
        samples = tar_samples(path, endings={"behav.npy": _LARGEST})
        members += [sample["behav.npy"] for sample in samples.values()]
        file += [number] * len(samples)
    if not members:
        raise CounterpointError(f"{folder}: no sample of {len(paths)} tar files has a behav.npy.")
    shape, dtype, start = npy_layout(members[0])
    odd = next((one for one in members if one.size != members[0].size), None)
    if odd is not None or int(np.prod(shape)) != _WIDTH:
        raise CounterpointError(f"{odd or members[0]} is not like the others, or not of shape (1, {_WIDTH}).",
                                f"{_WIDTH} numbers per trial were expected.")
    offset = np.array([one.offset for one in members]) + start - members[0].offset
    stored = TarRows(paths, np.array(file), offset=offset, dtype=dtype, row_shape=(_WIDTH,))[np.arange(len(members))]
    return np.rint(np.nan_to_num(stored.astype(np.float64), nan=-1)).astype(np.int64)


def _check(betas: HDF5Rows, table: np.ndarray, split: np.ndarray) -> None:
    rows, people = table[:, COLUMNS["row"]], np.unique(table[:, COLUMNS["subject"]])
    twice = rows[1:][np.diff(rows) == 0]
    if len(twice):
        raise CounterpointError(f"Row {twice[0]} of {betas.path.name} belongs to two trials ({len(twice)} such rows).",
                                "Every trial once was expected: are old and new test trials mixed?", 'test="new_test"')
    if len(rows) and not 0 <= rows[0] <= rows[-1] < len(betas):
        raise CounterpointError(f"The trial table has rows {rows[0]} to {rows[-1]}, {betas.path} {len(betas)}.",
                                "Rows count from 0; betas and tars belong to different releases.")
    if len(people) > 1:
        raise CounterpointError(f"The tar files hold trials of subjects {', '.join(map(str, people))}.",
                                "One person's trials were expected.")
    wrong = np.flatnonzero((table[:, COLUMNS["shared"]] == 1) & (split == "train"))
    if len(wrong):
        raise CounterpointError(f"{len(wrong)} training trials show shared pictures, the first in row {rows[wrong[0]]} "
                                f"(picture {table[wrong[0], COLUMNS['stimulus']]}).",
                                "Shared pictures are the test pictures: they would leak.")


def _stimuli(folder: Path, given: str | Path | None, ids: np.ndarray) -> Stimuli:
    path = folder / PICTURES if given is None else place(given, "The picture file")
    images = HDF5Pictures(path, "images", ids) if path.is_file() else None
    return Stimuli(ids, images=images, names=[f"nsd-{number:05d}" for number in ids])
