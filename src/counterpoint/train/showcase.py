"""What the report shows of the pictures: a sample of embeddings, neighbours, views, confusion; as arrays."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from counterpoint.base.findings import Grid
from counterpoint.base.learner import Learner
from counterpoint.core.files import write_atomic
from counterpoint.data.source import ImageSource
from counterpoint.evaluate.classes import confusion
from counterpoint.evaluate.neighbours import nearest
from counterpoint.train.features import evaluating

SAMPLE, QUERIES, NEIGHBOURS, PICTURES, SIDE = 2000, 12, 8, 8, 64


def write_examples(path: Path, grids: Sequence[Grid]) -> list[dict[str, Any]]:
    """Write the pictures that a system shows of itself as ``grid0``, ``grid1`` ...; titles for evaluation.json."""
    if grids:
        arrays = {f"grid{number}": grid.pictures if grid.pictures.dtype == np.uint8 else
                  (np.clip(grid.pictures, 0, 1) * 255).round().astype(np.uint8) for number, grid in enumerate(grids)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        write_atomic(path, buffer.getvalue())
    return [{"title": grid.title, "rows": list(grid.rows), "words": grid.words} for grid in grids]


def write_showcase(path: Path, learner: Learner, train: ImageSource, test: ImageSource,
                   features: tuple[np.ndarray, np.ndarray], predictions: np.ndarray | None) -> Path:
    """Write embeddings.npz: the keys are those that the run folder's description names."""
    rng = np.random.default_rng(learner.settings.seed)
    index = np.sort(rng.permutation(len(test))[:SAMPLE])
    query = rng.permutation(len(index))[:QUERIES]
    bank, queries = torch.as_tensor(features[0]), torch.as_tensor(features[1][index[query]])
    similarity, rows = nearest(queries, bank, min(NEIGHBOURS, len(bank)))
    used, places = np.unique(np.asarray(rows), return_inverse=True)
    names = list(test.class_names)
    found = {
        "embedding": features[1][index].astype(np.float32), "index": index, "thumbnail": thumbnails(test, index),
        "query": query, "neighbour": places.reshape(np.asarray(rows).shape),
        "neighbour_similarity": np.asarray(similarity, dtype=np.float32), "bank_thumbnail": thumbnails(train, used),
        "views": example_views(learner, train), "class_names": np.array(names or [""], dtype=np.str_)}
    if test.labels is not None and train.labels is not None:
        found |= {"label": test.labels[index], "bank_label": train.labels[used]}
    if predictions is not None and test.labels is not None:
        known = test.labels[test.labels >= 0]
        classes = int(max(known.max(), predictions.max())) + 1
        found["confusion"] = confusion(known, predictions, num_classes=classes)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **found)  # type: ignore[arg-type]
    return write_atomic(path, buffer.getvalue())


def thumbnails(source: ImageSource, indices: np.ndarray) -> np.ndarray:
    """uint8 pictures of at most 64 pixels."""
    images = torch.as_tensor(np.ascontiguousarray(source.images[indices]))
    if images.is_floating_point():
        images = (images * 255).round().to(torch.uint8)
    if min(images.shape[2:]) > SIDE:
        images = torch.nn.functional.interpolate(images.float(), size=(SIDE, SIDE), mode="bilinear",
                                                 antialias=True).round().clamp(0, 255).to(torch.uint8)
    return images.numpy()


def example_views(learner: Learner, source: ImageSource) -> np.ndarray:
    """``(pictures, 1 + views, channels, height, width)`` in 0..1: each picture, then its full-size views."""
    count = min(PICTURES, len(source))
    rows = np.random.default_rng(learner.settings.seed).permutation(len(source))[:count]
    images = torch.as_tensor(np.ascontiguousarray(source.images[rows]))
    generator = torch.Generator().manual_seed(learner.settings.seed)
    with evaluating(learner):
        views, _ = learner.view_maker(images, generator)
        plain = learner.view_maker.plain(images)
    size = views[0].shape[-1]
    plain = torch.nn.functional.interpolate(plain, size=(size, size), mode="bilinear", antialias=True)
    stack = torch.stack([plain, *(view for view in views if view.shape[-1] == size)], dim=1).float()
    low, high = stack.amin(dim=(1, 2, 3, 4), keepdim=True), stack.amax(dim=(1, 2, 3, 4), keepdim=True)
    return ((stack - low) / (high - low).clamp_min(1e-6)).numpy()
