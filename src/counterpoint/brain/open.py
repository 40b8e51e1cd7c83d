"""A subject from a path: the layout is named, or recognised by the files that are there."""

from __future__ import annotations

import inspect
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
USUAL: dict[str, dict[str, Any]] = {"haxby": {"ids": "run"}}
"""Options for use as a :class:`Subject`, whose splits share no stimulus, where the reader's default is another."""
SIGNS: dict[str, tuple[str, ...]] = {
    "nsd": ("nsddata_betas", "nsddata"),
    "mindeye2": ("betas_all_subj*_fp32_renorm.hdf5", "betas_all_subj*.hdf5"),
    "algonauts": ("subj*/training_split", "training_split"),
    "bold5000": ("*_GLMbetas-TYP*", "*/*_GLMbetas-TYP*", "BOLD5000_GLMsingle_ROI_betas"),
    "things": ("betas_csv", "betas_vol", "sub-*_ResponseData.h5"),
    "god": ("Subject[0-9].h5", "*/Subject[0-9].h5"),
    "mindeye": ("metadata_subj*.json", "train_subj*_*.tar", "*/train_subj*_*.tar"),
    "brain-diffuser": tuple(f"{folder}nsd_train_fmriavg_nsdgeneral_sub*.npy" for folder in ("", "*/", "*/*/")),
    "cifti": ("*.dtseries.nii", "*/*.dtseries.nii", "*/MNINonLinear"),
    "bids": ("dataset_description.json", "sub-*/func", "sub-*/ses-*/func"),
    "wave": ("CSI[1-4]/train/*.tar", "train/*.tar"),
    "haxby": ("bold.nii.gz", "subj*/bold.nii.gz", "haxby2001*/subj*/bold.nii.gz"),
}
"""Layout -> files or folders that only it has, tried in this order."""


def open_subject(source: str | Path, subject: str | int | None = None, *, preparation: Preparation | None = None,
                 **options: Any) -> Subject:
    """One person of a data set on disk.

    Parameters
    ----------
    source : str or path
        A folder or file, whose layout is recognised, or ``"layout:path"`` with a layout of :data:`READERS`.
    subject : str or int, optional
        Which person, as the data set numbers or names them; the first by default.
    preparation : Preparation, optional
    **options
        For the reader of that layout.

    Raises
    ------
    CounterpointError
        For an unknown layout, a missing path, a folder that is not recognised, or an option that its reader needs
        or does not know.
    """
    return Subject(open_dataset(source, subject, **options), preparation)


def open_dataset(source: str | Path, subject: str | int | None = None, **options: Any) -> BrainDataset:
    """The responses as stored; the parameters are those of :func:`open_subject`."""
    layout, path = _layout_and_path(str(source))
    if layout == "arrays" and Path(path).expanduser().is_dir():
        path, subject = str(_array_file(Path(path).expanduser(), subject)), None
    reader = getattr(layouts, READERS[layout])
    options = {**USUAL.get(layout, {}), **options}
    parameters = list(inspect.signature(reader).parameters.values())
    _check_options(layout, parameters[2:], options)
    who = (subject,) if subject is not None else () if parameters[1].default is not inspect.Parameter.empty else (1,)
    found: BrainDataset = reader(path, *who, **options)
    return found


def _array_file(folder: Path, subject: str | int | None) -> Path:
    """The file of one person in a folder of array files: by its name, or by its place in alphabetical order."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".npz", ".h5", ".hdf5"))
    named = {path.stem: path for path in files}
    wanted = "1" if subject is None else str(subject)
    if wanted in named:
        return named[wanted]
    if wanted.isdigit() and 1 <= int(wanted) <= len(files):
        return files[int(wanted) - 1]
    raise unknown(f"person in {folder}", wanted, named, f"arrays:{folder} with one .npz or .h5 file per person")


def _check_options(layout: str, parameters: list[inspect.Parameter], options: dict[str, Any]) -> None:
    known = {one.name: one for one in parameters}
    for name in options:
        if name not in known:
            raise unknown(f"option of the {layout} reader", name, known, f"{layout}:PATH without it")
    needed = [name for name, one in known.items() if one.default is inspect.Parameter.empty and name not in options]
    if needed:
        raise CounterpointError(f"The {layout} reader needs {', '.join(needed)}.",
                                f"See counterpoint.data.{READERS[layout]}.", f"{needed[0]}=...")


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
