"""Seeded partitions: held-out parts, fit and validation, and small subsets."""

from __future__ import annotations

import numpy as np

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.source import ImageSource

SPLITS = ("train", "test", "fit", "validation")
"""``fit`` and ``validation`` are five sixths and one sixth of ``train``: settings are chosen there."""
VALIDATION_SHARE = 1 / 6
TEST_SHARE = 0.2


def partition(
    count: int, *, share: float, seed: int, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions ``0 .. count-1`` in two sorted parts, the second with ``share`` of them.

    With labels the parts are stratified: shuffled rows are laid out class by class and taken at even steps,
    so that every class gives its share to within one row. A class is never held out whole; where that would
    leave nothing to hold out, as with one row per class, labels are not heeded.

    Parameters
    ----------
    count : int
        Number of rows.
    share : float
        Share of the second part, between 0 and 1.
    seed : int
        The same seed gives the same parts.
    labels : numpy.ndarray, optional
        ``(count,)`` integers.

    Examples
    --------
    >>> kept, held = partition(60, share=1 / 6, seed=0, labels=np.repeat([0, 1], 30))
    >>> len(kept), len(held), int((held < 30).sum())
    (50, 10, 5)
    """
    order = np.random.default_rng(seed).permutation(count)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    steps = np.floor(np.arange(1, count + 1) * share + 1e-9)
    chosen = np.diff(steps, prepend=0) > 0
    if labels is not None:
        chosen &= np.isin(labels[order], labels[order[~chosen]])
        if not chosen.any():
            return partition(count, share=share, seed=seed)
    return np.sort(order[~chosen]), np.sort(order[chosen])


def check_split(split: str) -> str:
    """``split`` itself when it is one of :data:`SPLITS`; otherwise an error with the closest."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS, "--split test")
    return split


def base_split(split: str) -> str:
    """The stored split that ``split`` is cut from: ``"train"`` for fit and validation.

    >>> base_split("validation"), base_split("test")
    ('train', 'test')
    """
    return "test" if check_split(split) == "test" else "train"


def cut_rows(
    count: int, split: str, *, seed: int = 0, limit: int | None = None, labels: np.ndarray | None = None
) -> np.ndarray:
    """Sorted positions, among the ``count`` rows of a stored split, of ``split`` or at most ``limit`` of it.

    Parameters
    ----------
    count : int
        Rows of the stored split that :func:`base_split` names.
    split : str
        One of :data:`SPLITS`.
    seed : int
        Of the partition, and of the choice that ``limit`` makes (stratified where there are labels).
    limit : int, optional
        Largest number of rows; ``None`` keeps all.
    labels : numpy.ndarray, optional
        ``(count,)`` integers.

    Examples
    --------
    >>> len(cut_rows(60000, "fit")), len(cut_rows(60000, "validation")), len(cut_rows(60000, "test", limit=9))
    (50000, 10000, 9)
    """
    if limit is not None and limit < 2:
        raise CounterpointError(
            f"A limit of {limit} leaves no pictures to compare.",
            "Two or more are needed.",
            "--data.limit 1000",
        )
    rows = np.arange(count)
    if check_split(split) in ("fit", "validation"):
        rows = partition(count, share=VALIDATION_SHARE, seed=seed, labels=labels)[split == "validation"]
    if limit is None or limit >= len(rows):
        return rows
    order = rows[np.random.default_rng(seed).permutation(len(rows))]
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    return np.sort(order[np.arange(limit) * len(rows) // limit])


def cut(
    source: ImageSource, split: str, *, seed: int = 0, limit: int | None = None, stored: str = ""
) -> ImageSource:
    """The ``split`` of ``source``, ``limit`` pictures at most: see :func:`cut_rows`.

    ``source`` is the whole split ``stored``: train or test, or ``split`` itself where the set makes that.
    """
    part = base_split(split) if stored == split else split
    rows = cut_rows(len(source), part, seed=seed, limit=limit, labels=source.labels)
    return source if len(rows) == len(source) else source.subset(rows, split=split)
