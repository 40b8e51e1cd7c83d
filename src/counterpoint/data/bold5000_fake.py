"""A tiny BOLD5000 tree with known responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.data._planted import brain_mask, in_grid, save_pictures, save_volume, tuned

SESSIONS, TRIALS = 2, 12
BETAS = "GLMbetas-TYPED-FITHRF-GLMDENOISE-RR"


def fake_bold5000(path: str | Path, seed: int = 0, *, form: str = "volume", pictures: bool = True) -> dict[str, Any]:
    """Write person CSI1 of BOLD5000 in small: 2 sessions of 12 trials, 8 pictures, 4 of them shown five times.

    Parameters
    ----------
    path : path
        Folder to write into.
    seed : int
        Of everything that is random.
    form : str
        ``"volume"`` (session files on a 6 x 5 x 4 grid) or ``"roi"`` (arrays and presentation lists).
    pictures : bool
        Write the pictures as well.

    Returns
    -------
    dict
        ``responses`` (24, voxels) percent, ``names``, ``session``, ``split``, ``mask`` or ``columns``, and
        ``colours`` (8, 3) of the flat pictures in order of ``pictures``.
    """
    root, rng = Path(path), np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    own = ["COCO_train2014_000000000009.jpg", "COCO_train2014_000000000025.jpg", "n01440764_10026.JPEG",
           "n01443537_22563.JPEG", "airport1.jpg", "bakery3.jpg", "church2.jpg", "desert7.jpg"]
    ids = rng.permutation(np.r_[np.repeat([0, 2, 4, 6], 5), [1, 3, 5, 7]])
    names = [own[number] for number in ids]
    shown = [f"rep_{name}" if name in names[:row] else name for row, name in enumerate(names)]
    stimuli = root / "BOLD5000_Stimuli"
    (stimuli / "Scene_Stimuli").mkdir(parents=True)
    repeated = "".join(f"{own[number]}\n" for number in (0, 2, 4, 6))
    (stimuli / "Scene_Stimuli" / "repeated_stimuli_113_list.txt").write_text(repeated)
    (root / "CSI1_imgnames.txt").write_text("".join(f"{name}\n" for name in shown))
    truth: dict[str, Any] = {
        "names": names, "session": np.repeat([1, 2], TRIALS), "pictures": own,
        "split": np.where(np.isin(ids, [0, 2, 4, 6]), "test", "train"),
    }
    truth |= _volumes(root, rng, ids) if form == "volume" else _regions(root, rng, ids, shown)
    if pictures:
        kinds = ["COCO"] * 2 + ["ImageNet"] * 2 + ["Scene"] * 4
        places = [stimuli / "Scene_Stimuli" / "Presented_Stimuli" / kind / name
                  for kind, name in zip(kinds, own, strict=True)]
        truth["colours"] = save_pictures(places, rng)
    return truth


def _volumes(root: Path, rng: np.random.Generator, ids: np.ndarray) -> dict[str, Any]:
    mask = brain_mask(rng)
    responses = tuned(rng, ids, int(mask.sum()))
    save_volume(root / "CSI1_brainmask.nii.gz", mask.astype(np.uint8))
    for session in range(SESSIONS):
        part = in_grid(responses[session * TRIALS : (session + 1) * TRIALS], mask)
        save_volume(root / f"CSI1_{BETAS}_ses-{session + 1:02d}.nii.gz", part)
    regions = {}
    for name in ("LHEarlyVis", "RHEarlyVis", "LHLO"):
        picked = mask & (rng.random(mask.shape) < 0.3)
        save_volume(root / "sub-CSI1" / f"sub-CSI1_mask-{name}.nii.gz", picked.astype(np.uint8))
        regions[name] = picked[mask]
    return {"responses": responses, "mask": mask, "rois": regions}


def _regions(root: Path, rng: np.random.Generator, ids: np.ndarray, shown: list[str]) -> dict[str, Any]:
    widths = {side + name: 3 + row for row, name in enumerate(("EarlyVis", "LOC", "OPA", "PPA", "RSC"))
              for side in ("LH", "RH")}
    responses = tuned(rng, ids, sum(widths.values()))
    folder = root / "BOLD5000_GLMsingle_ROI_betas" / "py"
    folder.mkdir(parents=True)
    start = 0
    for name, width in widths.items():
        np.save(folder / f"CSI1_{BETAS}_allses_{name}.npy", responses[:, start : start + width].astype(np.float64))
        start += width
    for session in range(SESSIONS):
        lists = root / "BOLD5000_Stimuli" / "Stimuli_Presentation_Lists" / "CSI1" / f"CSI1_sess{session + 1:02d}"
        lists.mkdir(parents=True)
        for run in range(2):
            first = session * TRIALS + run * 6
            (lists / f"CSI1_sess{session + 1:02d}_run{run + 1:02d}.txt").write_text(
                "".join(f"{name}\n" for name in shown[first : first + 6]))
    return {"responses": responses, "columns": widths}
