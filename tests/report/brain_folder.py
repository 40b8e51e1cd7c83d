"""Run folders as decoding a brain leaves them, made without any training."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.report.conftest import STAMP, metrics

CLASSES = ["person", "animal", "food", "vehicle", "building", "sky"]
VALUES: dict[str, dict[str, float]] = {
    "brain_to_image_top1": {
        "decoder": 0.632, "backbone": 0.541, "prior": 0.352, "ridge": 0.511, "untrained": 0.0035, "shuffled": 0.0041,
        "chance": 1 / 300,
    },
    "image_to_brain_top1": {
        "decoder": 0.584, "backbone": 0.503, "ridge": 0.472, "untrained": 0.003, "shuffled": 0.0028, "chance": 1 / 300,
    },
    "n_way_top1": {"decoder": 0.471, "prior": 0.434, "ridge": 0.402, "untrained": 0.021, "chance": 0.02},
    "two_way": {"decoder": 0.962, "prior": 0.941, "ridge": 0.951, "untrained": 0.502, "shuffled": 0.498, "chance": 0.5},
    "pixcorr": {"decoder": 0.214, "ridge": 0.231},
    "ssim": {"decoder": 0.331, "ridge": 0.342},
    "effnet": {"decoder": 0.741, "ridge": 0.792},
    "swav": {"decoder": 0.421, "ridge": 0.466},
    "frechet": {"prior": 6.7, "backbone": 25.1},
    "permutation_p": {"decoder": 0.0001, "ridge": 0.0001},
}  # fmt: skip


def brain_scores() -> list[dict[str, Any]]:
    """Rows of scores as the evaluation of a decoder writes them."""
    rows = []
    for metric, models in VALUES.items():
        for model, value in models.items():
            half = 0.02 if metric != "frechet" and model not in ("chance", "untrained") else 0.001
            row = {"metric": metric, "model": model, "value": value, "low": max(value - half, 0.0),
                   "high": value + half, "protocol": "", "split": "test", "n": 982, "seed": 0}  # fmt: skip
            if "_to_" in metric:
                row["protocol"] = "cosine, 300 candidates, 30 draws; interval over draws"
            if metric == "n_way_top1":
                row["protocol"] = "50-way over ImageNet classes, exact expectation"
            if metric == "permutation_p":
                row |= {"protocol": "mean matched cosine 0.2 against 9,999 re-pairings of the same predictions",
                        "low": value, "high": value}  # fmt: skip
            rows.append(row)
    return rows


def brain_evaluation() -> dict[str, Any]:
    """Content of evaluation.json."""
    networks = {"Visual": (0.41, 51), "Default": (0.12, 76), "Dorsal Attention": (0.08, 44), "Somatomotor": (0.02, 62),
                "Limbic": (0.012, 24), "Frontoparietal": (0.035, 50), "Ventral Attention": (0.018, 53)}  # fmt: skip
    rois = {
        "nsdgeneral": (0.63, 15724, 34), "V1": (0.31, 1350, 41), "V2": (0.28, 1233, 38), "V3": (0.24, 1102, 35),
        "hV4": (0.21, 640, 33), "FFA": (0.12, 480, 36), "PPA": (0.14, 903, 31), "EBA": (0.18, 2104, 35),
    }  # fmt: skip
    trials = np.array([750, 2250, 7500, 15000, 30000])
    return {
        "run": {"name": "mindeye", "variant": "default", "seed": 0},
        "data": {"name": "NSD subj01", "train": 8859, "test": 982, "classes": CLASSES},
        "scores": brain_scores(),
        "tables": {
            "networks": [
                {"name": name, "value": drop, "control": 0.0006 * parcels, "control_low": 0.0003 * parcels,
                 "control_high": 0.0009 * parcels, "parcels": parcels}
                for name, (drop, parcels) in networks.items()
            ],
            "rois": [
                {"name": name, "voxels": voxels, "top1": top, "low": top - 0.03, "high": top + 0.03, "ceiling": ceiling}
                for name, (top, voxels, ceiling) in rois.items()
            ],
            "repeats": [{"repeats": k, "top1": top, "ridge": ridge}
                        for k, top, ridge in ((1, 0.38, 0.31), (2, 0.54, 0.44), (3, 0.632, 0.511))],
            "learning": [
                {"trials": int(count), "hours": count / 750, "top1": 0.2 * np.log10(count / 100) + 0.137,
                 "ridge": 0.13 * np.log10(count / 100) + 0.19}
                for count in trials
            ],
            "subjects": [
                {"name": f"subj0{number}", "voxels": 15724 - 700 * number, "train": 8859, "test": 982,
                 "top1": 0.64 - 0.02 * number, "ridge": 0.52 - 0.01 * number, "median_ceiling": 36.0 - number}
                for number in (1, 2)
            ],
        },
        "warnings": [],
        "seconds": 12.0,
    }  # fmt: skip


def brain_pictures(count: int = 3, side: int = 64, seed: int = 0) -> dict[str, Any]:
    """Examples: ``count`` of each kind, smooth pictures whose copies become noisier with their rank."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(["best", "median", "worst"], count)
    rank = np.concatenate([np.ones(count), 2 + np.arange(count), 250 + 7 * np.arange(count)]).astype(int)
    grid = np.mgrid[0:side, 0:side] / side
    phase, pitch = rng.uniform(0, 6, (3 * count, 3, 2)), rng.uniform(3, 12, (3 * count, 3, 2))
    waves = np.sin((pitch[..., None, None] * grid).sum(2) + phase.sum(2)[..., None, None])
    seen = (127 + 110 * waves).astype(np.uint8)

    def noisy(strength: float) -> np.ndarray:
        mixed = seen + strength * np.log1p(rank)[:, None, None, None] * rng.normal(0, 25, seen.shape)
        return mixed.clip(0, 255).astype(np.uint8)

    return {
        "example_kind": kinds, "example_rank": rank, "seen": seen, "retrieved": np.roll(seen, rank > 2, axis=0),
        "reconstructed": noisy(0.6), "ridge_reconstructed": noisy(1.0),
        "example_caption": np.array([f"picture {place}" for place in range(3 * count)]),
        "confusion": np.diag(np.arange(60, 120, 10)) + rng.integers(0, 15, (6, 6)), "class_names": np.array(CLASSES),
    }  # fmt: skip


