"""A tiny tree in the layout of the Natural Scenes Dataset, for tests and tutorials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

VERSION = "betas_fithrf_GLMdenoise_RR"
SHAPE, PICTURES, SESSIONS, TRIALS = (6, 5, 4), 8, 2, 12
AFFINE = np.array([[1.8, 0, 0, -72.0], [0, 1.8, 0, -93.6], [0, 0, 1.8, -74.7], [0, 0, 0, 1]])


def fake_nsd(path: str | Path, seed: int = 0, *, subject: int = 1, surface: bool = False,
             vertices: int = 642) -> dict[str, Any]:
    """Write a tree with 2 sessions of 12 trials, 8 pictures shown 3 times each, on a 6 x 5 x 4 grid.

    Betas are int16 (per cent times 300) as HDF5 ``(trial, z, y, x)`` in chunks of one voxel and as NIfTI
    ``(x, y, z, trial)``, zero outside the brain; the picture file has its real shape, of which 8 pictures are
    written. Two pictures are shared.

    Parameters
    ----------
    path : path
        Folder, made if need be.
    seed : int
    subject : int
        Whose betas.
    surface : bool
        Also write mgh files per hemisphere, float32 in per cent, with one NaN vertex left and two right.
    vertices : int
        Vertices per hemisphere; 163,842 in the real data.

    Returns
    -------
    dict
        What was planted: ``responses (24, voxels)`` int16, ``nsd_id``, ``repeat``, ``shared``, ``session``,
        ``run``, ``trial (24,)``, ``mask`` and ``index``, ``affine``, ``ncsnr (voxels,)``, ``picture_id (8,)``,
        ``images (8, 3, 425, 425)``, ``coco_id (8,)``, ``v1v`` and ``ffa1 (voxels,)``; of a surface ``surface
        (24, 2 * vertices)`` with NaN, and ``surface_mask``.
    """
    root, rng = Path(path), np.random.default_rng(seed)
    truth = _design(root, rng, subject)
    _volumes(root, rng, truth, subject)
    _information(root, rng, truth, subject)
    _pictures(root, rng, truth)
    if surface:
        _surface(root, rng, truth, subject, vertices)
    return truth


def _design(root: Path, rng: np.random.Generator, subject: int) -> dict[str, Any]:
    from scipy.io import savemat

    numbers = np.array([3, 700, 1001, 1002, 4444, 7000, 9999, 10000])  # two shared; from 1, as stored
    order = np.concatenate([rng.permutation(numbers) for _ in range(3)])
    people = np.stack([rng.permutation(73000)[:10000] + 1 for _ in range(8)])
    people[:, :1000] = people[0, :1000]
    slots = np.zeros((SESSIONS, 3, 6), np.uint8)
    for session, run, count in [(s, r, (5, 4, 3)[r]) for s in range(SESSIONS) for r in range(3)]:
        slots[session, run, 1 : 1 + count] = 1
    folder = root / "nsddata" / "experiments" / "nsd"
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "nsd_expdesign.mat", {
        "masterordering": order[None].astype(float), "subjectim": people.astype(float),
        "sharedix": people[:1, :1000].astype(float), "stimpattern": slots.astype(float)})
    nsd_id = np.array([people[subject - 1, number - 1] - 1 for number in order])
    repeat = np.array([int((nsd_id[:trial] == shown).sum()) for trial, shown in enumerate(nsd_id)])
    return {"nsd_id": nsd_id, "repeat": repeat, "shared": order <= 1000, "picture_id": np.unique(nsd_id),
            "session": np.arange(24) // TRIALS + 1, "run": np.tile(np.repeat([1, 2, 3], [5, 4, 3]), SESSIONS),
            "trial": np.tile(np.r_[1:6, 1:5, 1:4], SESSIONS)}


def _volumes(root: Path, rng: np.random.Generator, truth: dict[str, Any], subject: int) -> None:
    import h5py
    import nibabel

    who = f"subj{subject:02d}"
    brain = rng.random(SHAPE) < 0.8
    general = np.where(brain, np.where(rng.random(SHAPE) < 0.6, 1, 0), -1)
    pattern = {i: rng.normal(0, 1.5, SHAPE) for i in truth["picture_id"].tolist()}
    volumes = np.stack([pattern[i] + rng.normal(0, 0.7, SHAPE) + session
                        for i, session in zip(truth["nsd_id"].tolist(), truth["session"], strict=True)])
    betas = np.where(brain, np.rint(volumes * 300), 0).astype(np.int16)
    folder = root / "nsddata_betas" / "ppdata" / who / "func1pt8mm" / VERSION
    masks = root / "nsddata" / "ppdata" / who / "func1pt8mm" / "roi"
    for made in (folder, masks, root / "nsddata" / "freesurfer" / who / "label"):
        made.mkdir(parents=True, exist_ok=True)
    for session in range(SESSIONS):
        part = betas[session * TRIALS : (session + 1) * TRIALS]
        with h5py.File(folder / f"betas_session{session + 1:02d}.hdf5", "w") as file:
            file.create_dataset("betas", data=part.transpose(0, 3, 2, 1), chunks=(TRIALS, 1, 1, 1))
        nibabel.save(nibabel.Nifti1Image(part.transpose(1, 2, 3, 0), AFFINE),
                     folder / f"betas_session{session + 1:02d}.nii.gz")
    visual, faces, ncsnr = rng.integers(0, 8, SHAPE), rng.integers(-1, 4, SHAPE), rng.random(SHAPE)
    for name, values in {"nsdgeneral": general, "prf-visualrois": visual, "floc-faces": faces}.items():
        nibabel.save(nibabel.Nifti1Image(values.astype(np.int16), AFFINE), masks / f"{name}.nii.gz")
    nibabel.save(nibabel.Nifti1Image(brain.astype(np.int16), AFFINE), masks.parent / "brainmask.nii.gz")
    nibabel.save(nibabel.Nifti1Image(ncsnr.astype(np.float32), AFFINE), folder / "ncsnr.nii.gz")
    table = root / "nsddata" / "freesurfer" / who / "label" / "prf-visualrois.mgz.ctab"
    table.write_text("".join(f"{n} {name} 0 0 0 0\n" for n, name in enumerate(
        ["Unknown", "V1v", "V1d", "V2v", "V2d", "V3v", "V3d", "hV4"])))
    inside = general == 1
    truth.update(mask=inside, index=np.flatnonzero(inside), affine=AFFINE, responses=betas[:, inside],
                 ncsnr=ncsnr.astype(np.float32)[inside], v1v=visual[inside] == 1, ffa1=faces[inside] == 2)


def _information(root: Path, rng: np.random.Generator, truth: dict[str, Any], subject: int) -> None:
    """Rows of ``nsd_stim_info_merged.csv`` for the pictures that were shown; the real table has all 73,000."""
    ids = truth["picture_id"]
    truth["coco_id"] = rng.choice(580_000, len(ids), replace=False)
    head = ["", "cocoId", "cocoSplit", "cropBox", "loss", "nsdId", "flagged", "BOLD5000", "shared1000",
            f"subject{subject}", *[f"subject{subject}_rep{number}" for number in range(3)]]
    lines = [",".join(head)]
    for row, (number, coco) in enumerate(zip(ids.tolist(), truth["coco_id"].tolist(), strict=True)):
        shown = np.flatnonzero(truth["nsd_id"] == number) + 1
        shared = bool(truth["shared"][shown[0] - 1])
        split = "val2017" if row % 2 else "train2017"
        lines.append(f'{row},{coco},{split},"(0, 0, 0.1, 0.2)",0.1,{number},False,False,{shared},1,'
                     + ",".join(map(str, shown)))
    (root / "nsddata/experiments/nsd/nsd_stim_info_merged.csv").write_text("\n".join(lines) + "\n")
    folder = root / "nsddata" / "ppdata" / f"subj{subject:02d}" / "behav"
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["SUBJECT\tSESSION\tRUN\tTRIAL\t73KID\t10KID\tISOLD"]
    rows += [f"{subject}\t{s}\t{r}\t{t}\t{n + 1}\t0\t{int(k > 0)}" for s, r, t, n, k in zip(
        *(truth[key].tolist() for key in ("session", "run", "trial", "nsd_id", "repeat")), strict=True)]
    (folder / "responses.tsv").write_text("\n".join(rows) + "\n")


def _pictures(root: Path, rng: np.random.Generator, truth: dict[str, Any]) -> None:
    import h5py

    folder = root / "nsddata_stimuli" / "stimuli" / "nsd"
    folder.mkdir(parents=True, exist_ok=True)
    colours = rng.integers(0, 256, (PICTURES, 1, 1, 3), dtype=np.uint8)
    pictures = np.ascontiguousarray(np.broadcast_to(colours, (PICTURES, 425, 425, 3)))
    pictures[:, :100, :50, 0] = 7  # so that height, width and channel cannot be mixed up
    with h5py.File(folder / "nsd_stimuli.hdf5", "w") as file:
        brick = file.create_dataset("imgBrick", (73000, 425, 425, 3), np.uint8, chunks=(1, 425, 425, 3))
        for number, picture in zip(truth["picture_id"].tolist(), pictures, strict=True):
            brick[number] = picture
    truth["images"] = pictures.transpose(0, 3, 1, 2)


def _surface(root: Path, rng: np.random.Generator, truth: dict[str, Any], subject: int, vertices: int) -> None:
    import nibabel

    folder = root / "nsddata_betas" / "ppdata" / f"subj{subject:02d}" / "fsaverage" / VERSION
    label = root / "nsddata" / "freesurfer" / "fsaverage" / "label"
    for made in (folder, label):
        made.mkdir(parents=True, exist_ok=True)
    values = rng.normal(size=(SESSIONS * TRIALS, 2 * vertices)).astype(np.float32)
    inside = rng.random(2 * vertices) < 0.5
    inside[[3, vertices + 4, vertices + 9]] = True
    values[5, 3] = values[20, vertices + 4] = values[:, vertices + 9] = np.nan
    for number, side in enumerate(("lh", "rh")):
        part = slice(number * vertices, (number + 1) * vertices)
        for session in range(SESSIONS):
            block = values[session * TRIALS : (session + 1) * TRIALS, part].T[:, None, None]
            image = nibabel.MGHImage(np.ascontiguousarray(block), np.eye(4))
            nibabel.save(image, folder / f"{side}.betas_session{session + 1:02d}.mgh")
        flags = inside[part].astype(np.float32)[:, None, None]
        nibabel.save(nibabel.MGHImage(flags, np.eye(4)), label / f"{side}.nsdgeneral.mgz")
        ones = np.ones((vertices, 1, 1), np.float32)
        nibabel.save(nibabel.MGHImage(ones, np.eye(4)), folder / f"{side}.ncsnr.mgh")
    truth.update(surface=values, surface_mask=inside)
