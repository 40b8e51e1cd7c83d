"""Generic Object Decoding as arrays in the form of MinD-Vis, and pictures that only some trials have."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data._reading import Nan, dropped, place, whole_voxels
from counterpoint.data.brain import BrainDataset, Stimuli

ARRAYS = ("arr_0", "arr_1", "arr_2", "arr_3")


class Seen:
    """Pictures of the stimuli that were seen; imagery by a word has none, and asking for it is an error."""

    dtype = np.dtype(np.uint8)

    def __init__(self, pictures: Any, seen: np.ndarray, who: str) -> None:
        self.pictures, self.seen, self.who = pictures, seen, who
        self.row = np.cumsum(seen) - 1
        self.shape = (len(seen), *pictures.shape[1:])

    def __len__(self) -> int:
        return len(self.seen)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        wanted = np.asarray(rows)
        if not self.seen[wanted].all():
            raise CounterpointError(f"{self.who}: imagery trials show no picture.",
                                    "Ids of the train or test split were expected.")
        return np.asarray(self.pictures[self.row[wanted]])


def npz_dataset(file: Path, number: int, *, roi: str, nan: Nan) -> BrainDataset:
    """``sbj_1.npz``: arr_0 train, arr_1 test trials, arr_2 their means per picture, arr_3 picture of each train row.

    Train pictures have the ids 0..1199 (rows of ``train_images``), test pictures follow. The order of the test
    trials is not stored: it is taken to be the one whose means are ``arr_2``; where neither order of a full design
    gives them, the means stand for the trials.
    """
    who, name = f"GOD subject {number}", roi.removeprefix("ROI_")
    (train, trials, means, shown), masks = _arrays(file)
    if name not in masks:
        raise unknown(f"region of {file.name}", name, masks, f'roi="{next(iter(masks), "VC")}"')
    pictures, total = _pictures(file.parent / "images_256.npz", len(means), int(shown.max()) + 1)
    order, notes = _order(trials, means)
    test = means if order is None else trials
    responses = np.concatenate([train, test])[:, masks[name]].astype(np.float32)
    where = "row {} (train before test), column {} of {} in {}"
    good = whole_voxels(responses, nan=nan, who=who,
                        where=lambda row, voxel: where.format(row, voxel, name, file.name))
    ids = np.r_[shown.astype(np.int64), total + (np.arange(len(means)) if order is None else order)]
    inside = masks[name]
    return BrainDataset(
        "Generic Object Decoding", f"sbj_{number}", responses=np.ascontiguousarray(responses[:, good]), stimulus_id=ids,
        split=np.r_[np.full(len(train), "train"), np.full(len(test), "test")], shared=np.ones(len(ids), bool),
        stimuli=None if pictures is None else Stimuli(np.arange(len(pictures)), images=pictures),
        rois={key: mask[inside][good] for key, mask in masks.items() if mask[inside][good].any()},
        home="https://github.com/KamitaniLab/GenericObjectDecoding",
        notes=dropped(good) + notes + ([] if pictures is not None else ["images_256.npz was not found"]),
    )


def _arrays(file: Path) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    masks = _read(file)
    missing = [name for name in ARRAYS if name not in masks]
    if missing:
        raise CounterpointError(f"{file} has no {missing[0]}.", "arr_0 to arr_3 and masks of regions were expected.")
    found = [masks.pop(name) for name in ARRAYS]
    train, trials, means, shown = found
    if len(shown) != len(train) or not train.shape[1:] == trials.shape[1:] == means.shape[1:]:
        raise CounterpointError(
            f"{file}: {train.shape}, {trials.shape} and {means.shape} responses, {len(shown)} pictures.",
            "One picture per train row and the same voxels were expected.")
    return found, {name: mask.astype(bool) for name, mask in masks.items() if mask.shape == train.shape[1:]}


def _read(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(place(file, "Arrays"), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CounterpointError(f"{file} could not be read: {error}.",
                                "Plain arrays written by numpy.savez were expected.") from error


def _pictures(file: Path, tests: int, least: int) -> tuple[np.ndarray | None, int]:
    """``(n, 3, height, width)`` train pictures before test pictures, and how many train pictures there are."""
    if not file.is_file():
        return None, least
    arrays = _read(file)
    if not {"train_images", "test_images"} <= set(arrays):
        raise CounterpointError(f"{file} holds {', '.join(arrays)}.", "train_images and test_images were expected.")
    train, test = arrays["train_images"], arrays["test_images"]
    if len(train) < least or len(test) != tests:
        raise CounterpointError(f"{file} holds {len(train)} train and {len(test)} test pictures.",
                                f"At least {least} and {tests} were expected: the file is shorter than the ids.")
    return np.ascontiguousarray(np.concatenate([train, test]).transpose(0, 3, 1, 2)).astype(np.uint8), len(train)


def _order(trials: np.ndarray, means: np.ndarray) -> tuple[np.ndarray | None, list[str]]:
    pictures, left = len(means), len(trials) % len(means)
    if not left:
        repeats = len(trials) // pictures
        for order in (np.repeat(np.arange(pictures), repeats), np.tile(np.arange(pictures), repeats)):
            rows = np.argsort(order, kind="stable").reshape(pictures, repeats)
            if np.allclose(trials[rows].mean(axis=1), means, rtol=1e-3, atol=1e-4, equal_nan=True):
                return order, []
    return None, ["the order of the test trials is not stored and not that of a full design: test rows are means"]
