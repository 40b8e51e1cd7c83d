"""A tiny folder of the Algonauts 2023 challenge with known responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.data._planted import save_pictures, tuned

VERTICES = 163_842
CLASSES = {"prf-visualrois": 7, "floc-faces": 5, "streams": 7}
WIDTHS = {"lh": 20, "rh": 25}


def fake_algonauts2023(path: str | Path, seed: int = 0, *, test: bool = True) -> dict[str, Any]:
    """Write ``subj01`` in small: 8 training pictures, 3 test pictures, 20 left and 25 right vertices.

    Parameters
    ----------
    path : path
        Folder to write into.
    seed : int
        Of everything that is random.
    test : bool
        Write the responses to the test pictures and noise ceilings, which only prepared sets hold.

    Returns
    -------
    dict
        ``responses`` (11 or 8, 45), ``stimulus_id``, ``split``, ``vertices`` (45,) flat on both hemispheres,
        ``masks`` {class: values}, ``ceiling`` per cent, ``colours`` (11, 3).
    """
    root, rng = Path(path) / "subj01", np.random.default_rng(seed)
    ids = rng.choice(73_000, 11, replace=False)
    ids = np.r_[np.sort(ids[:8]), np.sort(ids[8:])]
    responses = tuned(rng, np.arange(11), sum(WIDTHS.values()))
    ceiling = rng.uniform(size=len(responses.T))
    parts = {"training": slice(0, 8), "test": slice(8, 11)} if test else {"training": slice(0, 8)}
    masks: dict[str, list[np.ndarray]] = {name: [] for name in CLASSES}
    vertices, start = [], 0
    for side, width in WIDTHS.items():
        columns = slice(start, start + width)
        for name, rows in parts.items():
            _save(root / f"{name}_split" / f"{name}_fmri" / f"{side}_{name}_fmri.npy", responses[rows, columns])
        if test:
            _save(root / "test_split" / "noise_ceiling" / f"{side}_noise_ceiling.npy", ceiling[columns])
        here = np.sort(rng.choice(VERTICES, width, replace=False))
        flags = np.zeros(VERTICES, np.int64)
        flags[here] = 1
        _save(root / "roi_masks" / f"{side}.all-vertices_fsaverage_space.npy", flags)
        vertices.append(here + (VERTICES if side == "rh" else 0))
        for name, most in CLASSES.items():
            values = rng.integers(0, most + 1, size=width)
            masks[name].append(values)
            _save(root / "roi_masks" / f"{side}.{name}_challenge_space.npy", values)
        start += width
    shown = [("training", "train", ids[:8]), ("test", "test", ids[8:])]
    places = [root / f"{split}_split" / f"{split}_images" / f"{prefix}-{row + 1:04d}_nsd-{number:05d}.png"
              for split, prefix, numbers in shown for row, number in enumerate(numbers.tolist())]
    count = 11 if test else 8
    return {"responses": responses[:count], "stimulus_id": ids[:count], "colours": save_pictures(places, rng),
            "split": np.repeat(["train", "test"], [8, 3])[:count], "vertices": np.concatenate(vertices),
            "masks": {name: np.concatenate(values) for name, values in masks.items()}, "ceiling": 100 * ceiling}


def _save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values, allow_pickle=False)
