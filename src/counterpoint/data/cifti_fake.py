"""Tiny CIFTI runs with planted responses, for tests and tutorials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import missing_extra
from counterpoint.data.cifti_read import VERTICES

T_R = 2.0
_TRIALS, _APART, _FRAMES = 12, 5, 66


def fake_cifti(path: str | Path, seed: int = 0) -> dict[str, Any]:
    """Write two runs of ``sub-01`` with 12 trials each and ``parcels.dlabel.nii``.

    The right hemisphere comes first in the file, then a subcortical structure, then the left. A vertex
    answers to a trial with its weight for the picture, 4 to 8 s after onset (repetition time 2 s).

    Returns
    -------
    dict
        ``index (30,)`` positions of the vertices on the surface, ``response (24, 30)``, ``stimulus (24,)``
        names, ``events`` (list of dict of arrays, one per run), ``labels (30,)``.
    """
    try:
        import nibabel
        from nibabel.cifti2 import BrainModelAxis, LabelAxis, SeriesAxis
    except ImportError as error:
        raise missing_extra("Writing CIFTI", "nibabel", "fmri") from error
    root, generator = Path(path), np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    left = np.sort(generator.choice(VERTICES, 14, replace=False))
    right = np.sort(generator.choice(VERTICES, 16, replace=False))
    models = BrainModelAxis.from_surface(right, VERTICES, "CortexRight")
    models = models + BrainModelAxis.from_mask(
        np.ones((2, 2, 2), bool), affine=np.eye(4), name="thalamus_left"
    )
    models = models + BrainModelAxis.from_surface(left, VERTICES, "CortexLeft")
    order = np.r_[24:38, 0:16]
    weights = generator.standard_normal((8, 30))
    events, shown = [], generator.permutation(np.repeat(np.arange(8), 3))
    for run in range(2):
        own = shown[12 * run : 12 * run + 12]
        values = 0.01 * generator.standard_normal((_FRAMES, 38)) + 1000.0
        for trial, picture in enumerate(own):
            values[_APART * trial + 2 : _APART * trial + 5, order] += weights[picture]
        axis = SeriesAxis(0, T_R, _FRAMES)
        image = nibabel.Cifti2Image(values.astype(np.float32), (axis, models))
        nibabel.save(image, root / f"sub-01_run-{run + 1}.dtseries.nii")
        onset = T_R * _APART * np.arange(_TRIALS)
        events.append(
            {"onset": onset, "duration": np.full(_TRIALS, 2.0), "stimulus": [f"p{row}" for row in own]}
        )
    labels = np.arange(30) % 3
    stored = np.zeros((1, 38), np.float32)
    stored[0, order] = labels
    table = {0: ("???", (0, 0, 0, 0)), 1: ("V1", (1, 0, 0, 1)), 2: ("V2", (0, 1, 0, 1))}
    nibabel.save(
        nibabel.Cifti2Image(stored, (LabelAxis(["parcels"], [table]), models)), root / "parcels.dlabel.nii"
    )
    names = np.array([f"p{row}" for row in shown])
    index = np.r_[left, right + VERTICES]
    return {"index": index, "response": weights[shown], "stimulus": names, "events": events, "labels": labels}
