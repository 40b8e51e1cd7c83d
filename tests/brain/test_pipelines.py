"""Large generators from a local folder, tried on tiny ones with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from counterpoint.brain.pipelines import DiffusersGenerator
from counterpoint.core.errors import CounterpointError

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")


def denoiser(**more: Any) -> Any:
    """A denoiser of 8 x 8 latents with cross-attention to 12 numbers."""
    return diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=12,
        attention_head_dim=4,
        norm_num_groups=4,
        **more,
    )


def codec() -> Any:
    """An autoencoder of 16 x 16 pictures."""
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
    )


def save_parts(folder: Path, unet: str, network: Any) -> Path:
    """The three parts that every kind has."""
    network.save_pretrained(folder / unet)
    codec().save_pretrained(folder / "vae")
    diffusers.DDIMScheduler().save_pretrained(folder / "scheduler")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny folder of each kind."""
    torch.manual_seed(0)
    home = tmp_path_factory.mktemp("pipelines")
    save_parts(home / "versatile", "image_unet", denoiser())
    sizes = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
    save_parts(home / "sdxl-unclip", "unet", denoiser(projection_class_embeddings_input_dim=32, **sizes))
    (home / "vocab.json").write_text(json.dumps({"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2}))
    (home / "merges.txt").write_text("#version: 0.2\n")
    text = transformers.CLIPTextConfig(
        vocab_size=8, hidden_size=12, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    normaliser = diffusers.pipelines.stable_diffusion.StableUnCLIPImageNormalizer(embedding_dim=12)
    diffusers.StableUnCLIPImg2ImgPipeline(
        feature_extractor=None,
        image_encoder=None,
        image_normalizer=normaliser,
        image_noising_scheduler=diffusers.DDPMScheduler(),
        tokenizer=transformers.CLIPTokenizer.from_pretrained(str(home), model_max_length=77),
        text_encoder=transformers.CLIPTextModel(text),
        unet=denoiser(class_embed_type="projection", projection_class_embeddings_input_dim=24),
        scheduler=diffusers.DDIMScheduler(),
        vae=codec(),
    ).save_pretrained(home / "unclip")
    return {kind: home / kind for kind in ("versatile", "sdxl-unclip", "unclip")}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", ["versatile", "sdxl-unclip", "unclip"])
def test_pictures_follow_seed_embedding_and_strength(kind: str, folders: dict[str, Path]) -> None:
    """Same seed, same picture; another embedding, another; strength 0 is the autoencoder's copy."""
    model = DiffusersGenerator(kind, folders[kind])
    shape = (2, 12) if kind == "unclip" else (2, 5, 12)
    embedding = torch.randn(shape, generator=seeded(1)).numpy()
    one = model.generate(embedding, samples=2, steps=3, generator=seeded())
    assert one.shape == (2, 2, 3, 16, 16)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, model.generate(embedding, samples=2, steps=3, generator=seeded()))
    other = model.generate(-embedding, samples=2, steps=3, generator=seeded())
    assert (one != other).any()
    assert (one[:, 0] != one[:, 1]).any()
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    kept = model.generate(embedding, low_level=pictures, strength=0.0, steps=3, generator=seeded())[:, 0]
    with torch.no_grad():
        scaled = torch.from_numpy(pictures).float() / 127.5 - 1
        again = model.vae.decode(model.vae.encode(scaled).latent_dist.mode()).sample
    expected = ((again / 2 + 0.5).clamp(0, 1) * 255).round().numpy()
    assert abs(kept - expected).max() <= 1
    full = model.generate(embedding, low_level=pictures, strength=1.0, steps=3, generator=seeded())
    np.testing.assert_array_equal(full, model.generate(embedding, steps=3, generator=seeded()))
    half = model.generate(embedding, low_level=pictures, strength=0.67, steps=3, generator=seeded())[:, 0]
    assert (half != full[:, 0]).any()
    assert (half != kept).any()


def test_less_strength_stays_closer_to_the_low_level_latents(folders: dict[str, Path]) -> None:
    """In the latents, where distance has a meaning even for a random decoder."""
    model = DiffusersGenerator("versatile", folders["versatile"])
    start = torch.randn(3, 4, 8, 8, generator=seeded(2))
    given = torch.randn(3, 5, 12, generator=seeded(1))
    with torch.no_grad():
        far = [
            float((model._walk(given, start, s, steps=10, scale=1.0, generator=seeded()) - start).norm())
            for s in (0.1, 0.5, 0.9)
        ]
    assert far[0] < far[1] < far[2]


def test_versatile_tokens_are_divided_by_their_class_token(folders: dict[str, Path]) -> None:
    """So their length does not matter."""
    model = DiffusersGenerator("versatile", folders["versatile"])
    given = torch.randn(1, 5, 12, generator=seeded(1))
    one, other = (model.generate(value, steps=2, generator=seeded()) for value in (given, 4 * given))
    assert abs(one.astype(int) - other.astype(int)).max() <= 1


def test_what_does_not_fit_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    """Kind, folder, pickles, code, token shape, start without a picture."""
    with pytest.raises(CounterpointError, match="Did you mean unclip"):
        DiffusersGenerator("unclipp", tmp_path)
    with pytest.raises(CounterpointError, match="no folder unet, vae, scheduler"):
        DiffusersGenerator("unclip", tmp_path)
    for name in ("unet/diffusion_pytorch_model.bin", "pipeline.py"):
        home = save_parts(tmp_path / name.replace("/", "_"), "unet", denoiser())
        (home / name).write_bytes(b"")
        with pytest.raises(CounterpointError, match="can run code"):
            DiffusersGenerator("sdxl-unclip", home)
    model = DiffusersGenerator("versatile", folders["versatile"])
    with pytest.raises(CounterpointError, match=r"\(n, tokens, dim\)"):
        model.generate(torch.zeros(1, 12), steps=1)
    with pytest.raises(CounterpointError, match="without low_level"):
        model.generate(torch.zeros(1, 5, 12), strength=0.5)
    with pytest.raises(CounterpointError, match="low_level has shape"):
        model.generate(torch.zeros(1, 5, 12), low_level=np.zeros((1, 2, 8, 8)), strength=0.5)
