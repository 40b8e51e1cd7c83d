"""Networks whose features compare a reconstruction with the picture seen, and where their weights come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from counterpoint.core.errors import unknown
from counterpoint.evaluate._arrays import Array, blocks
from counterpoint.evaluate._pictures import as_pictures, resized

Weights: TypeAlias = str | Path | Mapping[str, str | Path]
"""A folder that holds files under their published names, or ``{network: file}``."""

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_TORCHVISION = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class FeatureNetwork:
    """One network as MindEye's evaluation uses it.

    Attributes
    ----------
    name, title : str
        Here, and in published tables.
    score : str
        ``"two_way"`` (:func:`two_way_identification`, higher is better) or ``"distance"``
        (:func:`correlation_distance`, lower is better).
    layer : str
        Whose output is flattened.
    size : int
        Pictures are resized to this side (bilinear, no crop).
    mean, std : tuple of float
        Of the normalisation per channel.
    library : str
        What builds the network.
    file : str
        Published name of the weights; a ``.safetensors`` file of the same stem is taken too.
    origin : str
        Where the file is from. An address means that it can be downloaded and checked against the hash in its name.
    prefix : str
        Of the tensors in the file that are used.
    comparable : bool
        Whether published tables have this column.
    """

    name: str
    title: str
    score: str
    layer: str
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    library: str
    file: str
    origin: str
    prefix: str = ""
    comparable: bool = True


def feature_networks() -> dict[str, FeatureNetwork]:
    """The six networks of MindEye's table, in its order, and a stand-in for machines without their weights.

    ``effnet_lite0`` ships with the extra ``vision-weights``; its numbers belong to no published column.

    >>> [network.title for network in feature_networks().values()][:3]
    ['AlexNet(2)', 'AlexNet(5)', 'Inception']
    """
    alexnet, swav = "alexnet-owt-7be5be79.pth", "facebookresearch/swav on GitHub (its file has no checksum)"
    rows = [
        ("alexnet_2", "AlexNet(2)", "two_way", "features.4", 256, *_IMAGENET, "torchvision", alexnet,
         _TORCHVISION + alexnet, "features."),
        ("alexnet_5", "AlexNet(5)", "two_way", "features.11", 256, *_IMAGENET, "torchvision", alexnet,
         _TORCHVISION + alexnet, "features."),
        ("inception_v3", "Inception", "two_way", "avgpool", 342, *_IMAGENET, "torchvision",
         "inception_v3_google-0cc3c7bd.pth", _TORCHVISION + "inception_v3_google-0cc3c7bd.pth"),
        ("clip_vit_l14", "CLIP", "two_way", "image embedding", 224, *_CLIP, "open_clip",
         "open_clip_model.safetensors", "timm/vit_large_patch14_clip_224.openai on the Hugging Face hub", "visual."),
        ("efficientnet_b1", "EffNet-B", "distance", "avgpool", 255, *_IMAGENET, "torchvision",
         "efficientnet_b1-c27df63c.pth", _TORCHVISION + "efficientnet_b1-c27df63c.pth"),
        ("swav_resnet50", "SwAV", "distance", "avgpool", 224, *_IMAGENET, "torchvision",
         "swav_800ep_pretrain.pth.tar", swav),
        ("effnet_lite0", "EfficientNet-Lite0 (stand-in)", "two_way", "global pool", 224, (0.5,) * 3, (0.5,) * 3,
         "timm", "", "the extra vision-weights", "", False),
    ]  # fmt: skip
    return {str(row[0]): FeatureNetwork(*row) for row in rows}  # type: ignore[arg-type]


@torch.no_grad()
def picture_features(
    images: Array,
    network: str,
    *,
    weights: Weights | None = None,
    download: bool = False,
    batch_size: int = 32,
    device: str | torch.device = "cpu",
) -> NDArray[np.float32]:
    """Features of pictures in one network of :func:`feature_networks`: ``(n, dim)`` float32.

    Parameters
    ----------
    images : array
        ``(n, 3, height, width)`` in 0..1, or uint8.
    network : str
        A name of :func:`feature_networks`.
    weights : path or mapping, optional
        A folder that holds the published file, or ``{network: file}``. What it lacks is looked for in torch's and
        Hugging Face's caches on this machine. Nothing but tensors is unpickled.
    download : bool
        Fetch the file where its address and hash are known (torchvision's four).
    batch_size : int
        Pictures per pass.
    device : str or torch.device
        Where the network runs.

    Raises
    ------
    CounterpointError
        No weights (the message says which file, from where), a file that does not fit, a missing library.
    """
    from counterpoint.evaluate._picture_weights import load_network

    known = feature_networks()
    if network not in known:
        raise unknown("feature network", network, known, "networks=('effnet_lite0',)")
    spec, pictures = known[network], as_pictures(images, "images")
    model = load_network(spec, weights, download=download).to(device)
    mean, std = (torch.tensor(x, device=device).view(3, 1, 1) for x in (spec.mean, spec.std))
    found = []
    for part in blocks(len(pictures), batch_size):
        batch = resized(pictures[part].to(device).float(), spec.size)
        found.append(model((batch - mean) / std).float().flatten(1).cpu())
    return np.asarray(torch.cat(found).numpy())
