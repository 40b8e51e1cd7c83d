"""Which frozen network a brain response, a caption or a generated picture is compared with, as typed settings.

Nothing here imports torch; ``build`` does, and ``embed`` only where the answer is not stored already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.encoders._embedding_cache import cached, digest_pictures, digest_texts

if TYPE_CHECKING:
    from counterpoint.encoders.embedders import PictureEmbedder, TextEmbedder

PICTURES = ("efficientnet_lite0", "random", "open_clip:MODEL", "clip:FOLDER")
TEXTS = ("minilm", "hash", "open_clip:MODEL", "clip:FOLDER")
LAYERS = ("pooled", "map", "blocks")


@dataclass(frozen=True)
class PictureTarget:
    """A frozen network that pictures are described with: one vector, or one for each place.

    Attributes
    ----------
    name : str
        ``"efficientnet_lite0"`` (ImageNet weights of the extra ``vision-weights``), ``"random"`` (the same
        network untrained, for controls), ``"clip:FOLDER"`` (a CLIP of the transformers library in a local
        folder) or ``"open_clip:MODEL"`` (a model name of open_clip, its file in ``weights``).
    weights : str
        A local safetensors file; needed for open_clip, optional for EfficientNet-Lite0 (timm's names),
        unused otherwise. Nothing is downloaded and nothing is unpickled.
    size : int
        Side in pixels that EfficientNet-Lite0 sees; pictures are resized to it. A CLIP has its own.
    layer : str
        ``"pooled"``: the final embedding, one vector. ``"map"``: all places of the last layer; for
        EfficientNet-Lite0 its last map of 1,280 channels (4 x 4 places at 128 pixels), for CLIP all tokens
        (see :func:`~counterpoint.encoders.picture_networks.ClipPictures`). ``"blocks"``: EfficientNet-Lite0's
        320 channels before its last convolution.
    tokens : int
        How many vectors a picture gets from ``"map"`` and ``"blocks"``: a square number that the map is
        averaged to, or 1 for as many as the network has.

    Raises
    ------
    CounterpointError
        A setting outside these.

    Examples
    --------
    >>> PictureTarget().layer
    'pooled'
    """

    name: str = "efficientnet_lite0"
    weights: str = ""
    size: int = 128
    layer: str = "pooled"
    tokens: int = 1

    def __post_init__(self) -> None:
        _check_name("picture target", self.name, PICTURES, "PictureTarget()")
        if self.layer not in LAYERS:
            raise unknown("layer", self.layer, LAYERS, 'layer="pooled"')
        if self.layer == "blocks" and ":" in self.name:
            raise CounterpointError(
                f'layer="blocks" was asked of {self.name}.', "Only EfficientNet-Lite0 has it.", 'layer="map"'
            )
        if not 32 <= self.size <= 1024:
            raise CounterpointError(
                f"size={self.size}.", "A side of 32 to 1024 pixels was expected.", "size=128"
            )
        if self.tokens < 1 or (self.layer == "pooled" and self.tokens != 1):
            raise CounterpointError(
                f'tokens={self.tokens} with layer="{self.layer}".',
                "The pooled embedding is one vector; a map has one or more.",
                'layer="map", tokens=16',
            )

    def build(self) -> PictureEmbedder:
        """The frozen network (imports torch)."""
        from counterpoint.encoders.embedders import picture_embedder

        return picture_embedder(self)

    def embed(self, images: NDArray[np.uint8], *, batch: int = 64, cache: bool = True) -> NDArray[np.float32]:
        """Embeddings of pictures, read from the cache folder where the same were computed before.

        Parameters
        ----------
        images : ndarray
            ``(n, channels, height, width)`` uint8.
        batch : int
            Pictures at a time.
        cache : bool
            Store what is computed in ``$COUNTERPOINT_CACHE/embeddings``, keyed by the pictures' content,
            these settings and the weights' file.

        Returns
        -------
        ndarray
            ``(n, tokens, dim)`` float32.
        """
        if not cache:
            return self.build().embed(images, batch=batch)
        key = digest_pictures(images)
        return cached(self, key, lambda: self.build().embed(images, batch=batch))


@dataclass(frozen=True)
class TextTarget:
    """A frozen network that captions are read with.

    Attributes
    ----------
    name : str
        ``"minilm"`` (all-MiniLM-L6-v2 of the extra ``text-weights``: 384 numbers, unit length), ``"hash"``
        (signed hashing of words: a plain fallback that needs nothing and knows no synonyms),
        ``"clip:FOLDER"`` or ``"open_clip:MODEL"``, as in :class:`PictureTarget` and in the same space as its
        pooled embedding.
    weights : str
        A local safetensors file for open_clip; for ``"minilm"`` optionally a folder laid out like the
        package's.

    Examples
    --------
    >>> TextTarget("hash").build().embed(["a red ball", "a red ball"]).shape
    (2, 384)
    """

    name: str = "minilm"
    weights: str = ""

    def __post_init__(self) -> None:
        _check_name("text target", self.name, TEXTS, 'TextTarget("hash")')

    def build(self) -> TextEmbedder:
        """The frozen network (imports torch, but for ``"hash"``)."""
        from counterpoint.encoders.embedders import text_embedder

        return text_embedder(self)

    def embed(self, texts: Sequence[str], *, batch: int = 64, cache: bool = True) -> NDArray[np.float32]:
        """Embeddings of texts ``(n, dim)``; cached as :meth:`PictureTarget.embed` does."""
        if not cache or self.name == "hash":
            return self.build().embed(texts, batch=batch)
        return cached(self, digest_texts(texts), lambda: self.build().embed(texts, batch=batch))


def _check_name(kind: str, name: str, known: tuple[str, ...], command: str) -> None:
    fronts = tuple(item.partition(":")[0] + ":" for item in known if ":" in item)
    plain = name in known and ":" not in name
    if not plain and not any(name.startswith(front) and len(name) > len(front) for front in fronts):
        raise unknown(kind, name, known, command)