@cache
def _template(space: str) -> np.ndarray:
    from counterpoint.brain.surface import mesh

    return np.concatenate([mesh(space, "inflated", hemisphere=side).coordinates for side in ("left", "right")])


def surface_arrays(space: str = "fsaverage5") -> dict[str, Any]:
    """A map that is strong at the back of the head and known behind the central sulcus."""
    points = _template(space)
    behind = (points[:, 1] - points[:, 1].min()) / np.ptp(points[:, 1])
    index = np.flatnonzero(behind < 0.62)
    rng = np.random.default_rng(0)
    values = np.exp(-8 * behind[index] ** 2 - ((points[index, 2] + 15) / 45) ** 2)
    ceiling = 70 * np.exp(-5 * behind[index] ** 2) + rng.uniform(0, 4, len(index))
    return {"space": np.array(space), "map_values": values.astype(np.float32), "map_index": index,
            "ceiling_values": ceiling.astype(np.float32)}  # fmt: skip


def volume_arrays() -> dict[str, Any]:
    """A map in a grid whose first axis runs to the left, with a mean image."""
    shape = np.array([40, 52, 36])
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij"))
    mask = ((grid**2).sum(0) < 0.9) & (grid[1] < -0.1) & ((grid**2).sum(0) > 0.25)
    index = np.flatnonzero(mask.ravel())
    values = np.exp(-4 * ((grid[1] + 0.8) ** 2 + (grid[2] + 0.2) ** 2)).ravel()[index]
    affine = np.diag([-1.8, 1.8, 1.8, 1.0])
    return {
        "space": np.array("volume"), "map_values": values.astype(np.float32), "map_index": index,
        "ceiling_values": (60 * values).astype(np.float32), "map_shape": shape, "map_affine": affine,
        "map_background": (1000 * ((grid**2).sum(0) < 0.95) * (1.2 - (grid**2).sum(0))).astype(np.float32),
    }  # fmt: skip


RECIPE: dict[str, Any] = {
    "data": {"source": "nsd:/data/nsd", "subjects": ["1"], "batch_size": 32, "repeats": "one", "zscore": "session",
             "fit_on": "train", "clip": 0.0, "rois": ["nsdgeneral"], "drop_networks": [], "min_ceiling": 0.0,
             "shuffle_pairs": False},
    "encoder": {"name": "mlp", "hidden": 4096, "blocks": 4},
    "views": {"picture": "efficientnet_lite0", "layer": "pooled", "text": "", "centre": True, "whiten": False},
    "method": {"temperature": 0.006},
    "optimizer": {"name": "adamw", "learning_rate": 0.0003, "per_batch": 0, "weight_decay": 0.01, "warmup": 2.0,
                  "schedule": "cosine"},
    "epochs": 240, "seed": 0, "precision": "32-true", "accumulate": 1, "name": "mindeye", "variant": "default",
}  # fmt: skip


def make_brain_run(folder: Path, *, space: str = "fsaverage5", arrays: dict[str, Any] | None = None) -> Path:
    """A complete run folder of a decoder; ``space`` "" leaves the map out."""
    folder.mkdir(parents=True)
    info = {"status": "done", "name": "mindeye", "variant": "default", "step": 4000, "epoch": 240,
            "seconds_training": 754.0, "peak_memory_mb": 1890}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(info))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    (folder / "stamp.json").write_text(json.dumps({**STAMP, "data": {"name": "NSD subj01"}}))
    rows = metrics(steps=60)
    rows = [{**row, "knn": None, "top1": row["knn"] - 0.4} if "knn" in row else row for row in rows]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "evaluation.json").write_text(json.dumps(brain_evaluation()))
    if arrays is None:
        placed = volume_arrays() if space == "volume" else surface_arrays(space) if space else {}
        arrays = {**brain_pictures(), **placed}
    np.savez(folder / "brain.npz", **arrays)
    return folder
