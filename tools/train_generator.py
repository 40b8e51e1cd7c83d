"""Train the picture codec and the latent generator that the package ships, and measure them.

    python tools/train_generator.py --out src/counterpoint/brain/weights

Pictures are scenes of cut-out photographs (Debian's tuxpaint-stamps-default; `counterpoint data fetch stamps`)
and some drawn ones, described by EfficientNet-Lite0 at 128 pixels (extra `vision-weights`). Everything is
seeded; one thread takes about 25 minutes. Writes autoencoder.safetensors and generator.safetensors (float16),
numbers.json and grid.png: rows of seen pictures, their reconstruction, and two pictures generated from their
true embedding.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from counterpoint.brain.autoencoder import PictureAutoencoder
from counterpoint.brain.generator import LatentGenerator
from counterpoint.data.scenes import scenes
from counterpoint.encoders.embedders import PictureEmbedder
from counterpoint.encoders.targets import PictureTarget

SEED, TEST_SEED = 7001, 7002
"""Worlds of scenes that nothing else in the package draws from."""
LOG = logging.getLogger("train_generator")


def arguments() -> argparse.Namespace:
    """Command line; the defaults made the shipped weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=10000, help="scenes of photographs")
    parser.add_argument("--drawn", type=int, default=1000, help="procedural scenes")
    parser.add_argument("--autoencoder-steps", type=int, default=700)
    parser.add_argument("--generator-steps", type=int, default=2400)
    parser.add_argument("--float32", action="store_true", help="no bfloat16 in the convolutions of training")
    return parser.parse_args()


def pictures(n: int, *, seed: int, sprites: str) -> NDArray[np.uint8]:
    """Scenes of one or two objects at 64 pixels."""
    return np.asarray(scenes(n, size=64, seed=seed, objects=(1, 2), sprites=sprites).images)


def batch_rows(n: int, batch: int, generator: torch.Generator) -> Tensor:
    """Rows of one batch, without replacement."""
    return torch.randperm(n, generator=generator)[:batch]


