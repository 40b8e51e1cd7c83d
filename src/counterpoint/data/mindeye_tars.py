"""The webdataset form of NSD that MindEye published: a sample is a picture and its (up to three) responses.

Layout (MedARC-AI/fMRI-reconstruction-NSD): ``train/train_subj01_{0..17}.tar``, ``val/val_subj01_0.tar``,
``test/test_subj01_{0..1}.tar`` and ``metadata_subj01.json``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json
from counterpoint.data._subject_number import numbered_subject
from counterpoint.data.brain import BrainDataset, Stimuli
from counterpoint.data.decode import Files
from counterpoint.data.tar_members import Member, TarRows, npy_layout, read_npy, tar_samples

VOXELS = "nsdgeneral.npy"
_SPLITS = ("train", "val", "test")
_SESSION = 750
_ENDINGS = {
    "jpg": 1 << 26,
    "png": 1 << 26,
    VOXELS: 1 << 26,
    "num_uniques.npy": 1 << 12,
    "coco73k.npy": 1 << 12,
    "trial.npy": 1 << 12,
}


@dataclass
class _Trials:
    """What is gathered while the tars are listed: one entry per true repeat, and one per picture."""

    paths: list[Path] = field(default_factory=list)
    file: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    stimulus: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    split: list[str] = field(default_factory=list)
    picture: dict[int, Member] = field(default_factory=dict)
    where: dict[int, str] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SPLITS, 0))
    tiled: int = 0
    form: tuple[tuple[int, ...], Any] | None = None

    def rows(self) -> TarRows:
        assert self.form is not None
        shape, dtype = self.form
        file, offset = np.array(self.file), np.array(self.offset)
        return TarRows(self.paths, file, offset=offset, dtype=dtype, row_shape=shape)


def MindEyeTars(
    root: str | Path, subject: str | int, *, size: int | None = None, partial: bool = False
) -> BrainDataset:
    """One subject of MindEye's NSD shards; responses and pictures stay in the tars until asked for.

    A sample holds ``(3, voxels)`` single-trial responses in which missing repeats are tiled; only the
    ``num_uniques`` true ones become trials. The 300 validation pictures join the training ones.

    Parameters
    ----------
    root : str or Path
        The folder with the shards, in ``train``, ``val`` and ``test`` or directly.
    subject : str or int
        ``"subj01"`` or 1.
    size : int, optional
        Side of the pictures; as stored (256) by default.
    partial : bool
        Accept fewer shards than ``metadata_subj01.json`` counts.

    Returns
    -------
    BrainDataset
        Unit "z" (z-scored by the publishers), ids of the 73,000 pictures (0-based), split "train" or "test".
        Sessions are known where ``trial.npy`` gives one number (0-based, 750 per session) for every repeat.

    Raises
    ------
    CounterpointError
        For missing or damaged shards, members that lead out of the tar, counts that differ from the metadata,
        a picture in two samples, or repeats that do not match ``num_uniques``.
    """
    root, number = Path(root).expanduser(), numbered_subject(subject)
    who = f"subj{number:02d}"
    found = _Trials()
    for split in _SPLITS:
        for path in _shards(root, split, who):
            _read_shard(found, path, split)
    if not found.offset:
        raise CounterpointError(
            f"{root} holds no shards of {who}.", f"Files such as train_{who}_0.tar were expected."
        )
    notes = _compare(root, who, found.count, partial)
    if found.tiled:
        notes.append(f"{found.tiled} tiled copies of repeats were left out.")
    if found.count["val"]:
        notes.append(f"{found.count['val']} validation pictures are part of train.")
    session, within = _sessions(np.array(found.number), notes)
    split_names = np.array(found.split)
    return BrainDataset(
        name="NSD (MindEye)",
        subject=who,
        responses=found.rows(),
        stimulus_id=np.array(found.stimulus),
        session=session,
        trial=within,
        split=split_names,
        shared=split_names == "test",
        stimuli=_stimuli(found.picture, size),
        unit="z",
        licence="NSD terms of use",
        home="https://naturalscenesdataset.org",
        notes=notes,
    )


def _shards(root: Path, split: str, who: str) -> list[Path]:
    pattern = re.compile(rf"{split}_{who}_(\d+)\.tar")
    found = {int(match[1]): path for path in root.rglob("*.tar") if (match := pattern.fullmatch(path.name))}
    missing = sorted(set(range(max(found, default=-1) + 1)) - set(found))
    if missing:
        raise CounterpointError(
            f"{root} lacks {split}_{who}_{missing[0]}.tar of {max(found) + 1} {split} shards.",
            "All shards up to the last were expected.",
        )
    return [found[number] for number in sorted(found)]


def _read_shard(found: _Trials, path: Path, split: str) -> None:
    found.paths.append(path)
    for name, sample in tar_samples(path, endings=_ENDINGS).items():
        lacking = [key for key in (VOXELS, "num_uniques.npy", "coco73k.npy") if key not in sample]
        picture = sample.get("jpg") or sample.get("png")
        if lacking or picture is None:
            raise CounterpointError(
                f"Sample {name} of {path} lacks {', '.join(lacking) or 'a .jpg or .png'}.",
                "jpg or png, nsdgeneral.npy, num_uniques.npy and coco73k.npy were expected.",
            )
        identity = _number(sample["coco73k.npy"], 0, 72_999)
        if identity in found.where:
            raise CounterpointError(
                f"Picture {identity} is in {found.where[identity]} and in {path}:{name}.",
                "One sample per picture was expected; a picture in two splits would leak.",
            )
        found.where[identity], found.picture[identity] = f"{path}:{name}", picture
        found.count[split] += 1
        _add_repeats(found, sample, identity, "test" if split == "test" else "train")


def _add_repeats(found: _Trials, sample: dict[str, Member], identity: int, split: str) -> None:
    member = sample[VOXELS]
    shape, dtype, start = npy_layout(member)
    form = (shape[1:], dtype)
    if len(shape) != 2 or dtype.kind != "f" or form != (found.form or form):
        raise CounterpointError(
            f"{member} is {dtype} of shape {shape}.",
            f"Floats of shape (repeats, {found.form[0][0] if found.form else 'voxels'}) were expected.",
        )
    found.form = form
    count = _number(sample["num_uniques.npy"], 1, shape[0])
    rows = list(range(shape[0])) if count == shape[0] else _distinct(member)
    if len(rows) != count:
        raise CounterpointError(
            f"{member} holds {len(rows)} different responses, num_uniques.npy says {count}."
        )
    numbers = read_npy(sample["trial.npy"]).ravel() if "trial.npy" in sample else np.zeros(0)
    for row in rows:
        found.file.append(len(found.paths) - 1)
        found.offset.append(start + row * shape[1] * dtype.itemsize)
        found.stimulus.append(identity)
        found.split.append(split)
        found.number.append(int(numbers[row]) if len(numbers) == shape[0] else -1)
    found.tiled += shape[0] - count


def _distinct(member: Member) -> list[int]:
    values = read_npy(member)
    return [
        row
        for row in range(len(values))
        if not any(np.array_equal(values[row], early) for early in values[:row])
    ]


def _number(member: Member, low: int, high: int) -> int:
    values = read_npy(member).ravel()
    if not len(values) or (values != values[0]).any() or not low <= values[0] <= high:
        raise CounterpointError(
            f"{member} holds {values[:4].tolist()}.", f"One of {low}..{high} was expected."
        )
    return int(values[0])


def _sessions(number: np.ndarray, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    known = (number >= 0).all() and number.max() < 40 * _SESSION and len(np.unique(number)) == len(number)
    if not known:
        notes.append("trial.npy does not number every repeat: all trials count as one session.")
        return np.zeros_like(number), np.zeros_like(number)
    return number // _SESSION + 1, number % _SESSION


def _compare(root: Path, who: str, count: dict[str, int], partial: bool) -> list[str]:
    path = next(iter(sorted(root.rglob(f"metadata_{who}.json"))), None)
    if path is None:
        return [f"no metadata_{who}.json: totals were not checked."]
    stored = read_json(path)
    totals = stored.get("totals", {}) if isinstance(stored, dict) else {}
    wrong = [split for split in _SPLITS if split in totals and int(totals[split]) != count[split]]
    if not wrong:
        return [] if totals else [f"{path} holds no totals: they were not checked."]
    text = "; ".join(f"{count[split]} of {totals[split]} {split} samples were found" for split in wrong)
    if not partial:
        raise CounterpointError(
            f"{text}.",
            f"{path} counts them; a shard is missing or cut off.",
            "partial=True, to go on without",
        )
    return [f"{text} (partial)."]


def _stimuli(pictures: dict[int, Member], size: int | None) -> Stimuli:
    from PIL import Image

    ids = np.array(sorted(pictures))
    members = [pictures[identity] for identity in ids.tolist()]
    if size is None:
        try:
            with Image.open(members[0]()) as image:
                size = min(image.size)
        except OSError as error:
            raise CounterpointError(f"{members[0]} is no picture: {error}.") from error
    names = [member.name for member in members]
    return Stimuli(ids, images=Files(members, [str(member) for member in members], size, 3), names=names)
