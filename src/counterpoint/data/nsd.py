"""The Natural Scenes Dataset as its authors distribute it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data._nsd_files import NSDFiles, Place, Voxels
from counterpoint.data._nsd_repack import Packed, Stored, repack, session_shape
from counterpoint.data._reading import number_of, place
from counterpoint.data._rows import HDF5Pictures
from counterpoint.data.brain import BrainDataset, Picked, Stimuli, Unit
from counterpoint.data.nsd_design import INFORMATION, NSDDesign, read_nsd_design, read_nsd_information

PICTURES = "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
PEOPLE = 8


def NSD(root: str | Path, subject: int | str, *, version: str = "betas_fithrf_GLMdenoise_RR",
        space: Place = "func1pt8mm", mask: str | None = "nsdgeneral", sessions: Iterable[int] | None = None,
        cache: str | Path | None = None, captions: str | Path | None = None) -> BrainDataset:
    """One person of the Natural Scenes Dataset.

    Trial ``t`` of person ``s`` showed ``subjectim[s, masterordering[t] - 1] - 1``, counted from 0. Pictures that
    all people saw are the test split. The first opening sends every session once through the mask into one file
    in the cache (about 0.95 GB of int16 for 40 sessions of 15,724 voxels); later ones read rows of that.

    Parameters
    ----------
    root : path
        The folder that holds ``nsddata``, ``nsddata_betas`` and, for pictures, ``nsddata_stimuli``.
    subject : int or str
        1 to 8, or ``"subj01"``.
    version : str
        Folder of the betas: ``betas_assumehrf``, ``betas_fithrf`` or ``betas_fithrf_GLMdenoise_RR``.
    space : "func1pt8mm", "func1mm" or "fsaverage"
        Volumes (HDF5 ``(trial, z, y, x)``, else NIfTI ``(x, y, z, trial)``; integers, 300 to the per cent) or
        surface (mgh per hemisphere, per cent; vertices that are NaN in any trial are left out).
    mask : str or None
        Name of a mask of the data set or path to a NIfTI mask, above zero inside; None for the brain mask, or all
        vertices.
    sessions : iterable of int, optional
        All that are there by default.
    cache : path, optional
        Folder of the masked betas; ``nsd`` in the cache folder by default.
    captions : path, optional
        Folder with ``captions_train2017.json`` and ``captions_val2017.json`` of COCO.

    Returns
    -------
    BrainDataset
        ``unit`` is "int16/300" for integers and "percent" for floating-point betas.

    Raises
    ------
    CounterpointError
        Naming the file: nothing there, a mask on another grid or with another affine, sessions of unequal length,
        design files that contradict each other.
    """
    files = _files(root, subject, version=version, space=space)
    chosen = _chosen(files, sessions)
    voxels = files.voxels(mask)
    stored = _uniform(files, voxels, chosen)
    design = read_nsd_design(files.root, files.subject, trials_per_session=stored.trials, sessions=max(chosen))
    packed = repack(files, voxels, mask=mask, sessions=chosen, stored=stored, cache=cache)
    rows = np.flatnonzero(np.isin(design.session, chosen))
    return _assembled(files, voxels, design=design, rows=rows, packed=packed, mask=mask, captions=captions)


def _files(root: str | Path, subject: int | str, *, version: str, space: str) -> NSDFiles:
    if space not in ("func1pt8mm", "func1mm", "fsaverage"):
        raise unknown("space of NSD", space, ["func1pt8mm", "func1mm", "fsaverage"], 'space="func1pt8mm"')
    folder = place(root, "The folder with nsddata and nsddata_betas")
    return NSDFiles(folder, number_of(subject, most=PEOPLE, example="subj01"), version, space)  # type: ignore[arg-type]


def _chosen(files: NSDFiles, sessions: Iterable[int] | None) -> list[int]:
    if sessions is None:
        return list(files.sessions)
    wanted = sorted({int(session) for session in sessions})
    missing = [session for session in wanted if session not in files.sessions]
    if missing or not wanted:
        raise CounterpointError(f"{files.betas} has no session {', '.join(map(str, missing)) or 'asked for'}.",
                                f"There are {', '.join(map(str, files.sessions))}.")
    return wanted


def _uniform(files: NSDFiles, voxels: Voxels, sessions: list[int]) -> Stored:
    found = {session: session_shape(files.sessions[session], voxels) for session in sessions}
    first = found[sessions[0]]
    for session, one in found.items():
        if one != first:
            raise CounterpointError(
                f"{files.sessions[session][0]} holds {one.trials} trials of {one.dtype}, session {sessions[0]} "
                f"{first.trials} of {first.dtype}.", "Sessions of the same length and type were expected.")
    return first


def _assembled(files: NSDFiles, voxels: Voxels, *, design: NSDDesign, rows: np.ndarray, packed: Packed,
               mask: str | None, captions: str | Path | None) -> BrainDataset:
    good = ~packed.nan
    keep = None if good.all() else np.flatnonzero(good)
    responses = packed.responses if keep is None else Picked(packed.responses, np.arange(len(rows)), keep)
    picked = slice(None) if keep is None else keep
    ncsnr = files.values("ncsnr", voxels)
    shared, ids = design.trials.shared[rows], design.trials.nsd_id[rows]
    unit: Unit = "int16/300" if np.issubdtype(responses.dtype, np.integer) else "percent"
    space = voxels.space
    assert space.index is not None
    notes = [f"trials from {', '.join(design.sources)}", f"betas {files.version}, mask {mask}",
             f"unit from the stored type {responses.dtype}", f"masked betas in {packed.responses.path}"]
    if keep is not None:
        notes.append(f"{np.count_nonzero(~good)} of {len(good)} vertices are NaN in some trial and were left out")
    stimuli, more = _stimuli(files.root, np.unique(ids), captions)
    return BrainDataset(
        "NSD", files.who, responses, ids, session=design.session[rows], run=design.run[rows],
        trial=design.trial[rows], split=np.where(shared, "test", "train"), shared=shared, stimuli=stimuli, unit=unit,
        space=type(space)(space.kind, space.shape, space.index[picked], space.affine),
        coordinates=None if voxels.grid is None else voxels.grid.coordinates()[picked],
        rois={name: values[picked] for name, values in files.regions(voxels).items()},
        ncsnr=None if ncsnr is None else np.asarray(ncsnr, np.float64)[picked],
        licence="NSD Terms and Conditions (signed access form)", home="https://naturalscenesdataset.org",
        notes=notes + more)


def _stimuli(root: Path, ids: np.ndarray, captions: str | Path | None) -> tuple[Stimuli, list[str]]:
    path, notes = root / PICTURES, []
    images = HDF5Pictures(path, "imgBrick", ids) if path.is_file() else None
    if images is None:
        notes.append(f"no pictures: {PICTURES} is not there")
    texts = None if captions is None else _captions(root, ids, place(captions, "A folder of COCO captions"))
    return Stimuli(ids, images=images, captions=texts, names=[f"nsd-{number:05d}" for number in ids]), notes


def _captions(root: Path, ids: np.ndarray, folder: Path) -> list[list[str]]:
    table = read_nsd_information(place(root / INFORMATION, "The table of COCO numbers"), ["cocoId"])
    texts: dict[int, list[str]] = {}
    paths = [path for split in ("train", "val") for path in sorted(folder.glob(f"captions_{split}*.json"))]
    for path in paths:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        for entry in content["annotations"]:
            texts.setdefault(int(entry["image_id"]), []).append(str(entry["caption"]).strip())
    found = [texts.get(int(number), []) for number in table.loc[ids, "cocoId"]]
    if missing := [int(number) for number, captions in zip(ids, found, strict=True) if not captions]:
        raise CounterpointError(f"{len(missing)} pictures have no caption below {folder}, first nsdId {missing[0]}.",
                                "captions_train2017.json and captions_val2017.json of COCO were expected.")
    return found
