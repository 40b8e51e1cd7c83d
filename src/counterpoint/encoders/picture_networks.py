"""The frozen networks that pictures can be described with."""

from __future__ import annotations

import json
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.encoders._local_models import open_clip_model, pretrained, safe_folder
from counterpoint.encoders.embedders import PictureEmbedder
from counterpoint.encoders.targets import PictureTarget
from counterpoint.encoders.weights import fill, imagenet_state, read_safetensors

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
LITE0 = "efficientnet_lite0"


class Lite0Pictures(PictureEmbedder):
    """EfficientNet-Lite0: 1,280 numbers, or its map, and 1,000 ImageNet classes.

    Pixels go to [-1, 1] after resizing to ``target.size``. ``"random"`` is the same network with the seeded
    initial weights and batch statistics of Gaussian noise, so that its layers neither fade nor saturate.

    Parameters
    ----------
    target : PictureTarget
        Named ``"efficientnet_lite0"`` or ``"random"``.
    """

    def __init__(self, target: PictureTarget) -> None:
        super().__init__()
        import timm

        self.name, self.layer, self.size = target.name, target.layer, target.size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network: Any = timm.create_model(LITE0, pretrained=False)
            if target.name == "random":
                _settle(network, target.size)
        self.classifies = True
        if target.name != "random":
            state = read_safetensors(target.weights) if target.weights else imagenet_state(LITE0)
            self.classifies = any(key.endswith("classifier.weight") for key in state)
            if not self.classifies:
                network.reset_classifier(0)
            fill(network, state, what=f'"{target.weights or "imagenet"}"', minimum=1.0)
        self.network = network.to(memory_format=torch.channels_last)
        self.dim = 320 if target.layer == "blocks" else 1280
        self.grid = _grid_side(target.tokens, -(-target.size // 32)) if target.layer != "pooled" else 1
        self.tokens = self.grid**2

    def embed_tensor(self, images: Tensor) -> Tensor:
        """Float pictures in 0..1 to ``(n, tokens, dim)``."""
        maps = self._maps(images)
        if maps.shape[-1] != self.grid:
            maps = F.adaptive_avg_pool2d(maps, self.grid)
        return maps.flatten(2).transpose(1, 2)

    def class_logits(self, images: Tensor) -> Tensor:
        """Float pictures in 0..1 to ``(n, 1000)``."""
        if not self.classifies:
            raise CounterpointError(
                "These weights came without a classifier.", "", 'PictureTarget("efficientnet_lite0")'
            )
        return self.network(self.pixels(images))

    def early_maps(self, images: Tensor, *, blocks: int = 3) -> list[Tensor]:
        """Maps after each of the first ``blocks`` stages of the picture as it is, not resized: a perceptual loss."""
        x = self.network.bn1(self.network.conv_stem(images * 2 - 1))
        maps = []
        for stage in self.network.blocks[:blocks]:
            x = stage(x)
            maps.append(x)
        return maps

    def pixels(self, images: Tensor) -> Tensor:
        """What the network is shown of float pictures in 0..1."""
        shown = _resize(images, self.size) * 2 - 1
        return shown.contiguous(memory_format=torch.channels_last)

    def _maps(self, images: Tensor) -> Tensor:
        if self.layer != "blocks":
            return self.network.forward_features(self.pixels(images))
        x = self.network.bn1(self.network.conv_stem(self.pixels(images)))
        return self.network.blocks(x)


class ClipPictures(PictureEmbedder):
    """The vision half of a CLIP from a local folder of the transformers library.

    ``"pooled"`` gives the projected embedding as it is (not normalised). ``"map"`` gives all tokens, class
    token first: the last hidden state through the final layer norm and the visual projection, divided by the
    length of the class token, as MindEye and Versatile Diffusion use them.

    Parameters
    ----------
    folder : str
        With ``config.json`` and safetensors weights; ``preprocessor_config.json`` is read where it is.
    layer : str
        ``"pooled"`` or ``"map"``.
    tokens : int
        1, or the model's own number of tokens.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, folder: str, *, layer: str = "pooled", tokens: int = 1) -> None:
        super().__init__()
        home = safe_folder(folder)
        try:
            from transformers import CLIPVisionModelWithProjection
        except ImportError:
            raise missing_extra(f"clip:{folder}", "transformers", "images") from None
        self.network = pretrained(CLIPVisionModelWithProjection, home)
        config = self.network.config
        self.name, self.layer = f"clip:{folder}", layer
        self.size, self.dim = int(config.image_size), int(config.projection_dim)
        own = 1 if layer == "pooled" else (config.image_size // config.patch_size) ** 2 + 1
        self.tokens = _same_tokens(self.name, tokens, own)
        given = home / "preprocessor_config.json"
        pixels = json.loads(given.read_text(encoding="utf-8")) if given.is_file() else {}
        self.register_buffer("mean", _channel(pixels.get("image_mean", CLIP_MEAN)))
        self.register_buffer("std", _channel(pixels.get("image_std", CLIP_STD)))

    def embed_tensor(self, images: Tensor) -> Tensor:
        """Float pictures in 0..1 to ``(n, tokens, dim)``."""
        out = self.network(pixel_values=(_resize(images, self.size) - self.mean) / self.std)
        if self.layer == "pooled":
            return out.image_embeds[:, None]
        vision = self.network.vision_model
        tokens = self.network.visual_projection(vision.post_layernorm(out.last_hidden_state))
        return tokens / tokens[:, :1].norm(dim=-1, keepdim=True)


class OpenClipPictures(PictureEmbedder):
    """The vision half of an open_clip model, its weights from a local safetensors file.

    ``"pooled"`` gives the projected embedding (not normalised); ``"map"`` the patch tokens after the final
    layer norm, unprojected and without the class token, as MindEye2 takes them from ViT-bigG-14.

    Parameters
    ----------
    model : str
        A name of ``open_clip.list_models()``.
    weights : str
        A safetensors file of the whole model.
    layer : str
        ``"pooled"`` or ``"map"``.
    tokens : int
        1, or the model's own number of patch tokens.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: str, *, weights: str, layer: str = "pooled", tokens: int = 1) -> None:
        super().__init__()
        self.network: Any = open_clip_model(model, weights).visual
        self.name, self.layer = f"open_clip:{model}", layer
        size = self.network.image_size
        self.size = int(size[0] if isinstance(size, list | tuple) else size)
        self.register_buffer("mean", _channel(getattr(self.network, "image_mean", None) or CLIP_MEAN))
        self.register_buffer("std", _channel(getattr(self.network, "image_std", None) or CLIP_STD))
        if layer == "map":
            if not hasattr(self.network, "output_tokens"):
                raise CounterpointError(f"{model} does not give its tokens.", "", 'layer="pooled"')
            self.network.output_tokens = True
        with torch.no_grad():
            example = self.eval().embed_tensor(torch.zeros(1, 3, self.size, self.size))
        self.dim = example.shape[2]
        self.tokens = _same_tokens(self.name, tokens, example.shape[1])

    def embed_tensor(self, images: Tensor) -> Tensor:
        """Float pictures in 0..1 to ``(n, tokens, dim)``."""
        out = self.network((_resize(images, self.size) - self.mean) / self.std)
        return out[1] if self.layer == "map" else out[:, None]


def _resize(images: Tensor, size: int) -> Tensor:
    """Bicubic with antialiasing to a square of ``size``, clipped to 0..1; a picture of that size as it is."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bicubic", antialias=True).clamp(0, 1)


def _grid_side(tokens: int, own: int) -> int:
    """Side of the square grid of ``tokens`` places, ``own`` for 1."""
    side = own if tokens == 1 else round(tokens**0.5)
    if tokens != 1 and (side**2 != tokens or side > own):
        raise CounterpointError(
            f"tokens={tokens}.", f"A square number up to {own * own} was expected.", f"tokens={own * own}"
        )
    return side


def _same_tokens(name: str, tokens: int, own: int) -> int:
    """``own``; an error where another number was asked for."""
    if tokens not in (1, own):
        raise CounterpointError(f"tokens={tokens} of {name}.", f"It has {own}.", f"tokens={own}")
    return own


def _channel(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1)


def _settle(network: Any, size: int) -> None:
    """Batch statistics of an untrained network, taken once from seeded noise."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    network.train()
    with torch.no_grad():
        network(torch.rand(16, 3, size, size) * 2 - 1)
    network.eval()
