"""Run folders as training and evaluation leave them, made without either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

MODELS = {"encoder": 0.873, "head": 0.851, "untrained": 0.742, "pixels": 0.8575, "chance": 0.1}
CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def _score(metric: str, model: str, value: float, seed: int, n: int = 10_000) -> dict[str, Any]:
    half = 1.96 * (value * (1 - value) / n) ** 0.5
    protocol = {"knn": "cosine, k=20, T=0.1", "linear": "L-BFGS logistic regression, standardised"}.get(metric, metric)
    return {
        "metric": metric,
        "model": model,
        "value": value,
        "low": value - half,
        "high": value + half,
        "protocol": protocol,
        "split": "test",
        "n": n,
        "seed": seed,
    }


def evaluation(seed: int = 0, *, lift: float = 0.0, name: str = "simclr") -> dict[str, Any]:
    """Content of evaluation.json."""
    scores = [
        _score(metric, model, value + shift + (lift if model in ("encoder", "head") else 0), seed)
        for metric, shift in (("linear", 0.01), ("knn", 0.0))
        for model, value in MODELS.items()
        if not (metric == "linear" and model == "chance")
    ]
    spectrum = {"encoder": (0.96 ** np.arange(128)).tolist(), "untrained": (0.86 ** np.arange(128)).tolist()}
    geometry = {
        "encoder": {"alignment": 0.31, "uniformity": -2.9, "effective_rank": 48.2, "std": 0.93},
        "head": {"alignment": 0.28, "uniformity": -3.2, "effective_rank": 61.0, "std": 0.97},
        "untrained": {"alignment": 0.12, "uniformity": -0.6, "effective_rank": 9.8, "std": 0.3},
    }
    return {
        "run": {"name": name, "variant": "default", "seed": seed},
        "data": {"name": "fashion-mnist", "train": 60_000, "test": 10_000, "classes": CLASSES},
        "scores": scores,
        "geometry": geometry,
        "spectrum": spectrum,
        "warnings": ["kNN of the head was measured on a subsample."],
        "seconds": 41.0,
    }


def embeddings(seed: int = 0, *, side: int = 28, channels: int = 1, classes: int = 10, n: int = 2000) -> dict[str, Any]:
    """Content of embeddings.npz: classes as clouds, pictures as noisy patterns."""
    rng = np.random.default_rng(seed)
    centres, patterns = rng.normal(size=(classes, 64)), rng.random((classes, 1, channels, side, side))
    label, bank_label = rng.integers(classes, size=n), rng.integers(classes, size=500)
    embedding = (centres[label] + 0.8 * rng.normal(size=(n, 64))).astype(np.float32)

    def pictures(labels: np.ndarray) -> np.ndarray:
        noise = rng.random((len(labels), channels, side, side))
        return (255 * (0.6 * patterns[labels, 0] + 0.4 * noise)).astype(np.uint8)

    query = rng.choice(n, 12, replace=False)
    same = np.array([rng.choice(np.flatnonzero(bank_label == label[row]), 8) for row in query])
    neighbour = np.where(rng.random(same.shape) < 0.8, same, rng.integers(500, size=same.shape))
    confusion = np.diag(rng.integers(700, 950, size=classes)) + rng.integers(0, 40, size=(classes, classes))
    return {
        "embedding": embedding,
        "label": label,
        "index": np.arange(n),
        "thumbnail": pictures(label),
        "bank_thumbnail": pictures(bank_label),
        "bank_label": bank_label,
        "query": query,
        "neighbour": neighbour,
        "neighbour_similarity": np.sort(rng.uniform(0.7, 0.99, same.shape))[:, ::-1].astype(np.float32),
        "views": rng.random((8, 3, channels, side, side)).astype(np.float32),
        "class_names": np.array((CLASSES * 10)[:classes]),
        "confusion": confusion,
    }


def metrics(*, seed: int = 1, steps: int = 400, epochs: int = 10) -> list[dict[str, Any]]:
    """Rows of metrics.jsonl."""
    rng = np.random.default_rng(seed)
    speed = rng.uniform(0.85, 1.15)
    rows: list[dict[str, Any]] = []
    for step in range(10, 10 * steps + 1, 10):
        part = step / (10 * steps)
        first, second = 4.8 - 2.2 * part**0.3 + 0.05 * rng.normal(), 0.6 - 0.3 * part
        rows.append(
            {
                "kind": "step",
                "step": step,
                "epoch": int(part * epochs),
                "seconds": step / 8,
                "loss": first + second,
                "terms": {"nt_xent": first, "penalty": second},
                "notes": {},
                "learning_rate": 0.5e-3 * (1 + np.cos(np.pi * part)),
                "gradient_norm": 2 + rng.random(),
                "images_per_second": 800.0,
            }
        )
    for epoch in range(1, epochs + 1):
        part = epoch / epochs
        rows.append(
            {
                "kind": "epoch",
                "step": int(part * 10 * steps),
                "epoch": epoch,
                "seconds": 50.0 * epoch,
                "knn": 0.72 + 0.14 * speed * part**0.5,
                "effective_rank": 20 + 28 * speed * part,
                "dim": 128,
                "std": 0.9,
                "alignment": 0.6 - 0.3 * speed * part,
                "uniformity": -1.5 - 1.4 * speed * part**0.5,
                "loss": 3.0 - part,
            }
        )
    return rows


RECIPE: dict[str, Any] = {
    "data": {"source": "fashion-mnist", "size": None, "batch_size": 256, "workers": 0},
    "encoder": {"name": "convnet", "width": 32, "depth": 5, "weights": "", "pool": "mean"},
    "views": {
        "size": 28,
        "num_views": 2,
        "crop_scale": [0.3, 1.0],
        "flip": 0.5,
        "jitter": 0.8,
        "gray": 0.0,
        "blur": 0.0,
    },
    "method": {"temperature": 0.2},
    "optimizer": {
        "name": "adamw",
        "learning_rate": 0.002,
        "per_batch": 0,
        "weight_decay": 0.0001,
        "warmup": 1.0,
        "schedule": "cosine",
    },
    "epochs": 10,
    "seed": 0,
    "precision": "bf16-mixed",
    "accumulate": 1,
    "name": "simclr",
    "variant": "default",
}
STAMP: dict[str, Any] = {
    "command": "counterpoint fit simclr --data fashion-mnist",
    "python": "3.12.4",
    "devices": ["x86_64 CPU, 2 threads"],
    "libraries": {"counterpoint": "0.1.0", "torch": "2.14.0"},
    "source": {"commit": "abc1234", "dirty": False},
    "seed": 0,
    "data": {"name": "fashion-mnist", "train": 60_000, "test": 10_000, "hash": "9f3c"},
}


def make_run(
    folder: Path,
    *,
    seed: int = 0,
    lift: float = 0.0,
    recipe: dict[str, Any] | None = None,
    status: str = "done",
    arrays: dict[str, Any] | None = None,
) -> Path:
    """A complete run folder."""
    folder.mkdir(parents=True)
    name = (recipe or {}).get("name", "simclr")
    info = {
        "status": status,
        "name": name,
        "variant": "default",
        "step": 4000,
        "epoch": 10,
        "seconds_training": 754.0,
        "peak_memory_mb": 1890,
    }
    (folder / "run.json").write_text(json.dumps(info))
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**RECIPE, "seed": seed, **(recipe or {})}, sort_keys=False))
    (folder / "stamp.json").write_text(json.dumps({**STAMP, "seed": seed}))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in metrics(seed=1 + seed)))
    examples = [{"title": "Reconstructions", "rows": ["picture", "decoded"], "words": "The second row is blurred."}]
    scored = {**evaluation(seed, lift=lift, name=name), "examples": examples}
    (folder / "evaluation.json").write_text(json.dumps(scored))
    np.savez(folder / "examples.npz", grid0=np.full((2, 5, 1, 8, 8), 128, np.uint8))
    np.savez(folder / "embeddings.npz", **(arrays if arrays is not None else embeddings(seed)))
    (folder / "train.log").write_text(
        "simclr.default on fashion-mnist\n"
        "warning: kNN of the head was measured on a subsample.\nUserWarning: x\nFutureWarning: y\n"
    )
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A finished run."""
    return make_run(tmp_path / "runs" / "simclr" / "default-0001")


@pytest.fixture
def bare_folder(tmp_path: Path) -> Path:
    """A run that left nothing but run.json."""
    folder = tmp_path / "runs" / "simclr" / "tiny-0001"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"status": "running", "name": "simclr", "variant": "tiny"}))
    return folder
