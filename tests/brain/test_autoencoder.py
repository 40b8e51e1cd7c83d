"""The picture codec: its loss by hand, standardised latents, what it learns, and what its files may be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from counterpoint.brain._weight_files import WEIGHTS
from counterpoint.brain.autoencoder import PictureAutoencoder, load_autoencoder
from counterpoint.core.errors import CounterpointError
from counterpoint.data.scenes import scenes


def codec(width: int = 8) -> PictureAutoencoder:
    torch.manual_seed(0)
    return PictureAutoencoder(width=width)


def pictures(n: int = 4, size: int = 64) -> np.ndarray:
    return np.asarray(scenes(n, size=size, seed=98, objects=1).images)


def test_latents_are_codes_without_their_mean_and_deviation() -> None:
    """Channel by channel, and decoding puts both back."""
    model = codec()
    model.mean.copy_(torch.tensor([1.0, -2.0, 0.5, 0.0]))
    model.std.copy_(torch.tensor([2.0, 0.5, 1.0, 3.0]))
    x = torch.from_numpy(pictures()).float() / 255
    code, latent = model.code(x), model.encode(x)
    for channel in range(4):
        expected = (code[:, channel] - model.mean[channel]) / model.std[channel]
        torch.testing.assert_close(latent[:, channel], expected)
    torch.testing.assert_close(model.decode(latent), model.pictures(code).clamp(0, 1), atol=1e-5, rtol=1e-5)


def test_bytes_and_fractions_and_other_sizes_are_taken() -> None:
    """uint8 as float / 255; 32 pixels are enlarged; the array is left as it was."""
    model, seen = codec(), pictures()
    before = seen.copy()
    torch.testing.assert_close(model.encode(seen), model.encode(torch.from_numpy(seen).float() / 255))
    assert model.encode(pictures(size=32)).shape == (4, 4, 8, 8)
    np.testing.assert_array_equal(seen, before)


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 1, 64, 64), (2, 4, 64, 64)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    """One picture alone, grey, with alpha."""
    with pytest.raises(CounterpointError, match=r"\(n, 3, height, width\)"):
        codec().encode(torch.zeros(shape))


def test_the_loss_is_the_mean_absolute_error_and_the_penalty() -> None:
    """Written out; without noise it does not depend on the seed."""
    model = codec()
    x = torch.from_numpy(pictures()).float() / 255
    loss, again = model.loss(x, noise=0.0, penalty=0.25)
    expected = (again - x).abs().mean() + 0.25 * (model.code(x) ** 2).mean()
    torch.testing.assert_close(loss, expected)
    assert model.loss(x, noise=1.0)[0] != model.loss(x, noise=1.0)[0]


def test_a_few_steps_teach_it_more_than_the_mean_colour() -> None:
    """Gradients reach every parameter, and the error falls below that of the best constant for each picture."""
    model = codec(16)
    x = torch.from_numpy(pictures(16)).float() / 255
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(60):
        loss, _ = model.loss(x, noise=0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in model.parameters())
    with torch.no_grad():
        error = (model.pictures(model.code(x)) - x).abs().mean()
    constant = (x - x.flatten(2).median(2).values[..., None, None]).abs().mean()
    assert error < 0.9 * constant


def test_what_is_shipped_is_small_and_holds_the_channels_deviation() -> None:
    """Float16, under 15 MB with the generator, and of a codec that has not collapsed."""
    assert sum(file.stat().st_size for file in WEIGHTS.glob("*.safetensors")) < 15e6
    with safe_open(WEIGHTS / "autoencoder.safetensors", "pt") as file:
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}  # noqa: SIM118
    model = load_autoencoder()
    assert not model.training
    assert not any(value.requires_grad for value in model.parameters())
    assert float(model.std.min()) > 0.1


def test_the_shipped_codec_beats_a_thumbnail_of_8_pixels() -> None:
    """8 x 8 pixels enlarged hold 192 numbers; a latent holds 256."""
    x = torch.from_numpy(pictures(12)).float() / 255
    model = load_autoencoder()
    again = model.decode(model.encode(x))
    resize = torch.nn.functional.interpolate
    small = resize(resize(x, (8, 8), mode="area"), (64, 64), mode="bicubic").clamp(0, 1)
    assert (again - x).square().mean() < (small - x).square().mean()


def test_files_that_are_missing_damaged_or_of_another_network(tmp_path: Path) -> None:
    """Each is named; a pickle under the right name is no safetensors file."""
    with pytest.raises(CounterpointError, match=r"No autoencoder\.safetensors"):
        load_autoencoder(tmp_path)
    torch.save(codec().state_dict(), tmp_path / "autoencoder.safetensors")
    with pytest.raises(CounterpointError, match="could not be read"):
        load_autoencoder(tmp_path)
    save_file({"other": torch.zeros(2)}, tmp_path / "autoencoder.safetensors")
    with pytest.raises(CounterpointError, match="does not fit"):
        load_autoencoder(tmp_path)
    model = codec()
    save_file(model.state_dict(), tmp_path / "autoencoder.safetensors")
    for key, value in load_autoencoder(tmp_path).state_dict().items():
        assert torch.equal(value, model.state_dict()[key]), key
