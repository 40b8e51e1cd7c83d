"""Encoders of pictures by name: the built-in ConvNet and every timm model, with stems for small pictures."""

from __future__ import annotations

from torch import nn

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.encoders.convnet import ConvNet
from counterpoint.encoders.encoder import Encoder
from counterpoint.encoders.spec import ImageEncoder
from counterpoint.encoders.weights import load_weights


def create(
    name: str,
    *,
    channels: int,
    size: int,
    width: int = 32,
    depth: int = 5,
    stem: str = "auto",
    weights: str = "",
    pool: str = "mean",
) -> Encoder:
    """Build an encoder; the settings are those of :class:`~counterpoint.encoders.spec.ImageEncoder`.

    Parameters
    ----------
    name : str
        ``"convnet"`` or the name of a timm model.
    channels : int
        Channels of the pictures: 1, 3 or any other number.
    size : int
        Side of the pictures in pixels; decides the stem when that is ``"auto"``, and fixes the input size of
        transformers with absolute positions.

    Raises
    ------
    CounterpointError
        Unknown name (with the closest one), a stem or a pooling that the model does not have, weights that
        do not fit it, or fewer than 1 channel or 8 pixels.

    Examples
    --------
    >>> create("convnet", channels=3, size=32, width=16).dim
    64
    """
    settings = ImageEncoder(name=name, width=width, depth=depth, stem=stem, weights=weights, pool=pool)
    if channels < 1 or size < 8:
        raise CounterpointError(
            f"Pictures of {size} pixels with {channels} channels cannot be encoded.",
            "8 pixels and 1 channel, or more, are needed.",
            "--data.size 32",
        )
    if name == "convnet":
        if pool == "token":
            raise CounterpointError("The convnet has no class token.", "", "--encoder.pool mean")
        encoder: Encoder = ConvNet(
            channels=channels, width=width, depth=depth, pool=pool, small_stem=settings.small_stem(size)
        )
    else:
        encoder = _timm_encoder(settings, channels=channels, size=size)
    if weights:
        network: nn.Module = getattr(encoder, "network", encoder)
        load_weights(network, weights, name=name)
    return encoder


def _timm_encoder(settings: ImageEncoder, *, channels: int, size: int) -> Encoder:
    import timm

    from counterpoint.encoders.timm_models import TimmEncoder

    known = timm.list_models()
    if settings.name.split(".")[0] not in known:
        raise unknown("encoder", settings.name, ["convnet", *known], "--encoder.name convnet")
    return TimmEncoder(settings, channels=channels, size=size)
