"""timm models as encoders: maps in one layout whatever the family, and stems for small pictures."""

from __future__ import annotations

from typing import Any

import timm
import torch
from timm.models import get_pretrained_cfg
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.encoder import Encoder
from counterpoint.encoders.pooling import Pool
from counterpoint.encoders.spec import ImageEncoder


class TimmEncoder(Encoder):
    """Any timm model without its classifier.

    Maps are what the model's ``forward_features`` returns, brought to ``(batch, dim, height, width)``:
    channels are moved first where a model keeps them last, and patch tokens are laid out on their grid,
    without class and register tokens. The vector is the pooling of these maps (or the class token with
    ``pool="token"``), so that ``forward`` and ``maps`` agree for every family.

    Parameters
    ----------
    settings : ImageEncoder
        Name, stem and pooling; weights are loaded by :func:`counterpoint.encoders.image.create`.
    channels : int
        Channels of the pictures.
    size : int
        Side of the pictures in pixels.

    Attributes
    ----------
    dim : int
        Length of the vectors.
    network : nn.Module
        The timm model; weight files are matched against its names.
    """

    def __init__(self, settings: ImageEncoder, *, channels: int, size: int) -> None:
        super().__init__()
        name, small = settings.name, settings.small_stem(size)
        options: dict[str, Any] = {}
        details = get_pretrained_cfg(name)
        if details is not None and details.fixed_input_size:
            options["img_size"] = size
        if small:
            options |= _small_patches(name, size)
        self.network = _build(name, channels, options)
        shrunk = small and ("patch_size" in options or shrink_stem(self.network))
        if settings.stem == "small" and not shrunk:
            raise CounterpointError(
                f"No small stem is known for {name}.",
                "ResNet, EfficientNet, MobileNet, RegNet, ConvNeXt and ViT families have one.",
                "--encoder.stem standard",
            )
        self.width = int(self.network.num_features)  # type: ignore[arg-type]
        self.prefix = int(getattr(self.network, "num_prefix_tokens", 0) or 0)
        self.token = settings.pool == "token"
        if self.token and getattr(self.network, "cls_token", None) is None:
            raise CounterpointError(f"{name} has no class token.", "", "--encoder.pool mean")
        self.pool = Pool("mean" if self.token else settings.pool)
        self.dim = self.width * self.pool.factor
        if any(isinstance(module, nn.Conv2d) for module in self.network.modules()):
            self.to(memory_format=torch.channels_last)

    def maps(self, x: Tensor) -> Tensor:
        """``(batch, channels, height, width)`` to ``(batch, width, rows, columns)``."""
        return self._maps(self._features(x), x)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, height, width)`` to ``(batch, dim)``."""
        features = self._features(x)
        return features[:, 0] if self.token else self.pool(self._maps(features, x))

    def _features(self, x: Tensor) -> Tensor:
        network: Any = self.network
        return network.forward_features(x.contiguous(memory_format=torch.channels_last))

    def _maps(self, features: Tensor, x: Tensor) -> Tensor:
        if features.ndim == 4:
            last = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
            return features.permute(0, 3, 1, 2) if last else features
        tokens = features[:, self.prefix :]
        rows = round((tokens.shape[1] * x.shape[2] / x.shape[3]) ** 0.5)
        return tokens.transpose(1, 2).unflatten(2, (rows, tokens.shape[1] // rows))


def shrink_stem(network: nn.Module) -> bool:
    """Give a convolutional timm model a stem for small pictures, in place; ``False`` where none is known.

    ResNets: 3x3 convolution of stride 1 instead of 7x7 of stride 2, and no max-pooling (SimCLR, appendix
    B.9). Stems that start with a strided convolution (EfficientNet, MobileNet, RegNet, ConvNeXt): half its
    stride.
    """
    old: Any = getattr(network, "conv1", None)
    if old is not None and hasattr(network, "maxpool"):
        if isinstance(old, nn.Conv2d):
            network.conv1 = nn.Conv2d(
                old.in_channels, old.out_channels, 3, 1, padding=1, bias=old.bias is not None
            )
            nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
        else:
            old[0].stride = (1, 1)
        network.maxpool = nn.Identity()
        return True
    stem: Any = getattr(network, "stem", None)
    if isinstance(stem, nn.Sequential) and isinstance(stem[0], nn.Conv2d):
        first: Any = stem[0]
    else:
        first = getattr(network, "conv_stem", None) or getattr(stem, "conv", None)
    if not isinstance(first, nn.Conv2d) or first.stride[0] == 1:
        return False
    if first.kernel_size == (4, 4):
        first.padding = (1, 1)
    first.stride = (first.stride[0] // 2, first.stride[1] // 2)
    return True


def _small_patches(name: str, size: int) -> dict[str, int]:
    """A ViT's patches for small pictures: an eighth of the side."""
    return {"patch_size": max(2, size // 8)} if name.startswith(("vit_", "deit_")) else {}


def _build(name: str, channels: int, options: dict[str, Any]) -> nn.Module:
    try:
        return timm.create_model(name, pretrained=False, in_chans=channels, num_classes=0, **options)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        given = ", ".join(f"{key}={value}" for key, value in options.items())
        raise CounterpointError(
            f"timm could not build {name}" + (f" with {given}" if given else "") + f": {error}.",
            "Another size or stem may do.",
            "--encoder.stem standard",
        ) from error
