"""What simulated voxels can be tuned to: contrast energy, objects, and meaning, each a block of feature columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.brain.gabor import gabor_energy
from counterpoint.brain.simulate_stimuli import SimulatedStimuli
from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.brain import Stimuli

SPACES = ("low", "object", "semantic")
FEATURES = ("efficientnet_lite0", "factors")
SECOND = 0.5
"""Weight of the smaller of two things beside the largest."""
_FEW = 20


@dataclass(frozen=True)
class FeatureSpaces:
    """Features of pictures in three blocks.

    Attributes
    ----------
    values : numpy.ndarray
        ``(n, features)`` float32.
    space : numpy.ndarray
        ``(features,)`` str: "low", "object" or "semantic".
    names : list of str
        What each column is.
    centres : numpy.ndarray
        ``(features, 2)`` where a column looks: x to the right and y upward from -1 to 1; NaN for the whole picture.
    notes : list of str
        What stood in for what.
    """

    values: NDArray[np.float32] = field(repr=False)
    space: NDArray[np.str_] = field(repr=False)
    names: list[str] = field(repr=False)
    centres: NDArray[np.float64] = field(repr=False)
    notes: list[str] = field(default_factory=list)


def stimulus_features(stimuli: Stimuli, features: Any = "efficientnet_lite0", *, reference: int = 0,
                      seed: int = 0) -> FeatureSpaces:
    """The features of pictures that simulated voxels respond to.

    Parameters
    ----------
    stimuli : Stimuli
    features : str or array_like
        ``"efficientnet_lite0"``: *low* is :func:`gabor_energy`, *object* EfficientNet-Lite0's pooled embedding with
        its own spectrum, *semantic* the category and the sentence embedding of the things' names (without the
        names, of the captions). ``"factors"``: all three are linear in the factors of a drawn scene, and no network
        runs. An array ``(n, d)`` takes the place of *object*.
    reference : int
        The first so many pictures give the centre and scale of columns (those that all people share); 0 for all.
    seed : int
        Of the vectors that stand for names, and of projections where pictures or labels are missing.

    Raises
    ------
    CounterpointError
        Unknown features, pictures without what they need, or an array of another length.
    """
    found = _Blocks(stimuli, reference if reference >= _FEW else len(stimuli), np.random.default_rng([seed, 977]))
    if isinstance(features, str):
        if features not in FEATURES:
            raise unknown("kind of features", features, FEATURES, 'features="factors"')
        _from_factors(found) if features == "factors" else _from_networks(found)
    else:
        _from_array(found, features)
    return found.spaces()


class _Blocks:
    """Columns as they are collected; centred, and each block scaled, with the reference pictures."""

    def __init__(self, stimuli: Stimuli, reference: int, rng: np.random.Generator) -> None:
        self.stimuli, self.reference, self.rng = stimuli, reference, rng
        self.parts: list[tuple[str, NDArray[np.float64], list[str], NDArray[np.float64]]] = []
        self.notes: list[str] = []

    def add(self, space: str, values: Any, names: list[str], *, centres: Any = None, weight: float = 1.0,
            columnwise: bool = False) -> None:
        """One block: every column to unit deviation, or all with one factor (their spectrum stays); then ``weight``."""
        found = np.asarray(values, np.float64)
        found = found - found[: self.reference].mean(0)
        spread = found[: self.reference].std(0)
        total = np.sqrt(np.mean(spread**2)) or 1.0
        scale = np.maximum(spread, 0.2 * total) if columnwise else total * np.sqrt(found.shape[1])
        places = np.full((found.shape[1], 2), np.nan) if centres is None else np.asarray(centres)
        self.parts.append((space, weight * found / scale, names, places))

    def spaces(self) -> FeatureSpaces:
        """All blocks side by side, in the order of :data:`SPACES`."""
        ordered = sorted(self.parts, key=lambda part: SPACES.index(part[0]))
        return FeatureSpaces(
            np.concatenate([part[1] for part in ordered], 1).astype(np.float32),
            np.concatenate([[part[0]] * part[1].shape[1] for part in ordered]),
            [name for part in ordered for name in part[2]], np.concatenate([part[3] for part in ordered]), self.notes)

    def one_hot(self, labels: Any, names: list[str]) -> NDArray[np.float64]:
        """``(n, objects)`` labels, -1 for none, as a weighted sum of indicator rows."""
        found = np.asarray(labels)
        found = found[:, None] if found.ndim == 1 else found
        return np.stack([(found == key) @ _weights(found.shape[1]) for key in range(len(names))], 1)


def _from_factors(blocks: _Blocks) -> None:
    from counterpoint.data.scenes_layout import BACKGROUNDS
    from counterpoint.data.sprites import COLOURS, TEXTURES

    stimuli = blocks.stimuli
    factors = getattr(stimuli, "factors", {})
    if not isinstance(stimuli, SimulatedStimuli) or not factors:
        raise CounterpointError('features="factors" needs pictures of known factors.',
                                "Pictures of simulated_stimuli were expected.", 'features="efficientnet_lite0"')
    order = _largest_first(factors)
    geometry = np.concatenate([np.nan_to_num(np.take_along_axis(factors[key], order, 1) - middle)
                               for key, middle in (("x", 0.5), ("y", 0.5), ("radius", 0.2), ("angle", 0))], 1)
    names = [f"{key} {which}" for key in ("x", "y", "radius", "angle") for which in ("largest", "other")]
    blocks.add("low", np.c_[geometry, factors["count"]], [*names, "count"], columnwise=True)
    blocks.add("low", blocks.one_hot(factors["background"], list(BACKGROUNDS)),
               [f"background {name}" for name in BACKGROUNDS], columnwise=True)
    if "shape" in factors:
        for key, known in (("colour", list(COLOURS)), ("texture", list(TEXTURES))):
            values = blocks.one_hot(np.take_along_axis(factors[key], order, 1), known)
            blocks.add("low", values, [f"{key} {name}" for name in known], columnwise=True)
            blocks.add("object", values, [f"{key} {name}" for name in known])
    _add_categories(blocks, ("object", "semantic"))
    if "noun" in factors:
        vectors = _name_vectors(blocks, factors)
        for space, weight in (("object", 1.0), ("semantic", 0.7)):
            blocks.add(space, vectors, [f"name {place}" for place in range(vectors.shape[1])], weight=weight)


def _from_networks(blocks: _Blocks) -> None:
    from counterpoint.encoders.targets import PictureTarget

    stimuli = blocks.stimuli
    if stimuli.images is None:
        raise CounterpointError("These stimuli have no pictures.", "A network needs some.", "features=ARRAY")
    images = np.asarray(stimuli.images[np.arange(len(stimuli))])
    energy, names, centres = gabor_energy(images)
    blocks.add("low", energy, names, centres=centres, columnwise=True)
    parts = (images[: blocks.reference], images[blocks.reference :])  # people share the first: embedded once
    pooled = np.concatenate([PictureTarget().embed(part)[:, 0] for part in parts if len(part)])
    blocks.add("object", pooled, [f"efficientnet_lite0 {place}" for place in range(pooled.shape[1])])
    _add_categories(blocks, ("semantic",))
    vectors = _text_vectors(blocks)
    if vectors is not None:
        weight = 0.7 if stimuli.labels is not None else 1.0
        blocks.add("semantic", vectors, [f"text {place}" for place in range(vectors.shape[1])], weight=weight)


def _from_array(blocks: _Blocks, features: Any) -> None:
    stimuli, values = blocks.stimuli, np.asarray(features, np.float64)
    if values.ndim != 2 or len(values) != len(stimuli) or not np.isfinite(values).all():
        raise CounterpointError(f"features has shape {values.shape}.",
                                f"({len(stimuli)}, d) finite numbers, one row per picture, were expected.")
    names = [f"feature {place}" for place in range(values.shape[1])]
    if stimuli.images is None:
        blocks.add("low", values @ blocks.rng.standard_normal((values.shape[1], 32)),
                   [f"projection {place}" for place in range(32)], columnwise=True)
        blocks.notes.append("no pictures: early visual voxels see a random projection of the features")
    else:
        energy, kinds, centres = gabor_energy(np.asarray(stimuli.images[np.arange(len(stimuli))]))
        blocks.add("low", energy, kinds, centres=centres, columnwise=True)
    blocks.add("object", values, names)
    if stimuli.labels is None:
        blocks.add("semantic", values @ blocks.rng.standard_normal((values.shape[1], 16)),
                   [f"meaning {place}" for place in range(16)], columnwise=True)
        blocks.notes.append("no labels: meaning is a random projection of the features")
    else:
        _add_categories(blocks, ("semantic",))


def _add_categories(blocks: _Blocks, spaces: tuple[str, ...]) -> None:
    stimuli = blocks.stimuli
    if stimuli.labels is None:
        return
    factors: dict[str, NDArray[Any]] = getattr(stimuli, "factors", {})
    key = next((key for key in ("category", "shape") if key in factors), None)
    labels = stimuli.labels if key is None else np.take_along_axis(factors[key], _largest_first(factors), 1)
    names = stimuli.class_names or [str(label) for label in range(int(stimuli.labels.max()) + 1)]
    for space in spaces:
        blocks.add(space, blocks.one_hot(labels, names), [f"category {name}" for name in names])


def _largest_first(factors: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    main = factors["main"]
    return np.stack([main, 1 - main], 1)


def _weights(objects: int) -> NDArray[np.float64]:
    return np.array([1.0, *[SECOND] * (objects - 1)])


def _name_vectors(blocks: _Blocks, factors: dict[str, NDArray[Any]], dims: int = 24) -> NDArray[np.float64]:
    """Random vectors for names, the same whichever other names occur."""
    nouns = np.take_along_axis(factors["noun"], _largest_first(factors), 1)
    unique, place = np.unique(nouns, return_inverse=True)
    base = int(blocks.rng.integers(2**32))
    table = np.stack([np.random.default_rng([base, *str(noun).encode()]).standard_normal(dims) if noun else
                      np.zeros(dims) for noun in unique])
    return np.einsum("nkd,k->nd", table[place.reshape(nouns.shape)], _weights(nouns.shape[1]))


def _text_vectors(blocks: _Blocks) -> NDArray[np.float64] | None:
    """Sentence embeddings of the things' names, or of captions; without the network, random vectors for names."""
    from counterpoint.encoders.targets import TextTarget

    stimuli = blocks.stimuli
    factors: dict[str, NDArray[Any]] = getattr(stimuli, "factors", {})
    try:
        if "noun" in factors:
            nouns = np.take_along_axis(factors["noun"], _largest_first(factors), 1)
            unique, place = np.unique(nouns, return_inverse=True)
            table = TextTarget().embed([f"a photo of a {noun}" for noun in unique]) * (unique != "")[:, None]
            return np.einsum("nkd,k->nd", table[place.reshape(nouns.shape)], _weights(nouns.shape[1]))
        if stimuli.captions is None or "shape" in factors:
            return None
        counts = [len(texts) for texts in stimuli.captions]
        vectors = TextTarget().embed([text for texts in stimuli.captions for text in texts])
        return np.add.reduceat(vectors, np.r_[0, np.cumsum(counts)[:-1]]) / np.array(counts)[:, None]
    except CounterpointError:
        blocks.notes.append("no sentence encoder (extra text-weights): names have random vectors")
        return _name_vectors(blocks, factors) if "noun" in factors else None
