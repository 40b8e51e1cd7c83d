"""Generic Object Decoding (Kamitani lab): five people, 150 training and 50 test categories, and imagery."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._bdata import BData
from counterpoint.data._god_npz import Seen, npz_dataset
from counterpoint.data._reading import (
    Nan,
    dropped,
    number_of,
    one_split,
    picture_files,
    picture_folder,
    place,
    whole_voxels,
)
from counterpoint.data.brain import BrainDataset, Stimuli

SPLITS = {1: "train", 2: "test", 3: "imagery"}
MILLION = 1_000_000
PICTURES = ("images", "stimuli", "training", "test")


def GOD(
    root: str | Path, subject: str | int, *, roi: str = "ROI_VC", images: str | Path | None = None,
    size: int | None = None, nan: Nan = "refuse",
) -> BrainDataset:
    """One person of Generic Object Decoding (Horikawa and Kamitani, Nat. Commun. 2017).

    ``DataType`` 1, 2, 3 become the splits train (1,200 pictures), test (50 pictures, 35 times) and imagery (the 50
    test categories, 10 times, by a word). ``stimulus_id`` is stored as a float, synset number before the point and
    picture number in six digits after it; it is rounded to these digits, and ids are ``synset * 1,000,000 +
    picture``, picture 0 for imagery, whose label is the category alone. Responses are as stored (``arbitrary``);
    scale them by training mean and standard deviation over all sessions, as sessions of the splits differ.

    Parameters
    ----------
    root : path
        Folder with ``Subject1.h5`` (BData), or with ``sbj_1.npz`` (arrays as MinD-Vis keeps them, with
        ``images_256.npz``); or the file.
    subject : str or int
        1 to 5, ``"Subject1"`` or ``"sbj_1"``.
    roi : str
        Key of the voxels: ``ROI_VC``, ``ROI_LVC``, ``ROI_HVC``, ``ROI_V1`` to ``ROI_V4``, ``ROI_LOC``, ``ROI_FFA``,
        ``ROI_PPA``; ``VoxelData`` for all. Counts differ between releases.
    images : path, optional
        Folder of the pictures at any depth (``n01518878_5958.JPEG``), which are given on request only.
    size, nan
        As in :func:`~counterpoint.data.BOLD5000`.

    Raises
    ------
    CounterpointError
        For a file that is no BData, an unknown region, DataType outside 1..3, a picture in two splits, a category
        in both train and test, or voxels that are not finite.
    """
    number = number_of(subject, most=5, example="Subject1")
    top = place(root, "The folder of Generic Object Decoding")
    file = top if top.is_file() else next(
        (path for name in (f"Subject{number}.h5", f"sbj_{number}.npz") for path in (top / name, top / "npz" / name)
         if path.is_file()), None)
    if file is None:
        raise CounterpointError(f"{top} holds neither Subject{number}.h5 nor sbj_{number}.npz.",
                                "The data of figshare 7387130 were expected.")
    if file.suffix == ".npz":
        return npz_dataset(file, number, roi=roi, nan=nan)
    return _bdata(BData(file), number, roi=roi, nan=nan, size=size,
                  folder=picture_folder(file.parent, images, PICTURES))


def _bdata(
    data: BData, number: int, *, roi: str, nan: Nan, size: int | None, folder: Path | None
) -> BrainDataset:
    who = f"GOD subject {number}"
    kind, label = data.label("DataType"), data.label("stimulus_id", "Label")
    if kind is None or label is None:
        raise CounterpointError(f"{data.path} has no column {'DataType' if kind is None else 'stimulus_id'}.",
                                f"Keys of it are {', '.join(data.keys[:8])}.")
    odd = sorted(set(kind.tolist()) - set(SPLITS))
    if odd:
        raise CounterpointError(f"{who}: DataType {odd[0]:g} in row {int(np.flatnonzero(kind == odd[0])[0])}.",
                                "1 (train), 2 (test) or 3 (imagery) was expected.")
    split = np.array([SPLITS[int(value)] for value in kind])
    ids = _stimulus_numbers(label, imagery=split == "imagery", who=who)
    one_split([str(value) for value in ids], split, who=who)
    _apart(ids, split, who=who)
    columns = data.columns(roi)
    if not columns.any():
        raise CounterpointError(f"{who}: {roi} holds no voxel.", "Name another region.", 'roi="ROI_VC"')
    responses = data.read(columns).astype(np.float32)
    places = np.flatnonzero(columns)
    good = whole_voxels(responses, nan=nan, who=who,
                        where=lambda row, voxel: f"row {row}, column {places[voxel]} of {data.path.name}")
    columns[places] = good
    regions = {key: data.columns(key)[columns] for key in data.keys if key.startswith("ROI_")}
    axes = [values[columns] for axis in "xyz" if (values := data.numbers(f"voxel_{axis}")) is not None]
    session, run = (data.label(*keys) for keys in (("Session", "session"), ("Run", "run", "RunNumber")))
    stimuli, notes = _stimuli(ids, folder, size=size, who=who)
    return BrainDataset(
        "Generic Object Decoding", f"Subject{number}", responses=np.ascontiguousarray(responses[:, good]),
        stimulus_id=ids, session=session, run=run, split=split, shared=np.ones(len(ids), bool), stimuli=stimuli,  # type: ignore[arg-type]
        unit="arbitrary", rois={name: mask for name, mask in regions.items() if mask.any()},
        coordinates=np.stack(axes, axis=1) if len(axes) == 3 else None,
        home="https://github.com/KamitaniLab/GenericObjectDecoding", notes=dropped(good) + notes,
    )


def _stimulus_numbers(label: np.ndarray, *, imagery: np.ndarray, who: str = "GOD") -> np.ndarray:
    """Whole numbers ``synset * 1,000,000 + picture`` of labels ``synset.picture`` stored as floats.

    >>> _stimulus_numbers(np.array([1518878.005958, 1518878.0059580001]), imagery=np.array([False, True])).tolist()
    [1518878005958, 1518878000000]
    """
    values = np.asarray(label, dtype=np.float64)
    bad = ~np.isfinite(values) | (values < 1)
    if bad.any():
        raise CounterpointError(f"{who}: the stimulus of row {int(np.flatnonzero(bad)[0])} is {values[bad][0]}.",
                                "A number such as 1518878.005958 was expected.")
    digits = [f"{value:.6f}".partition(".") for value in values]
    return np.array([int(synset) * MILLION + (0 if cue else int(picture))
                     for (synset, _, picture), cue in zip(digits, np.asarray(imagery).tolist(), strict=True)])


def _apart(ids: np.ndarray, split: np.ndarray, *, who: str) -> None:
    both = np.intersect1d(ids[split == "train"] // MILLION, ids[split == "test"] // MILLION)
    if len(both):
        raise CounterpointError(f"{who}: category {both[0]} is in both train and test.",
                                "Disjoint categories were expected: DataType is damaged.")


def _stimuli(ids: np.ndarray, folder: Path | None, *, size: int | None, who: str) -> tuple[Stimuli, list[str]]:
    unique = np.unique(ids)
    synsets, picture = unique // MILLION, unique % MILLION
    classes = np.unique(synsets)
    names = [f"n{synset:08d}_{number}.JPEG" if number else f"n{synset:08d}"
             for synset, number in zip(synsets.tolist(), picture.tolist(), strict=True)]
    files = picture_files([name for name in names if name.endswith("JPEG")], folder, size=size, who=who)
    stimuli = Stimuli(unique, images=None if files is None else Seen(files, picture > 0, who), names=names,
                      labels=np.searchsorted(classes, synsets), class_names=[f"n{name:08d}" for name in classes])
    return stimuli, ["no folder of pictures was found"] if files is None else []
