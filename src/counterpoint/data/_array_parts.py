"""What the keys of an array file mean: ids, pictures, names, masks and positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import Space, Stimuli, as_text
from counterpoint.data.stored_rows import StoredImages

SPLITS = ("train", "test", "imagery")


def whole_ids(path: Path, taken: dict[str, Any]) -> np.ndarray:
    """``(trials,)`` int64 ids; where trials carry names, positions in ``image_names`` (made when absent)."""
    values = np.asarray(taken["stimulus_id"])
    if values.ndim == 1 and values.dtype.kind in "US":
        return _named_ids(path, as_text(values.tolist()), taken)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise CounterpointError(
            f"stimulus_id of {path} is {values.dtype} of shape {values.shape}.",
            "One integer or name per trial was expected.",
        )
    wrong = np.flatnonzero(values != np.round(values))
    if len(wrong):
        raise CounterpointError(
            f"stimulus_id of {path} is {values[wrong[0]]} in row {wrong[0]}.", "Whole numbers were expected."
        )
    return values.astype(np.int64)


def _named_ids(path: Path, words: list[str], taken: dict[str, Any]) -> np.ndarray:
    names = as_text(taken["image_names"]) if "image_names" in taken else sorted(set(words))
    place = {name: row for row, name in enumerate(names)}
    missing = [word for word in words if word not in place]
    if missing or len(place) != len(names):
        raise CounterpointError(
            f"{path}: {f'{missing[0]} is not' if missing else 'a name is twice'} in image_names.",
            "Every name of stimulus_id was expected once.",
        )
    taken["image_names"] = np.array(names)
    taken.setdefault("image_id", np.arange(len(names)))
    return np.array([place[word] for word in words], np.int64)


def stored_split(path: Path, ids: np.ndarray, stored: Any) -> np.ndarray:
    """``(trials,)`` split names; an error for other words, and for pictures in train and in test."""
    split = np.asarray(as_text(np.asarray(stored).tolist()))
    unknown = sorted(set(split.tolist()) - set(SPLITS))
    if unknown:
        raise CounterpointError(
            f'split of {path} holds "{unknown[0]}".', f"{', '.join(SPLITS)} were expected."
        )
    aligned = len(split) == len(ids)
    twice = np.intersect1d(ids[split == "train"], ids[split == "test"]) if aligned else ids[:0]
    if len(twice):
        raise CounterpointError(
            f"{path}: {len(twice)} pictures are in train and in test, the first id {twice[0]}.",
            "Every showing of a picture has to be in one split.",
        )
    return split


def stored_stimuli(path: Path, images: Any, ids: np.ndarray, *, taken: dict[str, Any]) -> Stimuli | None:
    """The pictures, captions and labels of an array file; None where it has none."""
    parts = {key: taken.get(key) for key in ("image_id", "captions", "labels", "image_names")}
    counts = [len(value) for value in parts.values() if value is not None]
    counts += [] if images is None else [images.shape[0]]
    if not counts:
        return None
    labels, classes = parts["labels"], as_text(taken.get("class_names", []))
    if labels is not None and np.asarray(labels).dtype.kind in "US":
        names, labels = np.unique(as_text(labels.tolist()), return_inverse=True)
        classes = names.tolist()
    if images is not None and (len(images.shape) != 4 or images.shape[1] != 3 or images.dtype != np.uint8):
        images = StoredImages(images, str(path))
    made = Stimuli(
        parts["image_id"] if parts["image_id"] is not None else _owners(path, ids, counts[0]),
        images=images,
        captions=_captions(parts["captions"], taken.get("caption_counts")),
        labels=None if labels is None else np.asarray(labels, np.int64),
        class_names=classes,
        names=as_text(parts["image_names"]) if parts["image_names"] is not None else [],
    )
    made.rows(np.unique(ids))
    return made


def _owners(path: Path, ids: np.ndarray, count: int) -> np.ndarray:
    distinct = np.unique(ids)
    if len(distinct) == count:
        return distinct
    if count > len(distinct) and count != len(ids) and distinct[0] >= 0 and distinct[-1] < count:
        return np.arange(count)
    raise CounterpointError(
        f"{path} holds {count} pictures for {len(distinct)} distinct ids {distinct[0]}..{distinct[-1]}.",
        "Whose picture each row is cannot be told.",
        "add image_id (n,): the id of each row",
    )


def _captions(stored: Any, counts: Any) -> list[list[str]] | None:
    if stored is None:
        return None
    rows = np.asarray(stored)
    rows = rows[:, None] if rows.ndim == 1 else rows
    texts = [as_text(row) for row in rows.tolist()]
    if counts is not None:
        return [row[: int(count)] for row, count in zip(texts, counts, strict=True)]
    return [[text for text in row if text] for row in texts]


def label_names(path: Path, taken: dict[str, Any], kind: str) -> dict[int, str]:
    """Names by label of ``network`` or ``parcel``; ``<kind>_labels`` says which label each name is for."""
    if f"{kind}_names" not in taken:
        return {}
    names = as_text(taken[f"{kind}_names"].tolist())
    if f"{kind}_labels" in taken:
        return dict(zip(np.asarray(taken[f"{kind}_labels"]).tolist(), names, strict=True))
    largest = int(np.max(taken.get(f"{kind}s", [0]), initial=0))
    if len(names) not in (largest, largest + 1):
        raise CounterpointError(
            f"{path} has {len(names)} {kind}_names for labels up to {largest}.",
            "One name for each label from 0, or from 1, was expected.",
            f"add {kind}_labels: the label of each name",
        )
    return dict(enumerate(names, largest + 1 - len(names)))


def roi_mask(path: Path, key: str, stored: Any) -> np.ndarray:
    """``(voxels,)`` bool; numbers other than 0 and 1 are an error."""
    values = np.asarray(stored)
    if values.ndim != 1 or not np.isin(values, (0, 1)).all():
        raise CounterpointError(
            f"{key} of {path} is {values.dtype} of shape {values.shape}.",
            "A mask of zeros and ones was expected.",
        )
    return values.astype(bool)


def stored_space(taken: dict[str, Any]) -> Space:
    """The space that the ``space_*`` keys describe."""
    return Space(
        str(taken.get("space_kind", "none")),
        tuple(int(side) for side in taken.get("space_shape", ())),
        np.asarray(taken["space_index"], np.int64) if "space_index" in taken else None,
        taken.get("space_affine"),
    )
