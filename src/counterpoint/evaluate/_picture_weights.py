"""Weights of feature networks: found on this machine, read as plain tensors, checked against the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError, missing_extra, unknown
from counterpoint.evaluate.picture_networks import FeatureNetwork, Weights, feature_networks


def load_network(spec: FeatureNetwork, weights: Weights | None = None, *, download: bool = False) -> nn.Module:
    """The network up to its layer, in evaluation mode; errors as ``picture_features``."""
    state = _lite0_state() if spec.library == "timm" else _state(spec, weights, download)
    state = {key.removeprefix("module."): value for key, value in state.items()}
    state = {key.removeprefix(spec.prefix): value.float() if value.is_floating_point() else value
             for key, value in state.items() if key.startswith(spec.prefix)}  # fmt: skip
    with torch.device("meta"):
        model = _BUILDERS[spec.name]()
    own = model.state_dict()
    wrong = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    wrong += [key for key in own if key in state and state[key].shape != own[key].shape]
    if wrong:
        raise CounterpointError(
            f"The weights do not fit {spec.title}: {len(wrong)} of {len(own)} tensors are missing or of another "
            f"shape, such as {wrong[0]}.", f"{spec.file} from {spec.origin} was expected.",
        )  # fmt: skip
    model.load_state_dict({key: state.get(key, torch.zeros((), dtype=torch.int64)) for key in own}, assign=True)
    return model.eval().requires_grad_(False)


def _state(spec: FeatureNetwork, weights: Weights | None, download: bool) -> dict[str, Tensor]:
    file = _find(spec, weights)
    if file is None and download and spec.origin.startswith("https://"):
        try:
            return dict(torch.hub.load_state_dict_from_url(
                spec.origin, map_location="cpu", check_hash=True, progress=False, weights_only=True))  # fmt: skip
        except (OSError, RuntimeError) as error:
            raise CounterpointError(f"{spec.file} could not be downloaded: {error}.", "", "weights=FOLDER") from error
    if file is None:
        more = ", or download=True" if spec.origin.startswith("https://") else ""
        raise CounterpointError(
            f"{spec.title} has no weights on this machine.",
            f"{spec.file} from {spec.origin}, given as weights=FOLDER{more}.",
        )
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CounterpointError(
            f"{file} could not be read: {reason}", "A file of plain tensors was expected; save others as safetensors."
        ) from error
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise CounterpointError(f"{file} holds more than named tensors.", "A state dictionary was expected.")
    return dict(found)


def _find(spec: FeatureNetwork, weights: Weights | None) -> Path | None:
    """The file in what the user gave; without that, in the caches of torch and Hugging Face."""
    stem = spec.file.removesuffix(".tar").removesuffix(".pth").removesuffix(".safetensors")
    names = (spec.file, f"{stem}.safetensors", f"{stem}.pth", f"{spec.name}.safetensors")
    if isinstance(weights, Mapping):
        for name in weights:
            if name not in feature_networks():
                raise unknown("feature network", name, feature_networks(), "weights={'alexnet_2': FILE}")
        given = weights.get(spec.name)
        if given is not None and not Path(given).is_file():
            raise CounterpointError(f"No file at {given}.", f"Weights of {spec.title} were expected.")
        if given is not None:
            return Path(given)
    elif weights is not None:
        folder = Path(weights).expanduser()
        if not folder.is_dir():
            raise CounterpointError(f"No folder at {weights}.", "A folder with files of weights was expected.")
        return next((folder / name for name in names if (folder / name).is_file()), None)
    if spec.library == "open_clip":
        return _cached_by_hub(spec)
    file = Path(torch.hub.get_dir()) / "checkpoints" / spec.file
    return file if file.is_file() else None


def _cached_by_hub(spec: FeatureNetwork) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    cached = try_to_load_from_cache(spec.origin.split()[0], spec.file)
    return Path(cached) if isinstance(cached, str) else None


def _lite0_state() -> dict[str, Tensor]:
    from counterpoint.encoders.weights import imagenet_state

    return imagenet_state("efficientnet_lite0")


def _alexnet(layer: int) -> nn.Module:
    from torchvision.models import alexnet

    features = alexnet(weights=None).features
    assert isinstance(features, nn.Sequential)
    return features[: layer + 1]


def _inception() -> nn.Module:
    from torchvision.models import inception_v3

    # torchvision turns transform_input on with its ImageNet weights: they expect other statistics than they are fed
    model = inception_v3(weights=None, aux_logits=False, transform_input=True, init_weights=False)
    model.fc = nn.Identity()
    return model


def _efficientnet_b1() -> nn.Module:
    from torchvision.models import efficientnet_b1

    model = efficientnet_b1(weights=None)
    model.classifier = nn.Identity()
    return model


def _resnet50() -> nn.Module:
    from torchvision.models import resnet50

    model = resnet50(weights=None)
    model.fc = nn.Identity()
    return model


def _clip() -> nn.Module:
    try:
        import open_clip
    except ImportError:
        raise missing_extra("CLIP ViT-L/14", "open_clip_torch", "images") from None
    visual = open_clip.create_model("ViT-L-14-quickgelu", device="meta").visual
    assert isinstance(visual, nn.Module)
    return visual


def _lite0() -> nn.Module:
    import timm

    model: nn.Module = timm.create_model("efficientnet_lite0", pretrained=False, num_classes=0)
    return model


_BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "alexnet_2": lambda: _alexnet(4),
    "alexnet_5": lambda: _alexnet(11),
    "inception_v3": _inception,
    "clip_vit_l14": _clip,
    "efficientnet_b1": _efficientnet_b1,
    "swav_resnet50": _resnet50,
    "effnet_lite0": _lite0,
}
