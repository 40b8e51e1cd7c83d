"""Features of a whole source: blocks of pictures through a network in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from counterpoint.base.learner import Learner
from counterpoint.core.typing import Batch
from counterpoint.data.source import ImageSource

BLOCK = 512


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the mode and torch's generators are as before afterwards."""
    training, state = module.training, torch.get_rng_state()
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)
        torch.set_rng_state(state)


def blocks(source: ImageSource, indices: np.ndarray | None = None, *, size: int = BLOCK) -> Iterator[Tensor]:
    """The pictures of ``source`` at ``indices`` (all by default), as tensors of at most ``size`` pictures."""
    chosen = np.arange(len(source)) if indices is None else indices
    for start in range(0, len(chosen), size):
        yield torch.as_tensor(np.ascontiguousarray(source.images[chosen[start:start + size]]))


def plain_batch(learner: Learner, images: Tensor) -> Batch:
    """A batch whose single view is the picture itself, normalised, at the size the encoder was trained on."""
    images = images.to(learner.device)
    view, size = learner.view_maker.plain(images), learner.settings.views.size
    if size is not None and tuple(view.shape[2:]) != (size, size):
        view = functional.interpolate(view, size=(size, size), mode="bilinear", antialias=True)
    return cast(Batch, {"image": images, "views": [view]})


def embed_source(learner: Learner, source: ImageSource, indices: np.ndarray | None = None) -> np.ndarray:
    """``(n, dim)`` float32 embeddings by the learner's own ``embed``."""
    return collect_source(learner, source, indices, learner.embed)


def encode_source(learner: Learner, encoder: nn.Module, source: ImageSource,
                  indices: np.ndarray | None = None) -> np.ndarray:
    """``(n, dim)`` float32 outputs of any network on the learner's plain pictures."""
    with evaluating(encoder):
        return collect_source(learner, source, indices, lambda batch: encoder(batch["views"][0]))


def project(learner: Learner, features: np.ndarray) -> np.ndarray:
    """Features through the learner's projector, which must be there."""
    if learner.projector is None:
        raise TypeError(f"{type(learner).__name__} has no projector")
    with evaluating(learner):
        parts = [learner.projector(torch.as_tensor(features[i:i + 4096], device=learner.device)).float().cpu()
                 for i in range(0, len(features), 4096)]
    return torch.cat(parts).numpy()


def collect_source(learner: Learner, source: ImageSource, indices: np.ndarray | None,
                   function: Callable[[Batch], Tensor]) -> np.ndarray:
    """``function`` of plain batches over a source, in evaluation mode, as one float32 array."""
    with evaluating(learner):
        return torch.cat([function(plain_batch(learner, images)).float().cpu()
                          for images in blocks(source, indices)]).numpy()
