"""A tiny Haxby tree with known responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.data._planted import brain_mask, in_grid, save_volume

NAMES = ("bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe")
RUNS, BLOCK, PAUSE = 3, 3, 2


def fake_haxby(path: str | Path, seed: int = 0, *, form: str = "slice", lag: int = 0) -> dict[str, Any]:
    """Write one person in small: 3 runs, each category once a run in blocks of 3 volumes between pauses of 2.

    Parameters
    ----------
    path : path
        Folder to write into.
    seed : int
        Of everything that is random.
    form : str
        ``"slice"`` (``bold.nii.gz``, ``mask.nii.gz``, ``labels.tsv``) or ``"full"`` (``subj1`` as nilearn has it).
    lag : int
        Volumes by which the responses follow the labels.

    Returns
    -------
    dict
        ``volumes`` (time, voxels) int16, ``condition``, ``run`` (time,), ``mask``.
    """
    root, rng = Path(path), np.random.default_rng(seed)
    mask = brain_mask(rng)
    condition = np.concatenate([_run(rng) for _ in range(RUNS)])
    run = np.repeat(np.arange(RUNS), len(condition) // RUNS)
    patterns = {name: rng.normal(size=int(mask.sum())) for name in NAMES} | {"rest": np.zeros(int(mask.sum()))}
    late = np.r_[np.full(lag, "rest"), condition[: len(condition) - lag]]
    drift = rng.normal(0, 60, size=(RUNS, int(mask.sum())))[run]
    signal = np.stack([patterns[name] for name in late.tolist()])
    volumes = np.rint(1000 + drift + 20 * signal + rng.normal(0, 10, size=drift.shape)).astype(np.int16)
    folder = root if form == "slice" else root / "subj1"
    save_volume(folder / "bold.nii.gz", in_grid(volumes, mask))
    rows = list(zip(condition.tolist(), run.tolist(), strict=True))
    if form == "slice":
        save_volume(folder / "mask.nii.gz", mask.astype(np.int16))
        lines = [f"{row}\t{name}\t{part}\n" for row, (name, part) in enumerate(rows)]
        (folder / "labels.tsv").write_text("volume\tcondition\trun\n" + "".join(lines))
    else:
        half = mask & (np.arange(mask.shape[0]) < 3)[:, None, None]
        save_volume(root / "mask.nii.gz", mask.astype(np.int16))
        save_volume(folder / "mask4_vt.nii.gz", half.astype(np.int16))
        save_volume(folder / "mask8_face_vt.nii.gz", (half & (rng.random(mask.shape) < 0.5)).astype(np.int16))
        (folder / "labels.txt").write_text("labels chunks\n" + "".join(f"{name} {part}\n" for name, part in rows))
    return {"volumes": volumes, "condition": condition, "run": run, "mask": mask}


def _run(rng: np.random.Generator) -> np.ndarray:
    blocks = [row for name in rng.permutation(NAMES) for row in ["rest"] * PAUSE + [str(name)] * BLOCK]
    return np.array(blocks + ["rest"] * PAUSE)
