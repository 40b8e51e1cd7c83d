"""Which network turns pictures into vectors, as typed settings; torch is imported by ``build`` alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.core.errors import CounterpointError, unknown

if TYPE_CHECKING:
    from counterpoint.encoders.encoder import Encoder

STEMS = ("auto", "small", "standard")
POOLS = ("mean", "max", "grid", "token")
SMALL_SIDE = 64


@dataclass(frozen=True)
class ImageEncoder:
    """An encoder of pictures: the built-in ConvNet for two CPU cores, or any timm model by its name.

    Attributes
    ----------
    name : str
        ``"convnet"``, or the name of a timm model such as ``"resnet18"`` or ``"vit_tiny_patch16_224"``.
    width : int
        Channels of the ConvNet's first layer; the last layer has four times as many. timm models have their
        own.
    depth : int
        Convolutions of the ConvNet, 4 or more.
    stem : str
        ``"small"`` keeps resolution in the first layers, for pictures of 28 to 64 pixels; ``"standard"`` is
        the model's own; ``"auto"`` takes the small one where the model has one, the pictures have at most
        64 pixels and no ready weights are asked for.
    weights : str
        Empty for random weights, ``"imagenet"`` for those of the extra ``vision-weights``
        (efficientnet_lite0), or the path of a safetensors file (or of a run folder, or its ``model``
        folder).
    pool : str
        How the last map becomes a vector: ``"mean"``, ``"max"``, ``"grid"`` (means of the 2 x 2 quarters
        side by side, so that position survives) or ``"token"`` (class token; transformers only).

    Raises
    ------
    CounterpointError
        A setting outside these.

    Examples
    --------
    >>> ImageEncoder(name="resnet18").small_stem(32), ImageEncoder(name="resnet18").small_stem(224)
    (True, False)
    """

    name: str = "convnet"
    width: int = 32
    depth: int = 5
    stem: str = "auto"
    weights: str = ""
    pool: str = "mean"

    def __post_init__(self) -> None:
        if self.stem not in STEMS:
            raise unknown("stem", self.stem, STEMS, "--encoder.stem auto")
        if self.pool not in POOLS:
            raise unknown("pooling", self.pool, POOLS, "--encoder.pool mean")
        if self.width < 1:
            raise CounterpointError(
                f"encoder.width is {self.width}.",
                "1 channel or more is needed.",
                f"--encoder.width {ImageEncoder.width}",
            )
        if self.depth < 4:
            raise CounterpointError(
                f"encoder.depth is {self.depth}.",
                "The ConvNet has 4 convolutions or more.",
                f"--encoder.depth {ImageEncoder.depth}",
            )

    def small_stem(self, size: int) -> bool:
        """Whether pictures of ``size`` pixels are to meet the small stem."""
        return self.stem == "small" or (
            self.stem == "auto" and size <= SMALL_SIDE and self.weights != "imagenet"
        )

    @property
    def pixels(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and standard deviation of pixels that ready-made weights expect; ``None``: any will do.

        >>> ImageEncoder(name="efficientnet_lite0", weights="imagenet").pixels[0]
        (0.5, 0.5, 0.5)
        """
        return ((0.5,) * 3, (0.5,) * 3) if self.weights == "imagenet" else None

    def build(self, *, channels: int, size: int) -> Encoder:
        """The network for pictures of ``channels`` channels and about ``size`` pixels (imports torch)."""
        from counterpoint.encoders.image import create

        return create(
            self.name,
            channels=channels,
            size=size,
            width=self.width,
            depth=self.depth,
            stem=self.stem,
            weights=self.weights,
            pool=self.pool,
        )
