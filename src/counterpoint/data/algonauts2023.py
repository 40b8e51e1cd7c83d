"""The Algonauts Project 2023 challenge: NSD on the surface, z-scored per session and averaged over repeats."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data._beside import Beside
from counterpoint.data._reading import (
    Nan,
    chosen,
    dropped,
    files_of,
    number_of,
    one_split,
    place,
    plain_array,
    whole_voxels,
)
from counterpoint.data.brain import BrainDataset, Space, Stimuli

SPLITS = {"training": "train", "test": "test"}
SIDES = {"left": "lh", "right": "rh"}
VERTICES = 163_842
MAPPINGS = {
    "prf-visualrois": ("V1v", "V1d", "V2v", "V2d", "V3v", "V3d", "hV4"),
    "floc-bodies": ("EBA", "FBA-1", "FBA-2", "mTL-bodies"),
    "floc-faces": ("OFA", "FFA-1", "FFA-2", "mTL-faces", "aTL-faces"),
    "floc-places": ("OPA", "PPA", "RSC"),
    "floc-words": ("OWFA", "VWFA-1", "VWFA-2", "mfs-words", "mTL-words"),
    "streams": ("early", "midventral", "midlateral", "midparietal", "ventral", "lateral", "parietal"),
}
"""Names of the values 1, 2, ... of each class of masks; 0 is none of them."""


def Algonauts2023(
    root: str | Path, subject: str | int, *, hemisphere: str = "both", rois: Sequence[str] | None = None,
    size: int | None = None, nan: Nan = "refuse",
) -> BrainDataset:
    """One person of the Algonauts 2023 challenge (Gifford et al., 2023; NSD, Allen et al., Nat. Neurosci. 2022).

    One row per picture: betas b3, z-scored per session over all trials and averaged over repeats by the organisers,
    so ``unit`` is ``"z"`` and nothing should be z-scored again per split. Stimulus ids are NSD ids, 0-based, from the
    names of the picture files (``train-0001_nsd-00013.png``: row + 1, then the id). Responses stay on disk.

    Parameters
    ----------
    root : path
        Folder with ``subj01``, or that folder: ``training_split/training_fmri/lh_training_fmri.npy`` (pictures,
        vertices), ``training_split/training_images``, ``roi_masks``; where the prepared set holds them also
        ``test_split/test_fmri/lh_test_fmri.npy``, ``test_split/test_images`` and ``test_split/noise_ceiling``.
    subject : str or int
        1 to 8, or ``"subj01"``.
    hemisphere : str
        ``"left"``, ``"right"``, or ``"both"``: left before right.
    rois : sequence of str, optional
        Keep only vertices of these regions (``"V1v"``, ``"FFA-1"``, ``"ventral"``) or classes of regions
        (``"floc-faces"``).
    size : int, optional
        Side of the pictures; the shorter side of the first one (425) otherwise.
    nan : str
        ``"refuse"`` a vertex that is not finite in every row, or ``"drop"`` it.

    Notes
    -----
    ``mapping_*.npy`` are pickled dictionaries and are not opened; the names are a table of this module. Masks in
    challenge space are used; ``all-vertices_fsaverage_space`` places vertices on fsaverage (2 x 163,842, left first).
    Noise ceilings are stored as fractions and given per cent.

    Raises
    ------
    CounterpointError
        For hemispheres, pictures or masks that do not fit each other, a mask value without a name, or vertices
        that are not finite.
    """
    number = number_of(subject, most=8, example="subj01")
    top = place(root, "The folder of Algonauts 2023")
    home = top / f"subj{number:02d}" if (top / f"subj{number:02d}").is_dir() else top
    who = f"Algonauts 2023 subj{number:02d}"
    if hemisphere not in (*SIDES, "both"):
        raise unknown("hemisphere", hemisphere, [*SIDES, "both"], 'hemisphere="both"')
    sides = list(SIDES.values()) if hemisphere == "both" else [SIDES[hemisphere]]
    responses, splits = _responses(home, sides)
    pictures = [(name, *row) for name, block in zip(splits, responses.blocks, strict=True)
                for row in _pictures(home, name, count=len(block[0]))]
    ids = np.array([row[1] for row in pictures])
    split = np.array([SPLITS[row[0]] for row in pictures])
    one_split([str(number) for number in ids], split, who=who)
    stimuli = Stimuli(ids, images=files_of([row[2] for row in pictures], size=size),
                      names=[row[2].name for row in pictures])
    masks, widths = home / "roi_masks", np.diff(responses.widths).tolist()
    regions = _regions(masks, sides, widths)
    keep = chosen(regions, rois, who=who)
    good = _finite(responses, keep, nan=nan, who=who)
    kept = np.flatnonzero(good if keep is None else good & keep)
    ceiling = _ceiling(home / "test_split" / "noise_ceiling", sides, widths)
    index = _vertices(masks, sides, widths)
    notes = dropped(good if keep is None else good[keep])
    notes += [] if len(splits) > 1 else ["responses to the test pictures are not in this folder: all rows are train"]
    return BrainDataset(
        "Algonauts 2023", f"subj{number:02d}", responses=responses.columns(kept), stimulus_id=ids,
        split=split, stimuli=stimuli, unit="z",
        space=Space() if index is None else Space("fsaverage", (2 * VERTICES,), index[kept]),
        rois={name: mask[kept] for name, mask in regions.items()},
        noise_ceiling=None if ceiling is None else ceiling[kept], licence="terms of the Natural Scenes Dataset",
        home="http://algonauts.csail.mit.edu/challenge.html", notes=notes,
    )


def _responses(home: Path, sides: list[str]) -> tuple[Beside, list[str]]:
    """Responses of the splits that are there, and their names on disk."""
    splits = ["training"] + (["test"] if (home / "test_split" / "test_fmri").is_dir() else [])
    names = [[f"{side}_{name}_fmri.npy" for side in sides] for name in splits]
    arrays = [[plain_array(home / f"{split}_split" / f"{split}_fmri" / name, dimensions=2, lazily=True) for name in row]
              for split, row in zip(splits, names, strict=True)]
    return Beside(arrays, names=names), splits


def _pictures(home: Path, split: str, *, count: int) -> list[tuple[int, Path]]:
    """NSD id and file of each row."""
    folder = place(home / f"{split}_split" / f"{split}_images", "The pictures of the split")
    found: dict[int, tuple[int, Path]] = {}
    for path in sorted(folder.iterdir()):
        match = re.fullmatch(r"(?:train|test)-(\d+)_nsd-(\d+)\.(?:png|jpg|jpeg)", path.name)
        if match:
            if int(match[1]) in found:
                raise CounterpointError(f"{folder} has two pictures of row {int(match[1])}.", "One was expected.")
            found[int(match[1])] = (int(match[2]), path)
    missing = sorted(set(range(1, count + 1)) - set(found))
    if missing or len(found) != count:
        what = f"none with the number {missing[0]:04d}" if missing else f"one with the number {max(found):04d}"
        raise CounterpointError(f"{folder} holds {len(found)} pictures for {count} rows of responses, and {what}.",
                                "One picture per row, numbered from 1, was expected.")
    return [found[row] for row in range(1, count + 1)]


def _regions(folder: Path, sides: list[str], widths: list[int]) -> dict[str, np.ndarray]:
    regions: dict[str, np.ndarray] = {}
    for kind, names in MAPPINGS.items():
        paths = [folder / f"{side}.{kind}_challenge_space.npy" for side in sides]
        if not any(path.is_file() for path in paths):
            continue
        values = np.concatenate([_mask(path, width) for path, width in zip(paths, widths, strict=True)])
        odd = np.setdiff1d(values, np.arange(len(names) + 1))
        if len(odd):
            raise CounterpointError(f"{folder}/*.{kind}_challenge_space.npy has the value {odd[0]:g}.",
                                    f"0 to {len(names)} was expected: {', '.join(names)}.")
        regions |= {name: values == row + 1 for row, name in enumerate(names)}
        regions[kind] = values > 0
    return {name: mask for name, mask in regions.items() if mask.any()}


def _mask(path: Path, width: int) -> np.ndarray:
    values = plain_array(path, dimensions=1)
    if len(values) != width:
        raise CounterpointError(f"{path} has {len(values)} vertices, the responses {width}.",
                                "Masks in the challenge space of the same person were expected.")
    return values


def _vertices(folder: Path, sides: list[str], widths: list[int]) -> np.ndarray | None:
    paths = [folder / f"{side}.all-vertices_fsaverage_space.npy" for side in sides]
    if not any(path.is_file() for path in paths):
        return None
    index = []
    for side, path, width in zip(sides, paths, widths, strict=True):
        flags = plain_array(path, dimensions=1)
        here = np.flatnonzero(flags)
        if len(flags) != VERTICES or len(here) != width:
            raise CounterpointError(f"{path} marks {len(here)} of {len(flags)} vertices, the responses have {width}.",
                                    f"{VERTICES} flags, one set per vertex of the responses, were expected.")
        index.append(here + (VERTICES if side == "rh" else 0))
    return np.concatenate(index)


def _ceiling(folder: Path, sides: list[str], widths: list[int]) -> np.ndarray | None:
    paths = [folder / f"{side}_noise_ceiling.npy" for side in sides]
    if not any(path.is_file() for path in paths):
        return None
    values = np.concatenate([_mask(path, width) for path, width in zip(paths, widths, strict=True)])
    known = values[np.isfinite(values)]
    if known.size and (known.min() < 0 or known.max() > 1):
        raise CounterpointError(f"{folder} holds noise ceilings {known.min():g}..{known.max():g}.",
                                "Fractions of variance, 0 to 1, were expected.")
    return 100 * values.astype(np.float64)


def _finite(responses: Beside, keep: np.ndarray | None, *, nan: Nan, who: str) -> np.ndarray:
    good = np.ones(responses.shape[1], bool)
    columns = np.arange(len(good)) if keep is None else np.flatnonzero(keep)
    for start in range(0, len(responses), 1024):
        part = responses[np.arange(start, min(start + 1024, len(responses)))]
        good[columns] &= whole_voxels(part[:, columns], nan=nan, who=who, where=_where(responses, start, columns))
    return good


def _where(responses: Beside, first: int, columns: np.ndarray) -> Callable[[int, int], str]:
    return lambda row, voxel: responses.place(first + row, int(columns[voxel]))
