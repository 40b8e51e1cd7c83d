"""Views per second: this package's batched views against lightly's loader, on the same cores, in one run.

The same augmentation on both sides (SimCLR: crop, flip, jitter, grey; blur with probability 0.5 at 224 pixels).
lightly's ``SimCLRTransform`` runs on Pillow pictures in a torch ``DataLoader`` with two workers, as its own recipes
do. The sides take turns, and the median of the turns is reported, so that a neighbour's load meets both.

    python benchmarks/views.py            # a table
    python benchmarks/views.py --json     # the same as JSON

Needs ``pip install lightly`` (not a dependency of this package).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from counterpoint.views.image import ViewMaker
from counterpoint.views.spec import ImageViews


class Case(NamedTuple):
    """One row of the table; ``goal`` is the ratio that the package promises."""

    name: str
    channels: int
    size: int
    source: int
    batch: int
    blur: float
    goal: float


CASES = (
    Case("28 grey", 1, 28, 28, 256, 0.0, 10.0),
    Case("32 RGB", 3, 32, 32, 256, 0.0, 4.0),
    Case("64 RGB", 3, 64, 64, 256, 0.0, 4.0),
    Case("224 RGB from 256, blur", 3, 224, 256, 64, 0.5, 1.0),
)


class _Pictures(Dataset[Any]):
    """Pillow pictures, as an image folder would give them."""

    def __init__(self, case: Case, pixels: Tensor) -> None:
        from lightly.transforms import SimCLRTransform

        self.pixels = pixels.permute(0, 2, 3, 1).squeeze(3).numpy()
        level = {"mean": [0.5] * case.channels, "std": [0.5] * case.channels}
        self.transform = SimCLRTransform(input_size=case.size, gaussian_blur=case.blur, normalize=level)

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, index: int) -> list[Tensor]:
        from PIL import Image

        return self.transform(Image.fromarray(self.pixels[index % len(self.pixels)]))


def rate(batches: Iterator[Any], *, views: int, seconds: float) -> float:
    """Views per second over ``seconds`` of ``batches`` with ``views`` views each."""
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < seconds:
        next(batches)
        count += views
    return count / (time.perf_counter() - start)


def ours(maker: ViewMaker, pixels: Tensor) -> Iterator[Any]:
    """Endless batches of views."""
    generator = torch.Generator().manual_seed(0)
    while True:
        yield maker(pixels, generator)


def compare(case: Case, *, seconds: float, rounds: int, workers: int) -> dict[str, Any]:
    """Median views per second of the three sides, and this package's ratio to lightly."""
    pixels = torch.randint(0, 256, (case.batch, case.channels, case.source, case.source), dtype=torch.uint8)
    spec = ImageViews(size=case.size, crop_scale=(0.08, 1.0), brightness=0.8, contrast=0.8, saturation=0.8,
                      hue=0.2, blur=case.blur)  # fmt: skip
    pillow = ImageViews(**{**vars(spec), "backend": "pil"})
    measured: dict[str, list[float]] = {"tensor": [], "pil": [], "lightly": []}
    for _ in range(rounds):
        for name, chosen in (("tensor", spec), ("pil", pillow)):
            batches = ours(chosen.build(), pixels)
            next(batches)
            measured[name].append(rate(batches, views=2 * case.batch, seconds=seconds))
        loader = iter(DataLoader(_Pictures(case, pixels), batch_size=case.batch, num_workers=workers))
        for _ in range(3 * workers):  # the batches that the workers prepare ahead
            next(loader)
        measured["lightly"].append(rate(loader, views=2 * case.batch, seconds=2 * seconds))
        del loader
    middle = {name: statistics.median(values) for name, values in measured.items()}
    ratios = [a / b for a, b in zip(measured["tensor"], measured["lightly"], strict=True)]
    return {**case._asdict(), "views_per_second": middle, "ratio": middle["tensor"] / middle["lightly"],
            "ratio_per_round": ratios}  # fmt: skip


def main() -> None:
    """Measure every case and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0, help="per side, case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="of lightly's loader")
    arguments = parser.parse_args()
    rows = [
        compare(case, seconds=arguments.seconds, rounds=arguments.rounds, workers=arguments.workers) for case in CASES
    ]
    if arguments.json:
        print(json.dumps({"cores": os.cpu_count(), "torch": torch.__version__, "rows": rows}, indent=2))
        return
    print(f"{'views per second':24} {'tensor':>9} {'pil':>9} {'lightly':>9} {'ratio':>7} {'goal':>6}")
    for row in rows:
        speed = row["views_per_second"]
        cells = " ".join(f"{speed[name]:9,.0f}" for name in ("tensor", "pil", "lightly"))
        print(f"{row['name']:24} {cells} {row['ratio']:6.1f}x {row['goal']:5.0f}x")


if __name__ == "__main__":
    main()
