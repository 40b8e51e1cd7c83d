"""A tiny BIDS data set with fMRIPrep outputs, for tests and tutorials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import missing_extra

T_R, FRAMES, APART = 2.0, 66, 5
GRID = (6, 5, 4)
SPACE = "MNI152NLin2009cAsym"
AFFINE = np.array([[3.0, 0, 0, -9], [0, 3, 0, 4], [0, 0, 3, 2], [0, 0, 0, 1]])
_MOTION = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]


def fake_bids_derivatives(path: str | Path, seed: int = 0, *, surface: bool = False) -> dict[str, Any]:
    """Write ``sub-01`` (2 sessions, a run of 12 trials each) in ``path`` and ``path/derivatives/fmriprep``.

    A voxel answers to a trial with its weight for the picture, 4 to 8 s after onset (repetition time 2 s).

    Parameters
    ----------
    path : str or Path
    seed : int
    surface : bool
        Also write fsaverage5 files, of which the first 20 vertices of each hemisphere answer.

    Returns
    -------
    dict
        ``derivatives`` folder, ``index (48,)`` of the masked voxels, ``response (24, 48)``, ``stimulus
        (24,)`` names, ``images (8, 3, 8, 8)`` by sorted name, ``surface (24, 40)``, ``atlas`` path and its
        ``labels (48,)``.
    """
    try:
        import nibabel
    except ImportError as error:
        raise missing_extra("Writing NIfTI", "nibabel", "fmri") from error
    root, generator = Path(path), np.random.default_rng(seed)
    out = root / "derivatives" / "fmriprep"
    mask = np.zeros(GRID, np.uint8)
    mask[1:5, 1:4] = 1
    index = np.flatnonzero(mask)
    weights, surface_weights = generator.standard_normal((8, 48)), generator.standard_normal((8, 40))
    names, images = _stimuli(root, generator)
    shown = generator.permutation(np.repeat(np.arange(8), 3))
    for session in (1, 2):
        own = shown[12 * session - 12 : 12 * session]
        stem = f"sub-01_ses-{session}_task-see_run-1"
        folder = out / "sub-01" / f"ses-{session}" / "func"
        folder.mkdir(parents=True)
        _events(root / "sub-01" / f"ses-{session}" / "func" / f"{stem}_events.tsv", names[own])
        _volumes(folder / f"{stem}_space-{SPACE}", mask, _series(weights[own], generator))
        _confounds(folder / f"{stem}_desc-confounds_timeseries", generator)
        if surface:
            _surfaces(folder, stem, _series(surface_weights[own], generator))
    labels = np.where(mask, 1 + np.arange(GRID[0])[:, None, None] // 3, 0).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(labels, AFFINE), root / "atlas.nii.gz")
    _descriptions(root, out)
    return {
        "derivatives": out,
        "index": index,
        "response": weights[shown],
        "surface": surface_weights[shown],
        "stimulus": names[shown],
        "images": images,
        "atlas": root / "atlas.nii.gz",
        "labels": labels.ravel()[index],
    }


def _descriptions(raw: Path, out: Path) -> None:
    for place, kind in ((raw, "raw"), (out, "derivative")):
        made = {
            "Name": "Seen",
            "BIDSVersion": "1.8.0",
            "DatasetType": kind,
            "GeneratedBy": [{"Name": "fMRIPrep"}],
        }
        _json(place / "dataset_description.json", made)


def _volumes(stem: Path, mask: np.ndarray, series: np.ndarray) -> None:
    import nibabel

    values = np.full((mask.size, FRAMES), 500.0)
    values[np.flatnonzero(mask)] += series.T
    image = nibabel.Nifti1Image(values.reshape(*GRID, FRAMES).astype(np.float32), AFFINE)
    image.header.set_zooms((3.0, 3.0, 3.0, T_R))
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, f"{stem}_desc-preproc_bold.nii.gz")
    nibabel.save(nibabel.Nifti1Image(mask, AFFINE), f"{stem}_desc-brain_mask.nii.gz")
    _json(Path(f"{stem}_desc-preproc_bold.json"), {"RepetitionTime": T_R})


def _surfaces(folder: Path, stem: str, series: np.ndarray) -> None:
    import nibabel

    for side, columns in (("L", slice(0, 20)), ("R", slice(20, 40))):
        values = np.full((FRAMES, 10_242), 100.0, np.float32)
        values[:, :20] += series[:, columns]
        arrays = [nibabel.gifti.GiftiDataArray(frame) for frame in values]
        name = f"{stem}_hemi-{side}_space-fsaverage5_bold"
        nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), folder / f"{name}.func.gii")
        _json(folder / f"{name}.json", {"RepetitionTime": T_R})


def _series(amplitude: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """``(frames, voxels)``: three frames of each trial's amplitude, 4 to 8 s after onset, and noise."""
    made = 0.01 * generator.standard_normal((FRAMES, amplitude.shape[1]))
    for trial, row in enumerate(amplitude):
        made[APART * trial + 2 : APART * trial + 5] += row
    return made


def _stimuli(root: Path, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    from PIL import Image

    (root / "stimuli").mkdir(parents=True)
    images = generator.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
    names = np.array([f"picture{row}.png" for row in range(8)])
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).save(root / "stimuli" / str(name))
    return names, np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _events(path: Path, names: np.ndarray) -> None:
    path.parent.mkdir(parents=True)
    rows = [f"{T_R * APART * row:g}\t2\tpicture\t{name}" for row, name in enumerate(names)]
    rows.insert(3, f"{T_R * APART * 3 - 1:g}\t1\tbreak\tn/a")
    path.write_text("\n".join(["onset\tduration\ttrial_type\tstim_file", *rows]) + "\n")


def _confounds(stem: Path, generator: np.random.Generator) -> None:
    endings = ("", "_derivative1", "_power2", "_derivative1_power2")
    names = [f"{name}{ending}" for name in _MOTION for ending in endings] + [
        "csf",
        "white_matter",
        "cosine00",
    ]
    values = 0.01 * generator.standard_normal((FRAMES, len(names)))
    values[:, -1] = np.cos(np.pi * (np.arange(FRAMES) + 0.5) / FRAMES)
    rows = [[f"{value:.9f}" for value in line] for line in values]
    rows[0] = ["n/a" if "derivative1" in name else cell for name, cell in zip(names, rows[0], strict=True)]
    stem.with_suffix(".tsv").write_text("\n".join("\t".join(line) for line in [names, *rows]) + "\n")
    _json(stem.with_suffix(".json"), {})


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
