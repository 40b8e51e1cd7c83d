"""What a picture's views are made of, as typed settings; imports no torch until :meth:`ImageViews.build`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.core.errors import CounterpointError

if TYPE_CHECKING:
    from counterpoint.views.image import ViewMaker

BACKENDS = ("auto", "tensor", "pil")
PerView = float | tuple[float, ...]


@dataclass(frozen=True)
class ImageViews:
    """Random views of pictures: crop, flip, colour, grey, blur, solarise, normalise, in that order.

    The defaults are the view distribution of MoCo v2 without its blur, which SimCLR too leaves out for
    pictures of 32 pixels. :func:`simclr`, :func:`moco_v2`, :func:`byol` and :func:`swav` give the settings of
    those papers. Every parameter is drawn anew for each sample and each view. Settings that are probabilities
    per view (``blur``, ``solarise``) take one number for all views or one number per view; the last number
    serves the remaining views.

    Attributes
    ----------
    size
        Side of a view in pixels; the shorter side of the pictures when not given.
    num_views
        Number of full-size views.
    crop_scale
        Smallest and largest part of the picture's area that a crop covers.
    crop_ratio
        Smallest and largest width / height of a crop.
    flip
        Probability of a left-right flip.
    jitter
        Probability that brightness, contrast, saturation and hue change, in an order drawn for each sample.
    brightness
        Factor drawn from [max(0, 1 - brightness), 1 + brightness].
    contrast
        Factor drawn from [max(0, 1 - contrast), 1 + contrast].
    saturation
        Factor drawn from [max(0, 1 - saturation), 1 + saturation]; RGB only.
    hue
        Turn drawn from [-hue, hue], in full circles, at most 0.5; RGB only.
    gray
        Probability that colour is removed; RGB only.
    blur
        Probability of a Gaussian blur, one number or one per view.
    blur_sigma
        Smallest and largest standard deviation of the blur, in pixels of the view.
    solarise
        Probability that values of 0.5 and above are inverted, one number or one per view.
    small_views
        Number of additional small views (the multi-crop of SwAV).
    small_size
        Side of a small view in pixels; 3/7 of ``size`` (96 for 224) when not given.
    small_scale
        Smallest and largest part of the picture's area that a small view covers.
    mean
        Subtracted from values in 0..1: one number, or one per channel; 0.5 when not given.
    std
        Divides after ``mean`` is subtracted: one number, or one per channel; 0.5 when not given.
    backend
        ``tensor`` (batched, on the pictures' device), ``pil`` (Pillow, one picture at a time, rounded to 8 bits
        after each operation) or ``auto``: the faster one, which ``benchmarks/views.py`` finds to be ``tensor``
        from 28 to 224 pixels.

    Raises
    ------
    CounterpointError
        A probability outside 0..1, a range upside down, or another value without meaning.

    Examples
    --------
    >>> ImageViews(size=32, blur=(1.0, 0.1)).probability("blur", view=1)
    0.1
    """

    size: int | None = None
    num_views: int = 2
    crop_scale: tuple[float, float] = (0.2, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    gray: float = 0.2
    blur: PerView = 0.0
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarise: PerView = 0.0
    small_views: int = 0
    small_size: int | None = None
    small_scale: tuple[float, float] = (0.05, 0.14)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    backend: str = "auto"

    def __post_init__(self) -> None:
        for name in ("flip", "jitter", "gray"):
            self._check(name, 0 <= getattr(self, name) <= 1, "a probability between 0 and 1")
        for name in ("brightness", "contrast", "saturation"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("hue", 0 <= self.hue <= 0.5, "between 0 and 0.5 (half a circle)")
        self._check_ranges()
        self._check("num_views", self.num_views >= 0 and self.count > 0, "1 or more")
        self._check("small_views", self.small_views >= 0, "0 or more")
        for name in ("size", "small_size"):
            value = getattr(self, name)
            self._check(name, value is None or value >= 1, "1 pixel or more")
        for name in ("blur", "solarise"):
            value = getattr(self, name)
            each = value if isinstance(value, tuple | list) else (value,)
            fits = 1 <= len(each) <= self.count and all(0 <= item <= 1 for item in each)
            self._check(name, fits, f"one probability, or up to {self.count} (one per view)")
        self._check("std", self.std is None or all(item > 0 for item in self.std), "above 0")
        self._check("backend", self.backend in BACKENDS, f"one of {', '.join(BACKENDS)}")

    def _check_ranges(self) -> None:
        for name in ("crop_scale", "small_scale"):
            low, high = getattr(self, name)
            self._check(name, 0 < low <= high <= 1, "two parts of the area, 0 < smallest <= largest <= 1")
        for name in ("crop_ratio", "blur_sigma"):
            low, high = getattr(self, name)
            self._check(name, 0 < low <= high, "two numbers, 0 < smallest <= largest")

    def _check(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            raise CounterpointError(
                f"views.{name} is {getattr(self, name)}.",
                f"It must be {expected}.",
                f"--views.{name} {getattr(type(self), name)}",
            )

    @property
    def count(self) -> int:
        """Number of views in all: full-size ones first, then small ones."""
        return self.num_views + self.small_views

    def probability(self, name: str, *, view: int) -> float:
        """The probability ``name`` (``blur`` or ``solarise``) of one view."""
        value = getattr(self, name)
        return float(value[min(view, len(value) - 1)]) if isinstance(value, tuple | list) else float(value)

    def build(self) -> ViewMaker:
        """The :class:`~counterpoint.views.image.ViewMaker` with these settings (imports torch)."""
        from counterpoint.views.image import ViewMaker

        return ViewMaker(self)


def simclr(size: int, *, strength: float = 1.0) -> ImageViews:
    """Views of SimCLR (Chen et al., ICML 2020, appendix A; strength 0.5 and no blur below 64 px as in B.9).

    >>> simclr(224).brightness, simclr(32, strength=0.5).blur
    (0.8, 0.0)
    """
    return ImageViews(
        size=size,
        crop_scale=(0.08, 1.0),
        brightness=0.8 * strength,
        contrast=0.8 * strength,
        saturation=0.8 * strength,
        hue=0.2 * strength,
        blur=0.5 if size >= 64 else 0.0,
    )


def moco_v2(size: int) -> ImageViews:
    """Views of MoCo v2 (Chen et al., 2020; facebookresearch/moco with ``--aug-plus``)."""
    return ImageViews(size=size, blur=0.5)


def byol(size: int) -> ImageViews:
    """The two unequal views of BYOL (Grill et al., NeurIPS 2020, table 6); Barlow Twins, MoCo v3 share them."""
    return ImageViews(size=size, crop_scale=(0.08, 1.0), saturation=0.2, blur=(1.0, 0.1), solarise=(0.0, 0.2))


def swav(size: int, *, small_views: int = 6) -> ImageViews:
    """Multi-crop of SwAV (Caron et al., NeurIPS 2020): two large crops, ``small_views`` of 3/7 the side."""
    return ImageViews(
        size=size,
        crop_scale=(0.14, 1.0),
        brightness=0.8,
        contrast=0.8,
        saturation=0.8,
        hue=0.2,
        blur=0.5,
        small_views=small_views,
    )
