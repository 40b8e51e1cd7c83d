"""The other voice: what frozen networks make of the pictures and captions that people saw, row by stimulus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from counterpoint.brain.spec import BrainViews
from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.targets import PictureTarget, TextTarget

BLOCK = 512
COMPARED = 16
"""Pictures that are looked at to see whether two people number theirs alike."""


@dataclass(frozen=True)
class Targets:
    """Embeddings of every stimulus of a run.

    Attributes
    ----------
    ids : numpy.ndarray
        ``(n,)`` sorted stimulus ids.
    picture : numpy.ndarray
        ``(n, tokens, dim)`` float32, centred and scaled where the settings say so.
    mean, rotation, scale : numpy.ndarray, numpy.ndarray or None, float
        ``(tokens, raw dim)``, ``(raw dim, dim)`` and the factor that were applied:
        ``(raw - mean) @ rotation * scale``.
    before : numpy.ndarray or None
        ``(n, tokens, raw dim)`` as the network gave them, kept where a rotation left directions out.
    text : numpy.ndarray or None
        ``(n, captions, dim)`` float32 of unit length; ``captions_of (n,)`` says how many each picture has.
    latent : numpy.ndarray or None
        ``(n, 4, 8, 8)`` float32 of the shipped autoencoder.
    maps, maps_varied : numpy.ndarray or None
        ``(n, places, channels)`` float16 of the picture and of a varied copy of it.
    labels : numpy.ndarray or None
        ``(n,)`` int64, -1 unknown, of ``class_names``.
    """

    ids: np.ndarray = field(repr=False)
    picture: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    scale: float = 1.0
    rotation: np.ndarray | None = field(default=None, repr=False)
    before: np.ndarray | None = field(default=None, repr=False)
    text: np.ndarray | None = field(default=None, repr=False)
    captions_of: np.ndarray | None = field(default=None, repr=False)
    latent: np.ndarray | None = field(default=None, repr=False)
    maps: np.ndarray | None = field(default=None, repr=False)
    maps_varied: np.ndarray | None = field(default=None, repr=False)
    labels: np.ndarray | None = field(default=None, repr=False)
    class_names: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """Vectors per picture."""
        return int(self.picture.shape[1])

    @property
    def dim(self) -> int:
        """Length of each vector."""
        return int(self.picture.shape[2])

    def rows(self, ids: Any) -> np.ndarray:
        """Positions of stimulus ids."""
        return np.searchsorted(self.ids, np.asarray(ids, dtype=np.int64))

    def centred(self, raw: np.ndarray) -> np.ndarray:
        """Further embeddings of the same network as :attr:`picture` holds them."""
        shifted = raw - self.mean
        found: np.ndarray = ((shifted if self.rotation is None else shifted @ self.rotation) * self.scale)
        return found.astype(np.float32)

    def raw(self, values: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`centred` (within the kept directions): as the network gives them."""
        turned = values / self.scale
        if self.rotation is not None:
            turned = turned @ np.linalg.pinv(self.rotation)
        found: np.ndarray = turned + self.mean
        return found.astype(np.float32)

    def rebased(self, mean: np.ndarray, rotation: np.ndarray | None, scale: float) -> Targets:
        """The same pictures as another run centred and scaled them; bit for bit as they are where it did the same."""
        new, own = (np.zeros(0) if turned is None else turned for turned in (rotation, self.rotation))
        if scale == self.scale and np.array_equal(new, own) and np.array_equal(mean, self.mean):
            return self
        raw = self.raw(self.picture) if self.before is None else self.before
        found = replace(self, mean=mean, rotation=rotation, scale=scale, before=None if rotation is None else raw)
        return replace(found, picture=found.centred(raw))


