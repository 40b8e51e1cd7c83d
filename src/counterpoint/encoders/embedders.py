"""Frozen networks behind one door: arrays of pictures or lists of texts in, float32 embeddings out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.targets import PictureTarget, TextTarget


class PictureEmbedder(nn.Module, ABC):
    """A frozen network from pictures to embeddings; it stays in evaluation mode and has no gradients of its own.

    Attributes
    ----------
    name : str
        As in :class:`~counterpoint.encoders.targets.PictureTarget`.
    tokens : int
        Vectors for each picture.
    dim : int
        Length of each vector.
    """

    name: str
    tokens: int
    dim: int

    @abstractmethod
    def embed_tensor(self, images: Tensor) -> Tensor:
        """Differentiable: ``(n, 3, height, width)`` float in 0..1 to ``(n, tokens, dim)``."""

    def class_logits(self, images: Tensor) -> Tensor:
        """Differentiable: float pictures in 0..1 to ``(n, 1000)`` logits, for ImageNet classifiers alone."""
        raise CounterpointError(
            f"{self.name} has no ImageNet classifier.", "", 'PictureTarget("efficientnet_lite0")'
        )

    def forward(self, images: Tensor) -> Tensor:
        """The same as :meth:`embed_tensor`."""
        return self.embed_tensor(images)

    def train(self, mode: bool = True) -> PictureEmbedder:
        """Stay in evaluation mode: batch statistics would make an embedding depend on its neighbours."""
        super().train(False)
        return self

    def embed(self, images: NDArray[np.uint8], batch: int = 64) -> NDArray[np.float32]:
        """Embed stored pictures.

        Parameters
        ----------
        images : ndarray
            ``(n, 3, height, width)`` uint8; one channel is taken as grey.
        batch : int
            Pictures at a time.

        Returns
        -------
        ndarray
            ``(n, tokens, dim)`` float32.

        Raises
        ------
        CounterpointError
            Another type or layout.
        """
        parts = [self.embed_tensor(part).float().cpu().numpy() for part in self._parts(images, batch)]
        return np.concatenate(parts) if parts else np.empty((0, self.tokens, self.dim), np.float32)

    def class_probabilities(self, images: NDArray[np.uint8], batch: int = 64) -> NDArray[np.float32]:
        """ImageNet class probabilities ``(n, 1000)`` of stored pictures."""
        parts = [
            self.class_logits(part).softmax(1).float().cpu().numpy() for part in self._parts(images, batch)
        ]
        return np.concatenate(parts) if parts else np.empty((0, 1000), np.float32)

    def _parts(self, images: NDArray[np.uint8], batch: int) -> Iterator[Tensor]:
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[1] not in (1, 3) or images.dtype != np.uint8:
            raise CounterpointError(
                f"Pictures of shape {images.shape} and type {images.dtype} were given.",
                "(n, 3, height, width) uint8 was expected.",
            )
        if batch < 1:
            raise CounterpointError(f"batch={batch}.", "1 picture or more was expected.", "batch=64")
        device = next((value.device for value in self.parameters()), torch.device("cpu"))
        for low in range(0, len(images), batch):
            part = torch.from_numpy(np.ascontiguousarray(images[low : low + batch])).to(device)
            yield part.expand(-1, 3, -1, -1).float() / 255


class TextEmbedder(ABC):
    """Texts to embeddings.

    Attributes
    ----------
    name : str
        As in :class:`~counterpoint.encoders.targets.TextTarget`.
    dim : int
        Length of each embedding.
    """

    name: str
    dim: int

    @abstractmethod
    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        """One batch, not empty."""

    def embed(self, texts: Sequence[str], batch: int = 64) -> NDArray[np.float32]:
        """Texts to ``(n, dim)`` float32, ``batch`` at a time."""
        if isinstance(texts, str):
            raise CounterpointError("One string was given.", "A list of texts was expected.", "embed([text])")
        texts = [str(text) for text in texts]
        parts = [self._embed(texts[low : low + batch]) for low in range(0, len(texts), batch)]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), np.float32)


def picture_embedder(target: PictureTarget) -> PictureEmbedder:
    """Build the frozen network of ``target``.

    Raises
    ------
    CounterpointError
        Missing library, folder or weights, or weights that could run code when opened.
    """
    from counterpoint.encoders import picture_networks as networks

    kind, _, rest = target.name.partition(":")
    embedder: PictureEmbedder
    if kind == "clip":
        embedder = networks.ClipPictures(rest, layer=target.layer, tokens=target.tokens)
    elif kind == "open_clip":
        embedder = networks.OpenClipPictures(
            rest, weights=target.weights, layer=target.layer, tokens=target.tokens
        )
    else:
        embedder = networks.Lite0Pictures(target)
    return embedder.requires_grad_(False).eval()


def text_embedder(target: TextTarget) -> TextEmbedder:
    """Build the frozen network of ``target``; errors as :func:`picture_embedder`."""
    from counterpoint.encoders import text_networks as networks

    kind, _, rest = target.name.partition(":")
    if kind == "clip":
        return networks.ClipTexts(rest)
    if kind == "open_clip":
        return networks.OpenClipTexts(rest, weights=target.weights)
    return networks.HashedTexts() if kind == "hash" else networks.MiniLM(target.weights)
