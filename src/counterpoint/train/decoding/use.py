"""A trained decoder on responses: which picture was seen, what it looked like, as arrays on disk."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.base.decoder import Decoder
from counterpoint.base.recipe import Recipe
from counterpoint.brain.spec import BrainViews
from counterpoint.brain.subject import Subject
from counterpoint.brain.targets import Targets
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import write_atomic
from counterpoint.data.decode import decode
from counterpoint.data.folder import pictures_below
from counterpoint.encoders.targets import PictureTarget, TextTarget
from counterpoint.train.decoding.pictures import Painter, try_painter
from counterpoint.train.decoding.predictions import Predictions, predict
from counterpoint.train.decoding.world import World
from counterpoint.train.model import load

NEAREST = 5


def decode_to_file(run: str | Path, *, data: str | None, subject: str | None, split: str, gallery: str | None,
                   out: Path, reconstruct: bool, generator: str = "") -> Path:
    """Decode a split of one person with a trained run and write arrays.

    ``stimulus_id (n,)``, ``embedding (n, dim)``, ``nearest (n, 5)`` with ``similarity (n, 5)`` into
    ``gallery_id (m,)``, ``rank (n,)`` of the true picture where it is in the gallery, and ``picture (n, 3, 64, 64)``
    where the shipped generator reads the targets. The gallery is the part's own pictures (or captions, for a run that
    is matched with those), or all pictures below a folder, whose names are then in ``gallery_name (m,)``.
    """
    if out.suffix != ".npz":
        raise CounterpointError(f"--out {out} has no .npz ending.", "", f"--out {out.with_suffix('.npz')}")
    model = load(run)
    learner, recipe = model.learner, model.recipe
    if not isinstance(learner, Decoder):
        raise CounterpointError(f"{recipe.name} is no brain decoder.", "", f"counterpoint embed {run} --data FOLDER")
    changes: dict[str, Any] = {"subjects": (subject,) if subject else recipe.data.subjects[:1]}
    if data is not None:
        changes |= {"source": data, "options": {}}
    person = dataclasses.replace(recipe.data, **changes).load(recipe.seed)[0]
    known_voxels(learner, person)
    ids = person.stimuli(split)
    found = predict(learner, person, ids, seed=recipe.seed)
    names, embedded = gallery_of(person, ids, gallery, recipe.views)
    targets = empty_targets(learner)
    arrays = retrieved(found, targets.centred(embedded), names["gallery_id"]) | names
    if gallery is None:
        arrays["rank"] = rank(arrays.pop("all_similarity"))
    if reconstruct:
        arrays |= painted(recipe, World([person], targets, [], [], [ids]), found, generator)
    arrays.pop("all_similarity", None)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return write_atomic(out, buffer.getvalue())


def painted(recipe: Recipe, world: World, found: Predictions, generator: str) -> dict[str, np.ndarray]:
    """Reconstructions by the pipeline that was named, else by the shipped generator where it reads the targets."""
    painter = Painter(recipe, world, generator) if generator else try_painter(recipe, world)[0]
    if painter is None:
        return {}
    source = found["prior"] if "prior" in found else \
        found["retrieval"] / np.linalg.norm(found["retrieval"], axis=-1, keepdims=True).clip(1e-12)  # as targets are
    return {"picture": painter.paint(source, found["retrieval"], latent=found.get("latent"), seed=recipe.seed)}


def known_voxels(learner: Decoder, person: Subject) -> None:
    """Refuse a person whom the model does not know, or whose voxels are others than in training."""
    learner.encoder.check_person(person.name, person.voxels)


def gallery_of(person: Subject, ids: np.ndarray, folder: str | None,
               views: BrainViews) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Ids (and file names) of what there is to choose from, and its embeddings as the frozen network gives them."""
    if not views.picture:
        if folder is not None:
            raise CounterpointError("This run matches responses with captions, not with pictures.", "",
                                    "leave --gallery out")
        return {"gallery_id": ids}, mean_captions(person.data.captions(ids), views)
    target = PictureTarget(views.picture, views.picture_weights, views.picture_size, views.layer)
    if folder is None:
        return {"gallery_id": ids}, target.embed(person.data.images(ids))
    files = pictures_below(Path(folder)) if Path(folder).is_dir() else []
    if not files:
        raise CounterpointError(f"--gallery {folder} holds no pictures.", "A folder of picture files was expected.")
    pictures = np.stack([decode(file, size=views.picture_size, channels=3) for file in files])
    names = np.array([file.relative_to(folder).as_posix() for file in files], dtype=np.str_)
    return {"gallery_id": np.arange(len(files)), "gallery_name": names}, target.embed(pictures)


def mean_captions(captions: list[list[str]], views: BrainViews) -> np.ndarray:
    """``(n, 1, dim)`` means of the unit embeddings of each picture's texts: targets where no picture network is."""
    counts = np.array([len(texts) for texts in captions])
    flat = unit(TextTarget(views.text, views.text_weights).embed([text for texts in captions for text in texts]))
    found: np.ndarray = np.add.reduceat(flat, np.cumsum(counts) - counts, axis=0) / counts[:, None]
    return found[:, None]


def empty_targets(learner: Decoder) -> Targets:
    """How the model's targets are centred, without any picture."""
    rotation = learner.target_rotation
    return Targets(ids=np.zeros(0, np.int64), picture=np.zeros((0, learner.tokens, learner.dim), np.float32),
                   mean=learner.target_mean.cpu().numpy(), scale=float(learner.target_scale),
                   rotation=None if rotation is None else rotation.cpu().numpy())


def retrieved(found: Predictions, gallery: np.ndarray, names: np.ndarray) -> dict[str, Any]:
    """Nearest pictures of the gallery by cosine."""
    a = unit(found["retrieval"])
    similarity = a @ unit(gallery[:, :found["retrieval"].shape[1]]).T
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :NEAREST]
    return {"stimulus_id": found.ids, "embedding": a, "gallery_id": names, "nearest": names[order],
            "similarity": np.take_along_axis(similarity, order, axis=1), "all_similarity": similarity}


def rank(similarity: np.ndarray) -> np.ndarray:
    """1-based rank of the diagonal in its row."""
    found: np.ndarray = 1 + (similarity > np.diag(similarity)[:, None]).sum(1)
    return found


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of unit length, flattened."""
    flat = x.reshape(len(x), -1)
    found: np.ndarray = flat / np.linalg.norm(flat, axis=1, keepdims=True).clip(1e-12)
    return found.astype(np.float32)