def build_targets(people: Sequence[Subject], views: BrainViews, train_ids: np.ndarray) -> Targets:
    """Embed every picture and caption that the people saw; statistics come from ``train_ids`` alone.

    Raises
    ------
    CounterpointError
        Pictures or captions that the settings ask for and the data do not have; equal ids for different pictures.
    """
    ids = np.unique(np.concatenate([_wanted_ids(person) for person in people]))
    owner = _owners(people, ids)
    if not views.picture and not views.text:
        raise CounterpointError("Nothing to match responses with: neither a picture nor a text network is named.", "",
                                "--views.picture efficientnet_lite0")
    _refuse_clashes(people, ids, owner)
    text, counts = _texts(people, ids, owner, views) if views.text else (None, None)
    if views.picture:
        target = PictureTarget(views.picture, views.picture_weights, views.picture_size, views.layer)
        raw = _gathered(people, ids, owner, target.embed)
    else:  # no pictures: the mean caption takes their place
        raw = (np.asarray(text).sum(1) / np.asarray(counts)[:, None])[:, None]
    labels, names = _labels(people, ids, owner)
    found = Targets(ids=ids, picture=raw, mean=np.zeros(raw.shape[1:], np.float32), text=text, captions_of=counts,
                    labels=labels, class_names=names)
    found = _standardised(found, views, train_ids)
    if views.latent:
        found = replace(found, latent=_latents(people, ids, owner))
    if views.maps:
        plain, varied = _maps(people, ids, owner, views)
        found = replace(found, maps=plain, maps_varied=varied)
    return found


def _wanted_ids(person: Subject) -> np.ndarray:
    """Ids of everything that was shown, and of what was only imagined where the data have a picture or text of it."""
    data = person.data
    imagined = data.split == "imagery"
    known = np.isin(data.stimulus_id, data.stimuli.ids if data.stimuli else [])
    ids: np.ndarray = data.stimulus_id[~imagined | known]
    return ids


def _owners(people: Sequence[Subject], ids: np.ndarray) -> np.ndarray:
    """The first person who saw each picture and whose data hold it."""
    owner = np.full(len(ids), -1)
    for number in reversed(range(len(people))):
        owner[np.searchsorted(ids, np.unique(_wanted_ids(people[number])))] = number
    return owner


def _refuse_clashes(people: Sequence[Subject], ids: np.ndarray, owner: np.ndarray) -> None:
    """Refuse ids under which people saw different pictures; a few of those that two people share are compared."""
    for person in people:
        mine = np.unique(person.data.stimulus_id)
        for number in np.unique(owner[np.searchsorted(ids, mine)]):
            other = people[number]
            shared = mine[owner[np.searchsorted(ids, mine)] == number]
            some = np.unique(shared[np.linspace(0, len(shared) - 1, min(COMPARED, len(shared))).astype(np.int64)])
            a, b = person.data.stimuli, other.data.stimuli
            if other is person or a is b or a is None or b is None or a.images is None or b.images is None:
                continue
            left, right = person.data.images(some), other.data.images(some)
            unlike = (left != right).any(axis=(1, 2, 3)) if left.shape == right.shape else np.zeros(len(some), bool)
            if unlike.any():
                raise CounterpointError(f"{other.name} and {person.name} saw different pictures under one id, "
                                        f"{some[unlike][0]}.", "People who train together share their ids.")


