"""Captioned pictures for simulated people: one or two things on a ground, of which every factor is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.brain import Stimuli

if TYPE_CHECKING:
    from counterpoint.data.stamps import Cutouts

SPRITES = ("auto", "stamps", "procedural")
SMALLEST_CATEGORY, LARGEST_CATEGORY = 8, 40
"""Categories of stamps with fewer named things are left out; of larger ones only so many, evenly spaced, are used."""


@dataclass
class SimulatedStimuli(Stimuli):
    """:class:`~counterpoint.data.Stimuli` that keep what they were drawn from.

    Attributes
    ----------
    factors : dict of numpy.ndarray
        As :func:`~counterpoint.data.scenes` gives them, each with the pictures as first axis; ``names`` is what the
        largest thing is called, ``labels`` its category.
    licence : str
        Terms of use of the pictures.
    notes : list of str
        What was chosen or left out.
    """

    factors: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    licence: str = ""
    notes: list[str] = field(default_factory=list, repr=False)


def simulated_stimuli(
    n: int,
    *,
    size: int = 64,
    seed: int = 0,
    test: int = 300,
    imagery: int = 0,
    start: int = 0,
    sprites: str = "auto",
) -> SimulatedStimuli:
    """Draw ``n`` pictures of one or two things with captions.

    Parameters
    ----------
    n : int
        Number of pictures, in this order: ``test`` that everybody sees, ``imagery`` that everybody imagines, and
        training pictures.
    size : int
        Side in pixels, 16 to 256.
    seed : int
        Another seed is another world of pictures.
    test, imagery : int
        See ``n``. The three kinds of pictures come from ranges that never meet.
    start : int
        Which training picture is first: people with different ranges see different pictures.
    sprites : str
        ``"stamps"``: photographs cut out (Debian package tuxpaint-stamps-default), categories of at least 8 named
        things and at most 40 of each; ``"procedural"``: drawn shapes; ``"auto"``: stamps where they are installed.

    Returns
    -------
    SimulatedStimuli
        ``ids`` count from 0, those of training pictures on from ``test + imagery + start``; two captions each (one
        plain, one with other words); ``labels`` is the category (or shape) of the largest thing.

    Raises
    ------
    CounterpointError
        Numbers that do not fit together, or stamps that were asked for and are absent.

    Examples
    --------
    >>> found = simulated_stimuli(5, test=2, sprites="procedural", start=10)
    >>> found.ids.tolist(), found.images.shape, len(found.captions[0])
    ([0, 1, 12, 13, 14], (5, 3, 64, 64), 2)
    """
    train = n - test - imagery
    if min(test, imagery, train, start) < 0 or n < 1:
        raise CounterpointError(f"n={n}, test={test}, imagery={imagery}, start={start}.",
                                "n is the number of all pictures: test + imagery + training.")
    kind, notes = _sprites(sprites)
    from counterpoint.data.captions import scene_captions
    from counterpoint.data.scenes import scenes

    ranges = [("test", 0, test + imagery), ("train", start, train)]
    parts = [scenes(count, size=size, seed=seed, objects=(1, 2), sprites=kind, split=split, start=first)
             for split, first, count in ranges if count]
    factors = {key: np.concatenate([part.factors[key] for part in parts]) for key in parts[0].factors}
    varied = [text for part in parts for text in scene_captions(part.factors, wording="varied")]
    plain = [text for part in parts for text in part.captions or []]
    labels = np.concatenate([np.asarray(part.labels) for part in parts])
    return SimulatedStimuli(
        ids=np.r_[np.arange(test + imagery), test + imagery + start + np.arange(train)],
        images=np.concatenate([np.asarray(part.images) for part in parts]),
        captions=[list(pair) for pair in zip(plain, varied, strict=True)],
        labels=labels,
        class_names=parts[0].class_names,
        names=_names(factors, labels, parts[0].class_names),
        factors=factors,
        licence=parts[0].licence,
        notes=notes,
    )


def _names(factors: dict[str, NDArray[Any]], labels: NDArray[np.int64], class_names: list[str]) -> list[str]:
    if "noun" not in factors:
        return [class_names[label] for label in labels]
    return [str(noun) for noun in factors["noun"][np.arange(len(labels)), factors["main"]]]


def _sprites(sprites: str) -> tuple[str | Cutouts, list[str]]:
    if sprites not in SPRITES:
        raise unknown("kind of sprite", sprites, SPRITES, 'sprites="auto"')
    if sprites != "procedural":
        try:
            return _balanced_cutouts()
        except CounterpointError:
            if sprites == "stamps":
                raise
    absent = ["the photographs (tuxpaint-stamps-default) are not installed"] if sprites == "auto" else []
    return "procedural", [*absent, "drawn shapes; labels are the shape of the largest"]


@cache
def _balanced_cutouts() -> tuple[Cutouts, list[str]]:
    """Named stamps of the larger categories, none of which outnumbers the others by far."""
    from dataclasses import replace

    from counterpoint.data.stamps import cutouts

    found = cutouts(named=True)
    counts = np.bincount(found.labels, minlength=len(found.class_names))
    kept = np.flatnonzero(counts >= SMALLEST_CATEGORY)
    rows = []
    for category in kept:
        own = np.flatnonzero(found.labels == category)
        rows.append(own[np.linspace(0, len(own) - 1, min(len(own), LARGEST_CATEGORY)).round().astype(np.int64)])
    chosen = found.subset(np.sort(np.concatenate(rows)))
    chosen = replace(chosen, labels=np.searchsorted(kept, chosen.labels),
                     class_names=[found.class_names[category] for category in kept])
    return chosen, [f"{len(chosen)} of {len(found)} named stamps: at most {LARGEST_CATEGORY} of each of the "
                    f"{len(kept)} categories with {SMALLEST_CATEGORY} or more"]
