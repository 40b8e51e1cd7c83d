"""The ``.npy`` form of NSD that Brain-Diffuser prepares: means over repeats, in the betas' integer scale.

Layout (ozcelikfu/brain-diffuser): ``nsd_{train,test}_fmriavg_nsdgeneral_sub1.npy``, and the same with
``stim`` and ``cap``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._subject_number import numbered_subject
from counterpoint.data._volumes import read_grid
from counterpoint.data.brain import BrainDataset, Space, Stimuli
from counterpoint.data.npy_rows import NpyRows
from counterpoint.data.stored_rows import StoredImages

_PROBED = 64
_SMALLEST = 20.0
"""Mean size of stored numbers below which they can hardly be percent times 300."""


def BrainDiffuser(root: str | Path, subject: str | int, *, mask: str | Path | None = None) -> BrainDataset:
    """One subject of NSD as Brain-Diffuser (and STTM) store it, read when asked for.

    A row is the mean over the showings of one picture, so each picture has one trial. The files do not say
    which of the 73,000 pictures it is, so ids are row numbers: training pictures first, then test pictures.

    Parameters
    ----------
    root : str or Path
        The folder with the files, or one that holds ``subj01`` or ``processed_data/subj01``.
    subject : str or int
        ``"subj01"`` or 1.
    mask : str or Path, optional
        ``nsdgeneral.nii.gz`` of this subject, for the positions of the voxels.

    Returns
    -------
    BrainDataset
        Unit "int16/300": percent signal change is the stored number divided by 300. Captions kept as Python
        objects are not read; a note says so.

    Raises
    ------
    CounterpointError
        For missing, damaged or pickled responses, voxel counts that differ, or a mask of another size.
    """
    number = numbered_subject(subject)
    folder = _folder(Path(root).expanduser(), number)
    notes: list[str] = ["ids are row numbers; responses are means over the showings of a picture."]
    responses = NpyRows([folder / _name(split, "fmriavg_nsdgeneral", number) for split in ("train", "test")])
    if len(responses.shape) != 2 or responses.dtype.kind not in "fiu":
        raise CounterpointError(
            f"{responses.paths[0]} is {responses.dtype} of shape {responses.shape}.",
            "Numbers of shape (pictures, voxels) were expected.",
        )
    size = float(np.abs(responses[np.arange(min(_PROBED, len(responses)))]).mean()) if len(responses) else 0.0
    if size < _SMALLEST:
        notes.append(f"numbers of mean size {size:.3g} are small for percent x 300: divided already?")
    split = np.repeat(["train", "test"], np.diff(responses.starts))
    return BrainDataset(
        name="NSD (Brain-Diffuser)",
        subject=f"subj{number:02d}",
        responses=responses,
        stimulus_id=np.arange(len(responses)),
        split=split,
        shared=split == "test",
        stimuli=_stimuli(folder, number, responses, notes),
        unit="int16/300",
        space=_space(mask, responses.shape[1]) if mask is not None else Space(),
        licence="NSD terms of use",
        home="https://naturalscenesdataset.org",
        notes=notes,
    )


def _name(split: str, kind: str, number: int) -> str:
    return f"nsd_{split}_{kind}_sub{number}.npy"


def _folder(root: Path, number: int) -> Path:
    who, wanted = f"subj{number:02d}", _name("train", "fmriavg_nsdgeneral", number)
    places = [root, root / who, root / "processed_data" / who, root / "data" / "processed_data" / who]
    for place in places:
        if (place / wanted).is_file():
            return place
    raise CounterpointError(
        f"{root} holds no {wanted}.", f"{who} and processed_data/{who} in it were searched too."
    )


def _stimuli(folder: Path, number: int, responses: NpyRows, notes: list[str]) -> Stimuli:
    counts = np.diff(responses.starts).tolist()
    paths = [folder / _name(split, "stim", number) for split in ("train", "test")]
    images = None
    if all(path.is_file() for path in paths):
        stored = NpyRows(paths)
        _check_counts(stored, counts)
        images = StoredImages(stored, str(folder), whole_floats=True)
    else:
        notes.append(
            f"no pictures: {', '.join(path.name for path in paths if not path.is_file())} not found."
        )
    return Stimuli(
        np.arange(len(responses)), images=images, captions=_captions(folder, number, counts, notes)
    )


def _captions(folder: Path, number: int, counts: list[int], notes: list[str]) -> list[list[str]] | None:
    paths = [folder / _name(split, "cap", number) for split in ("train", "test")]
    if not all(path.is_file() for path in paths):
        return None
    try:
        stored = NpyRows(paths)
    except CounterpointError as error:
        if "pickled" not in str(error):
            raise
        notes.append(f"captions were left out: {error.given} {error.expected}")
        return None
    _check_counts(stored, counts)
    if stored.dtype.kind not in "US" or len(stored.shape) != 2:
        raise CounterpointError(
            f"{paths[0]} is {stored.dtype} of shape {stored.shape}.",
            "Text of shape (pictures, 5) was expected.",
        )
    rows = stored[np.arange(len(stored))].astype(np.str_).tolist()
    return [[text.strip() for text in row if text.strip()] for row in rows]


def _check_counts(stored: NpyRows, counts: list[int]) -> None:
    for path, found, wanted in zip(stored.paths, np.diff(stored.starts).tolist(), counts, strict=True):
        if found != wanted:
            raise CounterpointError(
                f"{path} has {found} rows for {wanted} responses.", "One each was expected."
            )


def _space(mask: str | Path, voxels: int) -> Space:
    grid = read_grid(Path(mask))
    if len(grid.index) != voxels:
        raise CounterpointError(
            f"{mask} has {len(grid.index)} voxels, the responses have {voxels}.",
            "The nsdgeneral mask of the same subject was expected.",
        )
    return Space("volume", grid.shape, grid.index, grid.affine)