def _gathered(people: Sequence[Subject], ids: np.ndarray, owner: np.ndarray, function: Any) -> np.ndarray:
    """``function(images)`` block by block, each picture from its owner, in the order of ``ids``."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for number, person in enumerate(people):
        mine = np.flatnonzero(owner == number)
        for start in range(0, len(mine), BLOCK):
            rows = mine[start:start + BLOCK]
            found.append((rows, function(person.data.images(ids[rows]))))
    order = np.argsort(np.concatenate([rows for rows, _ in found]), kind="stable")
    joined: np.ndarray = np.concatenate([values for _, values in found])[order]
    return joined


def _latents(people: Sequence[Subject], ids: np.ndarray, owner: np.ndarray) -> np.ndarray:
    from counterpoint.brain.autoencoder import load_autoencoder

    codec = load_autoencoder()
    return _gathered(people, ids, owner, lambda images: codec.encode(images).detach().cpu().numpy())


def _maps(people: Sequence[Subject], ids: np.ndarray, owner: np.ndarray,
          views: BrainViews) -> tuple[np.ndarray, np.ndarray]:
    target = PictureTarget(views.picture, views.picture_weights, views.picture_size, "map")

    def varied(images: np.ndarray) -> np.ndarray:
        return target.embed(_vary(images)).astype(np.float16)

    plain = _gathered(people, ids, owner, lambda images: target.embed(images).astype(np.float16))
    return plain, _gathered(people, ids, owner, varied)


def _vary(images: np.ndarray) -> np.ndarray:
    """Another brightness, contrast and colour for each picture, places unchanged; seeded by the pictures' number."""
    generator = np.random.default_rng(len(images))
    gain = generator.uniform(0.6, 1.4, (len(images), 3, 1, 1)) * generator.uniform(0.8, 1.2, (len(images), 1, 1, 1))
    mean = images.mean(axis=(2, 3), keepdims=True)
    return np.clip((images - mean) * gain + mean * generator.uniform(0.8, 1.2, (len(images), 1, 1, 1)), 0,
                   255).astype(np.uint8)


def _texts(people: Sequence[Subject], ids: np.ndarray, owner: np.ndarray,
           views: BrainViews) -> tuple[np.ndarray, np.ndarray]:
    captions: list[list[str]] = [[] for _ in ids]
    for number, person in enumerate(people):
        mine = np.flatnonzero(owner == number)
        for row, texts in zip(mine, person.data.captions(ids[mine]), strict=True):
            captions[row] = list(texts)
    counts = np.array([len(texts) for texts in captions])
    if not counts.all():
        raise CounterpointError(f"{np.count_nonzero(counts == 0)} pictures have no caption.",
                                "One text or more per picture was expected.", '--views.text ""')
    flat = TextTarget(views.text, views.text_weights).embed([text for texts in captions for text in texts])
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    found = np.zeros((len(ids), counts.max(), flat.shape[1]), np.float32)
    found[np.arange(counts.max()) < counts[:, None]] = flat
    return found, counts


def _labels(people: Sequence[Subject], ids: np.ndarray,
            owner: np.ndarray) -> tuple[np.ndarray | None, tuple[str, ...]]:
    names = tuple(people[0].data.stimuli.class_names) if people[0].data.stimuli else ()
    found = np.full(len(ids), -1)
    for number, person in enumerate(people):
        stimuli, mine = person.data.stimuli, np.flatnonzero(owner == number)
        if stimuli is None or stimuli.labels is None or tuple(stimuli.class_names) != names:
            continue
        found[mine] = stimuli.labels[stimuli.rows(ids[mine])]
    return (found, names) if (found >= 0).any() else (None, ())


def _standardised(found: Targets, views: BrainViews, train_ids: np.ndarray) -> Targets:
    """Statistics of the training pictures, applied to all."""
    train = found.picture[found.rows(np.unique(train_ids))].astype(np.float64)
    mean = train.mean(0) if views.centre else np.zeros(train.shape[1:])
    rotation = None
    if views.components or views.whiten:
        if train.shape[1] != 1:
            raise CounterpointError(f"Pictures have {train.shape[1]} tokens.", "Principal directions are of one.",
                                    "--views.layer pooled")
        _, values, directions = np.linalg.svd((train - mean)[:, 0], full_matrices=False)
        kept = min(views.components or len(values), int((values > 1e-4 * values[0]).sum()))
        rotation = directions[:kept].T / (values[:kept] if views.whiten else 1.0)
    shifted = train - mean if rotation is None else (train - mean) @ rotation
    scale = float(np.float32(1.0 / max(float(np.sqrt((shifted**2).sum(-1).mean())), 1e-12)))  # as a buffer keeps it
    return found.rebased(mean.astype(np.float32), None if rotation is None else rotation.astype(np.float32), scale)