def optimiser(
    model: nn.Module, steps: int, rate: float
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW with one cycle of warm-up and cosine decay."""
    optimizer = torch.optim.AdamW(
        [value for value in model.parameters() if value.requires_grad], lr=rate, weight_decay=1e-2
    )
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.05)


def train_autoencoder(
    images: Tensor, args: argparse.Namespace, embedder: PictureEmbedder
) -> PictureAutoencoder:
    """L1, a penalty on the code, and an L1 distance in early EfficientNet features of 24 of the 64 pictures.

    Stops where the code has collapsed: the decoder then paints one colour whatever it is given.
    """
    model = PictureAutoencoder().to(memory_format=torch.channels_last)
    optimizer, schedule = optimiser(model, args.autoencoder_steps, 1e-3)
    generator, began = torch.Generator().manual_seed(1), time.monotonic()
    for step in range(args.autoencoder_steps):
        x = images[batch_rows(len(images), 64, generator)].float() / 255
        x = x.flip(3) if step % 2 else x
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=not args.float32):
            loss, again = model.loss(x)
            near = perceptual(embedder, again[:24], x[:24])
        optimizer.zero_grad()
        (loss + 0.1 * near).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            seconds = time.monotonic() - began
            LOG.info("autoencoder %d loss %.4f perceptual %.4f %.0f s", step + 1, float(loss.detach()),
                     float(near.detach()), seconds)
    model.requires_grad_(False).eval()
    with torch.no_grad():
        codes = torch.cat([model.code(part.float() / 255) for part in images[:2048].split(128)])
    if float(codes.std((0, 2, 3)).min()) < 0.05:
        raise SystemExit("The autoencoder's code has collapsed; a smaller learning rate is needed.")
    model.mean.copy_(codes.mean((0, 2, 3)))
    model.std.copy_(codes.std((0, 2, 3)))
    return model


def perceptual(embedder: PictureEmbedder, again: Tensor, pictures: Tensor) -> Tensor:
    """Mean absolute distance of early feature maps, each divided by the mean size of its own."""
    with torch.no_grad():
        wanted = embedder.early_maps(pictures)
    found = embedder.early_maps(again)
    terms = [(a - b).abs().mean() / b.abs().mean() for a, b in zip(found, wanted, strict=True)]
    return torch.stack(terms).mean()


def train_generator(
    latents: Tensor, seen: Tensor, codec: PictureAutoencoder, args: argparse.Namespace
) -> LatentGenerator:
    """Flow matching; the weights are the running average of those trained."""
    model = LatentGenerator(codec)
    model.mean.copy_(seen.mean(0))
    model.std.copy_(seen.std(0) + 0.01)
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer, schedule = optimiser(model, args.generator_steps, 2e-3)
    generator, began = torch.Generator().manual_seed(2), time.monotonic()
    for step in range(args.generator_steps):
        rows = batch_rows(len(seen), 128, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=not args.float32):
            loss = model.loss(seen[rows], latents[rows])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        keep = min(0.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for old, new in zip(average.parameters(), model.parameters(), strict=True):
                old.lerp_(new, 1 - keep)
        if step % 100 == 99:
            LOG.info("generator %d loss %.4f %.0f s", step + 1, float(loss.detach()), time.monotonic() - began)
    return average.eval()


def pixel_correlation(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean over pictures of the Pearson correlation of their pixels."""
    x, y = (value.reshape(len(value), -1).astype(np.float64) for value in (a, b))
    x, y = (value - value.mean(1, keepdims=True) for value in (x, y))
    return float(((x * y).sum(1) / np.sqrt((x**2).sum(1) * (y**2).sum(1))).mean())


def top_1(found: NDArray[np.float32], wanted: NDArray[np.float32], centre: NDArray[np.float32]) -> float:
    """Share of generated pictures whose own true picture is the nearest by cosine, the training mean removed."""
    a, b = found - centre, wanted - centre
    a, b = (value / np.linalg.norm(value, axis=1, keepdims=True) for value in (a, b))
    return float(((a @ b.T).argmax(1) == np.arange(len(a))).mean())


def measure(
    model: LatentGenerator, embedder: PictureEmbedder, mean: NDArray[np.uint8], out: Path
) -> dict[str, float]:
    """Numbers on 300 scenes of another seed, and the grid."""
    truth = pictures(300, seed=TEST_SEED, sprites="stamps")
    wanted, centre = embedder.embed(truth)[:, 0], model.mean.numpy()
    again = model.paint(model.autoencoder.encode(torch.from_numpy(truth)))
    error = ((again / 255.0 - truth / 255.0) ** 2).mean((1, 2, 3))
    plain = np.broadcast_to(mean, truth.shape)
    numbers = {
        "autoencoder_psnr": float((-10 * np.log10(error)).mean()),
        "autoencoder_pixcorr": pixel_correlation(again, truth),
        "autoencoder_top1": top_1(embedder.embed(again)[:, 0], wanted, centre),
        "mean_picture_pixcorr": pixel_correlation(plain, truth),
        "mean_picture_top1": 1 / len(truth),
        "pixcorr_of_another_scene": pixel_correlation(np.roll(truth, 1, 0), truth),
    }
    blurred = model.paint(model.expected_latent(wanted))
    numbers["expected_latent_pixcorr"] = pixel_correlation(blurred, truth)
    numbers["expected_latent_top1"] = top_1(embedder.embed(blurred)[:, 0], wanted, centre)
    rows = [truth, again, blurred]
    for guidance in (1.0, 2.0, 3.0):
        made = model.generate(wanted, guidance=guidance, generator=torch.Generator().manual_seed(3))[:, 0]
        numbers[f"generated_pixcorr_guidance_{guidance:g}"] = pixel_correlation(made, truth)
        numbers[f"generated_top1_guidance_{guidance:g}"] = top_1(embedder.embed(made)[:, 0], wanted, centre)
        rows.append(made)
    shown = [*rows[:3], rows[3], rows[4]]
    grid(out / "grid.png", shown)
    return numbers


def grid(path: Path, rows: list[NDArray[np.uint8]], columns: int = 16) -> None:
    """Write the first pictures of each row below each other, twice enlarged."""
    from PIL import Image

    lines = [np.concatenate(list(row[:columns]), 2) for row in rows]
    pixels = np.concatenate(lines, 1).transpose(1, 2, 0)
    Image.fromarray(pixels).resize((pixels.shape[1] * 3 // 2, pixels.shape[0] * 3 // 2)).save(path)


def store(model: nn.Module, path: Path, without: str = "autoencoder.") -> None:
    """Parameters and buffers as float16, loaded back so that what is measured is what is shipped."""
    state = {
        key: value.half().contiguous()
        for key, value in model.state_dict().items()
        if not key.startswith(without)
    }
    save_file(state, path)
    model.load_state_dict({key: value.float() for key, value in state.items()}, strict=False)


def main() -> None:
    """Pictures, embeddings, codec, generator, numbers."""
    args = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.manual_seed(0)
    args.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    photos = pictures(args.pictures, seed=SEED, sprites="stamps")
    images = np.concatenate([photos, pictures(args.drawn, seed=SEED, sprites="procedural")])
    embedder = PictureTarget().build()
    seen = torch.from_numpy(PictureTarget().embed(images)[:, 0])
    LOG.info("%d pictures and embeddings, %.0f s", len(images), time.monotonic() - began)
    stored = torch.from_numpy(images)
    codec = train_autoencoder(stored, args, embedder)
    store(codec, args.out / "autoencoder.safetensors")
    with torch.no_grad():
        latents = torch.cat([codec.encode(part) for part in stored.split(128)])
    model = train_generator(latents, seen, codec, args)
    store(model, args.out / "generator.safetensors")
    LOG.info("trained, %.0f s", time.monotonic() - began)
    mean = photos.mean(0).round().astype(np.uint8)
    numbers = measure(model, embedder, mean, args.out)
    (args.out / "numbers.json").write_text(json.dumps(numbers, indent=2) + "\n")
    LOG.info("%s, %.0f s", json.dumps(numbers, indent=2), time.monotonic() - began)


if __name__ == "__main__":
    main()
