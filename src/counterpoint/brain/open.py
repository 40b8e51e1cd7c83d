"""A subject from a path: the layout is named, or recognised by the files that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import counterpoint.data as layouts
from counterpoint.brain.preparation import Preparation
from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.brain import BrainDataset

READERS = {
    "nsd": "NSD", "mindeye2": "MindEye2", "algonauts": "Algonauts2023", "bold5000": "BOLD5000",
    "things": "ThingsFMRI", "god": "GOD", "mindeye": "MindEyeTars", "brain-diffuser": "BrainDiffuser",
    "wave": "WaveTars", "haxby": "Haxby", "cifti": "Cifti", "bids": "BIDSDerivatives", "arrays": "ArrayFile",
}
"""Layout -> reader in :mod:`counterpoint.data`."""
ALSO = {"array": "arrays", "algonauts2023": "algonauts", "brain_diffuser": "brain-diffuser"}
SIGNS: dict[str, tuple[str, ...]] = {
    "nsd": ("nsddata_betas", "nsddata"),
    "mindeye2": ("betas_all_subj*_fp32_renorm.hdf5", "betas_all_subj*.hdf5"),
    "algonauts": ("subj*/training_split", "training_split"),
    "bold5000": ("*_GLMbetas-TYP*", "*/*_GLMbetas-TYP*", "BOLD5000_GLMsingle_ROI_betas"),
    "things": ("betas_csv", "betas_vol", "sub-*_ResponseData.h5"),
    "god": ("Subject[0-9].h5", "*/Subject[0-9].h5"),
    "mindeye": ("metadata_subj*.json", "train_subj*_*.tar", "*/train_subj*_*.tar"),
    "brain-diffuser": ("nsd_train_fmriavg_nsdgeneral_sub*.npy", "*/nsd_train_fmriavg_nsdgeneral_sub*.npy"),
    "cifti": ("*.dtseries.nii", "*/*.dtseries.nii", "*/MNINonLinear"),
    "bids": ("dataset_description.json", "sub-*/func", "sub-*/ses-*/func"),
    "wave": ("*.tar",),
    "haxby": ("subj*/bold.nii*", "labels.txt", "haxby2001*"),
}
"""Layout -> files or folders that only it has, tried in this order."""


def open_subject(source: str | Path, subject: str | int = 1, *, preparation: Preparation | None = None,
                 **options: Any) -> Subject:
    """One person of a data set on disk.

    Parameters
    ----------
    source : str or path
        A folder or file, whose layout is recognised, or ``"layout:path"`` with a layout of :data:`READERS`.
    subject : str or int
        Which person, as the data set numbers or names them.
    preparation : Preparation, optional
    **options
        For the reader of that layout.

    Raises
    ------
    CounterpointError
        For an unknown layout, a missing path, or a folder that is not recognised.
    """
    return Subject(open_dataset(source, subject, **options), preparation)


def open_dataset(source: str | Path, subject: str | int | None = None, **options: Any) -> BrainDataset:
    """The responses as stored; the parameters are those of :func:`open_subject`, None for the first person."""
    layout, path = _layout_and_path(str(source))
    found: BrainDataset = getattr(layouts, READERS[layout])(path, 1 if subject is None else subject, **options)
    return found


def recognise_layout(path: str | Path) -> str:
    """The layout of a folder or file, by what it holds."""
    place = Path(path).expanduser()
    if not place.exists():
        raise CounterpointError(f"{place} does not exist.", "A folder or file of brain responses was expected.")
    if place.is_file():
        if place.name.endswith((".nii", ".nii.gz")):
            return "cifti" if ".dtseries." in place.name or ".dscalar." in place.name else "bids"
        return "god" if place.name.startswith("Subject") and place.suffix == ".h5" else "arrays"
    for layout, signs in SIGNS.items():
        if any(next(place.glob(sign), None) is not None for sign in signs):
            return layout
    if any(next(place.glob(f"*{ending}"), None) is not None for ending in (".npy", ".npz", ".h5", ".hdf5", ".mat")):
        return "arrays"
    raise CounterpointError(f"{place} was not recognised as a data set of brain responses.",
                            f"Name its layout: one of {', '.join(READERS)}.", f"--data.source nsd:{place}")


def _layout_and_path(source: str) -> tuple[str, str]:
    layout, colon, path = source.partition(":")
    if not colon or len(layout) == 1:  # a drive letter is no layout
        return recognise_layout(source), source
    layout = ALSO.get(layout.lower(), layout.lower())
    if layout not in READERS:
        if Path(source).exists():
            return recognise_layout(source), source
        raise unknown("layout", layout, READERS, f"--data.source nsd:{path}")
    return layout, path
