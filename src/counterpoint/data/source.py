"""What every data set becomes: an :class:`ImageSource`, and :func:`arrays` that makes one of NumPy arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.pixels import Pixels, Rows

HASH_WHOLE_BYTES, HASH_SAMPLE = 256 * 2**20, 1024
"""Pictures up to this many bytes are hashed whole, larger collections by an even sample."""


@dataclass
class ImageSource:
    """One split of one data set.

    Attributes
    ----------
    name : str
        What the source is called in stamps and reports.
    split : str
        ``"train"``, ``"test"``, ``"fit"`` or ``"validation"``.
    images : numpy.ndarray or Pixels
        ``(n, channels, height, width)``: uint8, or float32 in 0..1 when made from float arrays.
    labels : numpy.ndarray or None
        ``(n,)`` int64; -1 marks a picture of unknown class.
    class_names : list of str
        Names of the classes ``0 .. k-1``; may be empty.
    captions : list of str or None
        One text per picture.
    masks : numpy.ndarray or None
        ``(n, height, width)`` object ids, 0 for background.
    factors : dict of numpy.ndarray
        Known properties, each with ``n`` as first axis.
    licence, home : str
        Terms of use, and where the data come from.
    notes : list of str
        What the reader left out or assumed.
    """

    name: str
    split: str
    images: np.ndarray | Pixels = field(repr=False)
    labels: np.ndarray | None = field(default=None, repr=False)
    class_names: list[str] = field(default_factory=list)
    captions: list[str] | None = field(default=None, repr=False)
    masks: np.ndarray | None = field(default=None, repr=False)
    factors: dict[str, Any] = field(default_factory=dict, repr=False)
    licence: str = ""
    home: str = ""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.images.shape) != 4:
            raise CounterpointError(
                f"{self.name}: images have shape {tuple(self.images.shape)}.",
                "(n, channels, height, width) was expected.",
            )
        parts = {"labels": self.labels, "captions": self.captions, "masks": self.masks, **self.factors}
        for key, value in parts.items():
            if value is not None and len(value) != len(self.images):
                raise CounterpointError(
                    f"{self.name}: {len(self.images)} images but {len(value)} {key}.",
                    "One entry per image was expected.",
                )
        if self.labels is not None:
            self.labels = _checked_labels(self.name, self.labels, self.class_names)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """Channels of every picture: 1 for grey, 3 for colour."""
        return int(self.images.shape[1])

    @property
    def size(self) -> int:
        """The shorter side of every picture in pixels."""
        return int(min(self.images.shape[2:]))

    @property
    def in_memory(self) -> bool:
        """Whether the pictures are one array (also a memory-mapped one) rather than decoded on demand."""
        return isinstance(self.images, np.ndarray)

    def subset(self, indices: Sequence[int] | np.ndarray, *, split: str | None = None) -> ImageSource:
        """The rows ``indices``, in that order, with everything that belongs to them.

        Examples
        --------
        >>> source = arrays(np.zeros((4, 1, 2, 2), np.uint8), [0, 1, 2, 3])
        >>> source.subset([3, 1]).labels.tolist()
        [3, 1]
        """
        rows = np.asarray(indices, dtype=np.int64)
        images = self.images[rows] if isinstance(self.images, np.ndarray) else Rows(self.images, rows)
        return replace(
            self,
            images=images,
            split=split or self.split,
            labels=_take(self.labels, rows),
            captions=_take(self.captions, rows),
            masks=_take(self.masks, rows),
            factors={key: _take(value, rows) for key, value in self.factors.items()},
            notes=list(self.notes),
        )

    def content_hash(self) -> str:
        """A fingerprint of name, class names, shapes, labels and pixels.

        Returns
        -------
        str
            ``"sha256:..."`` when every pixel went in. Collections beyond 256 MB, and those decoded on demand,
            put in an even sample of pictures and say so: ``"sha256-of-1024-pictures:..."``.
        """
        digest = hashlib.sha256(repr((self.name, self.class_names, tuple(self.images.shape))).encode())
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).tobytes())
        if isinstance(self.images, np.ndarray) and self.images.nbytes <= HASH_WHOLE_BYTES:
            digest.update(np.ascontiguousarray(self.images).data)
            return f"sha256:{digest.hexdigest()}"
        count = min(HASH_SAMPLE, len(self))
        for rows in np.array_split(np.linspace(0, len(self) - 1, count).astype(np.int64), -(-count // 64)):
            digest.update(np.ascontiguousarray(self.images[rows]).data)
        return f"sha256-of-{count}-pictures:{digest.hexdigest()}"


def arrays(
    images: Any,
    labels: Any = None,
    *,
    name: str = "arrays",
    split: str = "train",
    class_names: Sequence[str] = (),
    captions: Sequence[str] | None = None,
    masks: Any = None,
) -> ImageSource:
    """A source from arrays in memory (NumPy, or anything :func:`numpy.asarray` takes, such as CPU tensors).

    Parameters
    ----------
    images : array_like
        ``(n, channels, height, width)``, or ``(n, height, width)`` for grey: uint8, or float in 0..1.
    labels : array_like, optional
        ``(n,)`` integers, -1 for "unknown".
    name, split : str
        What it is called in stamps and reports.
    class_names : sequence of str
        Names of the classes.
    captions : sequence of str, optional
        One text per picture.
    masks : array_like, optional
        ``(n, height, width)`` object ids.

    Raises
    ------
    CounterpointError
        For another shape, channels in the last place, another dtype, NaN or infinite pixels, floats outside
        0..1, or parts whose lengths differ.

    Examples
    --------
    >>> arrays(np.zeros((4, 28, 28), np.uint8)).images.shape
    (4, 1, 28, 28)
    """
    pixels = np.asarray(images)
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels
    _check_shape(name, pixels)
    return ImageSource(
        name=name,
        split=split,
        images=_check_values(name, pixels),
        labels=None if labels is None else np.asarray(labels),
        class_names=[str(item) for item in class_names],
        captions=None if captions is None else [str(item) for item in captions],
        masks=None if masks is None else np.asarray(masks),
    )


def _check_shape(name: str, pixels: np.ndarray) -> None:
    expected = "(n, channels, height, width), or (n, height, width) for grey, was expected."
    if pixels.ndim != 4 or 0 in pixels.shape:
        raise CounterpointError(f"{name}: images have shape {pixels.shape}.", expected)
    if pixels.shape[3] in (1, 3, 4) and pixels.shape[1] > 4 and pixels.shape[2] > 4:
        raise CounterpointError(
            f"{name}: images have shape {pixels.shape}, channels in the last place.",
            expected,
            "images.transpose(0, 3, 1, 2)",
        )


def _check_values(name: str, pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind != "f":
        raise CounterpointError(
            f"{name}: images are {pixels.dtype}.",
            "uint8 in 0..255 or float in 0..1 was expected.",
            "images.astype(numpy.uint8)",
        )
    broken = np.flatnonzero(~np.isfinite(pixels).all(axis=(1, 2, 3)))
    if len(broken):
        raise CounterpointError(
            f"{name}: {len(broken)} of {len(pixels)} images hold NaN or infinite pixels, "
            f"the first at position {broken[0]}.",
            "Finite pixels were expected.",
            "images[numpy.isfinite(images).all(axis=(1, 2, 3))]",
        )
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 1:
        raise CounterpointError(
            f"{name}: float images lie in {low:.4g}..{high:.4g}.",
            "0..1 was expected.",
            "images / 255"
            if low >= 0 and high <= 255
            else "(images - images.min()) / (images.max() - images.min())",
        )
    return pixels.astype(np.float32)


def _checked_labels(name: str, labels: Any, class_names: Sequence[str]) -> np.ndarray:
    values = np.asarray(labels)
    if values.ndim != 1 or values.dtype.kind not in "iub":
        raise CounterpointError(
            f"{name}: labels are {values.dtype} of shape {values.shape}.",
            "One integer per image was expected, -1 for unknown.",
        )
    values = values.astype(np.int64)
    if len(values) and (values.min() < -1 or (class_names and values.max() >= len(class_names))):
        last = f"{len(class_names) - 1}" if class_names else "k-1"
        raise CounterpointError(
            f"{name}: labels lie in {values.min()}..{values.max()}.",
            f"0..{last} was expected, or -1 for unknown.",
        )
    return values


def _take(values: Any, rows: np.ndarray) -> Any:
    if values is None or isinstance(values, np.ndarray):
        return values if values is None else values[rows]
    return [values[row] for row in rows]
