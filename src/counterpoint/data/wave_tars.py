"""BOLD5000 as WAVE stores it: one tar per trial, five time points of 1,024 atlas components.

Layout (PPWangyc/WAVE): ``CSI1/{train,test}/*.tar`` with ``bold.pyd``, ``t_r.pyd``, ``voxel.pyd``,
``stimuli.png`` and ``config.json`` (label, img_name); imagery trials have class, text, scenario and sub in
place of a picture.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._pickled_arrays import unpickle_array
from counterpoint.data.brain import BrainDataset, Stimuli, pickled
from counterpoint.data.decode import Files
from counterpoint.data.tar_members import Member, read_npy, tar_samples

_LARGEST = 1 << 26
_ENDINGS = {f"{part}.{kind}": _LARGEST for part in ("bold", "t_r", "voxel") for kind in ("pyd", "npy")}
_ENDINGS |= {"stimuli.png": _LARGEST, "config.json": 1 << 20}


@dataclass
class _Found:
    """Trials in reading order, and the pictures by name."""

    signal: list[np.ndarray] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    split: list[str] = field(default_factory=list)
    picture: dict[str, Member] = field(default_factory=dict)
    caption: dict[str, str] = field(default_factory=dict)


def WaveTars(
    root: str | Path,
    subject: str | None = None,
    *,
    trusted: bool = False,
    signal: Literal["bold", "voxel"] = "bold",
    size: int | None = None,
) -> BrainDataset:
    """One subject of WAVE's trial tars.

    Arrays in these tars are pickled. A pickle can run code when it is opened, so they are read only with
    ``trusted=True``, and also then by a reader that knows numpy's arrays and numbers and nothing else. Tars
    with ``bold.npy`` and ``t_r.npy`` in their place need no such trust.

    Parameters
    ----------
    root : str or Path
        The folder that holds the subject's folder, or itself ``train`` and ``test``.
    subject : str, optional
        Such as ``"CSI1"``; may be left out where there is one only.
    trusted : bool
        Whether the pickled arrays may be read.
    signal : "bold" or "voxel"
        Atlas components over time ``(trials, 5, 1024)``, or visual-cortex voxels ``(trials, voxels)``.
    size : int, optional
        Side of the pictures; that of the first one by default.

    Returns
    -------
    BrainDataset
        Split by folder; trials with a text in place of a picture are "imagery". The label text is the
        caption, and the class where it names one thing only. Sessions and runs are not in these files.

    Raises
    ------
    CounterpointError
        Without ``trusted``; for damaged tars, missing members, shapes or repetition times that differ between
        trials, or a picture in train and in test.
    """
    folder = _folder(Path(root).expanduser(), subject)
    found = _read(folder, signal, trusted)
    distinct, ids = np.unique(found.name, return_inverse=True)
    split_names = np.array(found.split)
    twice = np.intersect1d(ids[split_names == "train"], ids[split_names == "test"])
    if len(twice):
        raise CounterpointError(
            f"{len(twice)} pictures of {folder} are in train and in test, the first {distinct[twice[0]]}.",
            "Every showing of a picture has to be in one split.",
        )
    return BrainDataset(
        name="BOLD5000 (WAVE)",
        subject=subject or folder.name,
        responses=np.stack(found.signal),
        stimulus_id=ids,
        split=split_names,
        stimuli=_stimuli(found, distinct.tolist(), size),
        unit="z" if signal == "bold" else "arbitrary",
        t_r=found.seconds[0] if signal == "bold" else None,
        home="https://github.com/PPWangyc/WAVE",
        notes=["sessions and runs are not in these files: all trials count as one session."],
    )


def _read(folder: Path, signal: str, trusted: bool) -> _Found:
    paths = [(split, path) for split in ("train", "test") for path in sorted((folder / split).glob("*.tar"))]
    paths += [("train", path) for path in sorted(folder.glob("*.tar"))]
    if not paths:
        raise CounterpointError(f"{folder} holds no trials.", "Tars in train and test were expected.")
    found = _Found()
    for split, path in paths:
        samples = tar_samples(path, endings=_ENDINGS)
        if not samples:
            raise CounterpointError(f"{path} holds no {signal}.pyd.", "One sample in each tar was expected.")
        for name, sample in samples.items():
            _add(found, sample, f"{path}:{name}", signal=signal, split=split, trusted=trusted)
    if len(set(found.seconds)) > 1:
        raise CounterpointError(
            f"Trials of {folder} have repetition times {sorted(set(found.seconds))} s.", "One was expected."
        )
    return found


def _folder(root: Path, subject: str | None) -> Path:
    if subject is not None and (root / subject).is_dir():
        return root / subject
    if (root / "train").is_dir() or (root.is_dir() and any(root.glob("*.tar"))):
        if subject is None or subject == root.name:
            return root
        raise CounterpointError(f"{root} holds no folder {subject}.", "The subject's folder was expected.")
    known = sorted(path.name for path in root.iterdir() if (path / "train").is_dir()) if root.is_dir() else []
    if subject is None and len(known) == 1:
        return root / known[0]
    raise CounterpointError(
        f"{root} holds no {subject or 'single subject'}.",
        f"Subjects there: {', '.join(known) or 'none'}.",
        f"WaveTars(root, {known[0]!r})" if known else "",
    )


def _add(
    found: _Found, sample: dict[str, Member], place: str, *, signal: str, split: str, trusted: bool
) -> None:
    config = _config(sample, place)
    values = _values(sample, signal, place, trusted)
    if signal == "voxel":
        values = values.ravel()
    if values.dtype.kind != "f" or values.ndim != (2 if signal == "bold" else 1):
        raise CounterpointError(
            f"{signal} of {place} is {values.dtype} of shape {values.shape}.",
            "Floats, (time, components) or (voxels,), were expected.",
        )
    if found.signal and values.shape != found.signal[0].shape:
        raise CounterpointError(
            f"{signal} of {place} has shape {values.shape}, the first trial has {found.signal[0].shape}."
        )
    found.signal.append(values.astype(np.float32, copy=False))
    if signal == "bold":
        found.seconds.append(round(float(_values(sample, "t_r", place, trusted).ravel()[0]), 6))
    shown = "stimuli.png" in sample
    name = str(config["img_name"] if shown and "img_name" in config else config.get("text", ""))
    if not name:
        raise CounterpointError(
            f"config.json of {place} has no img_name or text.", "One of them was expected."
        )
    found.name.append(name)
    found.split.append(split if shown else "imagery")
    found.caption.setdefault(name, str(config.get("label", config.get("text", ""))))
    if shown:
        found.picture.setdefault(name, sample["stimuli.png"])


def _values(sample: dict[str, Member], part: str, place: str, trusted: bool) -> np.ndarray:
    if f"{part}.npy" in sample:
        return read_npy(sample[f"{part}.npy"])
    if f"{part}.pyd" not in sample:
        raise CounterpointError(f"{place} lacks {part}.pyd.", f"{part}.pyd or {part}.npy was expected.")
    if not trusted:
        raise pickled(sample[f"{part}.pyd"], "WaveTars(..., trusted=True), for files from a source you trust")
    member = sample[f"{part}.pyd"]
    return unpickle_array(member.read(), place=str(member))


def _config(sample: dict[str, Member], place: str) -> dict[str, Any]:
    if "config.json" not in sample:
        raise CounterpointError(f"{place} lacks config.json.", "label and img_name were expected in it.")
    try:
        config = json.loads(sample["config.json"].read())
    except ValueError as error:
        raise CounterpointError(f"config.json of {place} could not be read: {error}.") from error
    if not isinstance(config, dict):
        raise CounterpointError(
            f"config.json of {place} holds no object.", "label and img_name were expected."
        )
    return config


def _stimuli(found: _Found, names: list[str], size: int | None) -> Stimuli:
    from PIL import Image

    images = None
    if all(name in found.picture for name in names):
        members = [found.picture[name] for name in names]
        if size is None:
            try:
                with Image.open(members[0]()) as image:
                    size = min(image.size)
            except OSError as error:
                raise CounterpointError(f"{members[0]} is no picture: {error}.") from error
        images = Files(members, [str(member) for member in members], size, 3)
    texts = [found.caption[name] for name in names]
    single = sorted({text for text in texts if text and "," not in text})
    labels = np.array([single.index(text) if text in single else -1 for text in texts])
    return Stimuli(
        np.arange(len(names)),
        images=images,
        captions=[[text] if text else [] for text in texts],
        labels=labels if single else None,
        class_names=single,
        names=names,
    )
