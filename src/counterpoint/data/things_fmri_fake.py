"""A tiny THINGS-fMRI tree with known responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.data._planted import brain_mask, in_grid, save_pictures, save_volume, tuned

SESSIONS, TRIALS, RUNS = 2, 12, 2
NAMES = ("ape_01b.jpg", "boat_07s.jpg", "dog_12s.jpg", "ice_cream_03n.jpg", "jar_05s.jpg", "key_02b.jpg",
         "lamp_09n.jpg", "mango_14s.jpg")


def fake_things_fmri(path: str | Path, seed: int = 0, *, form: str = "table", pictures: bool = True) -> dict[str, Any]:
    """Write person sub-01 in small: 2 sessions of 12 trials in 2 runs, 4 pictures once and 4 five times.

    Parameters
    ----------
    path : path
        Folder to write into.
    seed : int
        Of everything that is random.
    form : str
        ``"table"``: the HDF5 arrays that pandas writes in its fixed form, and two CSV tables; ``"volume"``: a
        series per run with one catch trial in each, and tables of conditions.
    pictures : bool
        Write the pictures as well.

    Returns
    -------
    dict
        ``responses`` (24, voxels) without catch trials, ``names``, ``session``, ``run``, ``split``, ``mask``,
        ``rois``, ``ceiling``, ``colours`` (8, 3) in order of ``pictures``.
    """
    root, rng = Path(path), np.random.default_rng(seed)
    mask = brain_mask(rng)
    test = np.array([0, 2, 4, 6])
    ids = rng.permutation(np.r_[np.repeat(test, 5), [1, 3, 5, 7]])
    responses = tuned(rng, ids, int(mask.sum()))
    per_run = TRIALS // RUNS
    truth: dict[str, Any] = {
        "responses": responses, "names": [NAMES[number] for number in ids], "mask": mask, "pictures": list(NAMES),
        "session": np.repeat([1, 2], TRIALS), "run": np.tile(np.repeat([1, 2], per_run), SESSIONS),
        "split": np.where(np.isin(ids, test), "test", "train"),
        "rois": {name: rng.random(len(responses.T)) < 0.4 for name in ("V1", "lFFA", "glasser-FFC")},
        "ceiling": rng.uniform(0, 60, size=len(responses.T)).round(3),
    }
    save_volume(root / "brainmasks" / "sub-01_space-T1w_brainmask.nii.gz", mask.astype(np.uint8))
    if form == "table":
        _table(root / "betas_csv", truth)
    else:
        _volumes(root / "betas_vol" / "sub-01", truth, rng)
    if pictures:
        places = [root / "images" / name.rpartition("_")[0] / name for name in NAMES]
        truth["colours"] = save_pictures(places, rng)
    return truth


def _table(folder: Path, truth: dict[str, Any]) -> None:
    import h5py

    folder.mkdir(parents=True)
    values = truth["responses"].T
    with h5py.File(folder / "sub-01_ResponseData.h5", "w") as file:
        group = file.create_group("ResponseData")
        group.attrs.update({"pandas_type": np.bytes_("frame"), "ndim": 2, "nblocks": 2})
        trials = np.array([str(number) for number in range(values.shape[1])], dtype="S")
        parts = {"axis0": np.r_[np.array([b"voxel_id"]), trials], "axis1": np.arange(len(values)),
                 "block0_items": trials, "block0_values": values,
                 "block1_items": np.array([b"voxel_id"]), "block1_values": np.arange(len(values))[:, None]}
        for name, part in parts.items():
            group.create_dataset(name, data=part).attrs["transposed"] = np.uint8(1)
    head = "trial_type,session,run,subject_id,trial_id,stimulus,concept\n"
    lines = [f"{split},{session},{run},1,{row},{name},{name.rpartition('_')[0]}\n" for row, (split, session, run, name)
             in enumerate(zip(truth["split"], truth["session"], truth["run"], truth["names"], strict=True))]
    (folder / "sub-01_StimulusMetadata.csv").write_text(head + "".join(lines))
    names = list(truth["rois"])
    head = ",".join(["voxel_id,subject_id,voxel_x,voxel_y,voxel_z,nc_singletrial,nc_testset,prf-size", *names])
    lines = [head]
    for row, (x, y, z) in enumerate(np.argwhere(truth["mask"]).tolist()):
        flags = ",".join(str(int(truth["rois"][name][row])) for name in names)
        lines.append(f"{row},1,{x},{y},{z},{truth['ceiling'][row] / 4},{truth['ceiling'][row]},1,{flags}")
    (folder / "sub-01_VoxelMetadata.csv").write_text("\n".join(lines) + "\n")


def _volumes(folder: Path, truth: dict[str, Any], rng: np.random.Generator) -> None:
    for session in range(1, SESSIONS + 1):
        for run in range(1, RUNS + 1):
            rows = np.flatnonzero((truth["session"] == session) & (truth["run"] == run))
            at = int(rng.integers(len(rows) + 1))
            values = np.insert(truth["responses"][rows], at, 99, axis=0)
            shown = [f"{name.rpartition('_')[0]}/{name}" for name in (truth["names"][row] for row in rows)]
            shown.insert(at, f"catch{run:03d}.jpg")
            stem = f"ses-things{session:02d}/sub-01_ses-things{session:02d}_run-{run:02d}"
            save_volume(folder / f"{stem}_betas.nii.gz", in_grid(values, truth["mask"]))
            (folder / f"{stem}_conditions.tsv").write_text(
                "\timage_filename\n" + "".join(f"{row}\t{name}\n" for row, name in enumerate(shown)))
