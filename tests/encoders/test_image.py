"""Encoders by name: the ConvNet, timm families, small stems, and what is refused."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.convnet import ConvNet
from counterpoint.encoders.encoder import Encoder
from counterpoint.encoders.image import create
from counterpoint.encoders.pooling import Pool
from counterpoint.encoders.spec import ImageEncoder
from counterpoint.encoders.timm_models import TimmEncoder, shrink_stem

FAMILIES = [
    ("resnet18", "small", 4),
    ("resnet18", "standard", 1),
    ("resnet18d", "small", 4),
    ("efficientnet_lite0", "small", 2),
    ("mobilenetv3_small_050", "small", 2),
    ("convnext_tiny", "small", 2),
    ("regnetx_002", "small", 2),
    ("convnext_atto", "small", 2),
    ("vit_tiny_patch16_224", "small", 8),
    ("swin_tiny_patch4_window7_224", "auto", 1),
]


@pytest.mark.parametrize(("name", "stem", "side"), FAMILIES)
def test_every_family_has_dim_vectors_and_maps_that_agree(name: str, stem: str, side: int) -> None:
    """A 32-pixel picture keeps the side that the stem promises, and the vector is the mean of the map."""
    torch.manual_seed(0)
    encoder = create(name, channels=1, size=32, stem=stem).eval()
    x = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        maps, vectors = encoder.maps(x), encoder(x)
    assert isinstance(encoder, Encoder)
    assert maps.shape == (2, encoder.dim, side, side)
    assert vectors.shape == (2, encoder.dim)
    torch.testing.assert_close(vectors, maps.mean((2, 3)))
    assert not torch.allclose(vectors[0], vectors[1])


def test_resnet_small_stem_sees_sixteen_times_as_many_positions() -> None:
    """3x3 stride 1 without max-pooling: a quarter of the usual reduction on each side."""
    x = torch.rand(1, 3, 64, 64)
    small, standard = (create("resnet10t", channels=3, size=64, stem=stem) for stem in ("small", "standard"))
    assert small.maps(x).shape[-1] == 4 * standard.maps(x).shape[-1] == 8
    network = create("resnet18", channels=3, size=64, stem="small").network
    assert network.conv1.kernel_size == (3, 3)
    assert network.conv1.stride == (1, 1)
    assert isinstance(network.maxpool, torch.nn.Identity)


@pytest.mark.parametrize(("size", "side"), [(28, 7), (32, 8), (33, 9), (64, 16)])
def test_convnet_reduces_by_four_or_eight(size: int, side: int) -> None:
    """Rounded up, for the small stem; half of that for the standard one."""
    x = torch.rand(2, 3, size, size)
    assert create("convnet", channels=3, size=size, width=16).maps(x).shape == (2, 64, side, side)
    standard = create("convnet", channels=3, size=size, width=16, stem="standard")
    assert standard.maps(x).shape[-1] == -(-side // 2)


@pytest.mark.parametrize("pool", ["mean", "max", "grid"])
@pytest.mark.parametrize("depth", [4, 5, 7])
def test_convnet_gradients_reach_every_parameter(pool: str, depth: int) -> None:
    """No parameter is dead at the start, at any depth and pooling."""
    torch.manual_seed(1)
    encoder = ConvNet(channels=3, width=16, depth=depth, pool=pool)
    encoder(torch.rand(8, 3, 28, 28)).square().sum().backward()
    assert sum(isinstance(part, torch.nn.Conv2d) for part in encoder.layers) == depth
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("pool", ["mean", "max", "grid"])
def test_forward_is_the_pooling_of_maps(pool: str) -> None:
    """For the ConvNet, with every pooling."""
    encoder = ConvNet(channels=1, width=16, pool=pool).eval()
    x = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(encoder(x), Pool(pool)(encoder.maps(x)))
    assert encoder(x).shape == (3, encoder.dim)


@settings(max_examples=20, deadline=None)
@given(half_rows=st.integers(1, 4), half_columns=st.integers(1, 4), channels=st.integers(1, 3))
def test_grid_pooling_is_the_mean_of_each_quarter(half_rows: int, half_columns: int, channels: int) -> None:
    """Against slices written out."""
    maps = torch.rand(2, channels, 2 * half_rows, 2 * half_columns, dtype=torch.float64)
    top, bottom = maps[:, :, :half_rows], maps[:, :, half_rows:]
    quarters = [
        half[..., part] for half in (top, bottom) for part in (slice(None, half_columns), slice(half_columns, None))
    ]
    expected = torch.stack([quarter.mean((2, 3)) for quarter in quarters], dim=2).flatten(1)
    torch.testing.assert_close(Pool("grid")(maps), expected)


def test_batch_members_do_not_meet_in_evaluation_mode() -> None:
    """Encoding one by one gives what encoding together gives."""
    encoder = ConvNet(channels=3, width=16, pool="grid").eval()
    x = torch.rand(5, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(torch.cat([encoder(one[None]) for one in x]), encoder(x), rtol=1e-4, atol=1e-5)


def test_layout_of_the_input_does_not_change_the_result() -> None:
    """Channels-last or not, and after a deep copy (as for teachers), weights stay channels-last."""
    encoder = copy.deepcopy(ConvNet(channels=3, width=16)).eval()
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(encoder(x), encoder(x.contiguous(memory_format=torch.channels_last)))
    assert encoder.layers[3].weight.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_autocast_stays_close() -> None:
    """Within the precision of bfloat16, at 5 layers."""
    encoder = ConvNet(channels=1, width=32, pool="grid").eval()
    x = torch.rand(4, 1, 28, 28)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = encoder(x).float()
    with torch.no_grad():
        torch.testing.assert_close(low, encoder(x), rtol=0.1, atol=0.05)


def test_vit_class_token_differs_from_the_mean_of_its_patches() -> None:
    """And a ConvNet or a ResNet has none."""
    torch.manual_seed(0)
    encoder = create("vit_tiny_patch16_224", channels=3, size=32, pool="token").eval()
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert encoder(x).shape == (2, 192)
        assert encoder.maps(x).shape == (2, 192, 8, 8)
        assert not torch.allclose(encoder(x), encoder.maps(x).mean((2, 3)), atol=1e-3)
    for name in ("convnet", "resnet18"):
        with pytest.raises(CounterpointError, match="no class token"):
            create(name, channels=3, size=32, pool="token")


def test_spec_builds_what_it_says() -> None:
    """Every field reaches the network."""
    encoder = ImageEncoder(width=16, depth=6, pool="grid").build(channels=1, size=28)
    assert isinstance(encoder, ConvNet)
    assert encoder.dim == 256
    assert sum(isinstance(part, torch.nn.Conv2d) for part in encoder.layers) == 6
    assert isinstance(ImageEncoder(name="resnet18").build(channels=3, size=32), TimmEncoder)
    assert ImageEncoder(name="efficientnet_lite0", weights="imagenet").small_stem(32) is False
    assert ImageEncoder().pixels is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stem": "smal"}, "Did you mean small"),
        ({"pool": "avg"}, "Known: mean, max, grid"),
        ({"width": 0}, "encoder.width is 0"),
        ({"depth": 3}, "encoder.depth is 3"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_built(wrong: dict[str, object], message: str) -> None:
    """By the spec itself."""
    with pytest.raises(CounterpointError, match=message):
        ImageEncoder(**wrong)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet81", "Did you mean resnet"),
        ("convnat", "Did you mean convne"),
    ],
)
def test_unknown_names_get_the_closest_one(name: str, message: str) -> None:
    """Among the ConvNet and all timm models."""
    with pytest.raises(CounterpointError, match=message):
        create(name, channels=3, size=32)


def test_a_family_without_small_stem_says_so_only_when_asked() -> None:
    """``small`` is an error, ``auto`` falls back on the model's own stem."""
    with pytest.raises(CounterpointError, match="No small stem is known for vgg11"):
        create("vgg11", channels=3, size=32, stem="small")
    assert not shrink_stem(torch.nn.Sequential())


@pytest.mark.parametrize(("channels", "size"), [(0, 32), (3, 4)])
def test_impossible_pictures_are_refused(channels: int, size: int) -> None:
    """No channels, or hardly a pixel."""
    with pytest.raises(CounterpointError, match="cannot be encoded"):
        create("convnet", channels=channels, size=size)


def test_settings_load_no_torch() -> None:
    """Recipes are read without it."""
    code = "import sys, counterpoint.encoders.spec as s; s.ImageEncoder(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
