"""What was understood of a subject, in words and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from counterpoint.brain._scaling import FEW_TRIALS
from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import SCALE

if TYPE_CHECKING:
    from counterpoint.brain.subject import Subject

SAMPLE = 128
UNITS = {"percent": "per cent signal change", "int16/300": "per cent signal change x 300, divided by 300",
         "z": "z-scores", "arbitrary": "arbitrary"}


def describe_subject(subject: Subject) -> str:
    """Lines of :meth:`counterpoint.brain.Subject.describe`."""
    data = subject.data
    shape = " x ".join(str(size) for size in data.responses.shape)
    what = "trials, voxels" if data.t_r is None else f"trials, time points of {data.t_r:g} s, parcels"
    rows = {
        "responses": f"{shape} ({what}), stored as {data.responses.dtype}",
        "pictures": _pictures(subject),
        "sessions": _sessions(subject),
        "splits": _splits(subject),
        "unit": _unit(subject),
        "space": _space(subject),
        "regions": ", ".join(f"{name} {np.count_nonzero(mask)}" for name, mask in data.rois.items()) or "none given",
        "z-score": _zscore(subject),
        "kept": f"{subject.voxels} of {data.voxels} voxels. {' '.join(subject.notes)}".strip(),
        "ceiling": _ceiling(subject),
        "notes": "\n            ".join(data.notes) or "none",
    }
    return "\n".join([subject.name, *(f"  {key:<10}{value}" for key, value in rows.items())])


def _pictures(subject: Subject) -> str:
    count = np.unique(subject.data.stimulus_id, return_counts=True)[1]
    times, pictures = np.unique(count, return_counts=True)
    shown = [f"{number} shown {time} time{'s' if time > 1 else ''}"
             for time, number in zip(times, pictures, strict=True)]
    stimuli = subject.data.stimuli
    here = "no picture file" if stimuli is None or stimuli.images is None else f"{len(stimuli)} in the picture file"
    listed = ", ".join(shown[:5]) + (f" ... {shown[-1]}" if len(shown) > 5 else "")
    return f"{len(count)} distinct: {listed}; {here}"


def _sessions(subject: Subject) -> str:
    known, trials = np.unique(subject.data.session, return_counts=True)
    each = str(trials.min()) if trials.min() == trials.max() else f"{trials.min()} to {trials.max()}"
    runs = len(np.unique(np.stack([subject.data.session, subject.data.run]), axis=1).T)
    return f"{len(known)} ({known[0]}..{known[-1]}), {each} trials each, {runs} runs"


def _splits(subject: Subject) -> str:
    data = subject.data
    parts = []
    for split in np.unique(data.split):
        rows = data.split == split
        parts.append(f"{split} {np.count_nonzero(rows)} trials of {len(np.unique(data.stimulus_id[rows]))} pictures")
    return ", ".join(sorted(parts, reverse=True))


def _unit(subject: Subject) -> str:
    data = subject.data
    rows = np.unique(np.linspace(0, len(data) - 1, SAMPLE).astype(int))
    sizes = [np.nanmedian(np.abs(np.asarray(data.responses[rows[start : start + 16]], np.float32)))
             for start in range(0, len(rows), 16)]
    return (f"{UNITS[data.unit]}, as the {data.name} layout says; median size after scaling "
            f"{float(np.median(sizes)) * SCALE[data.unit]:.3g} over {len(rows)} trials")


def _space(subject: Subject) -> str:
    space = subject.data.space
    return f"{space.kind} {' x '.join(str(size) for size in space.shape)}".strip()


def _zscore(subject: Subject) -> str:
    data, wanted, scaling = subject.data, subject.preparation, subject.scaling
    clip = f"; limited to +-{wanted.clip:g}" if wanted.clip else ""
    if data.unit == "z":
        return f"none: stored z-scored, left as they are{clip}"
    if wanted.zscore == "none":
        return f"none{clip}"
    test = np.count_nonzero(scaling.fit & (data.split == "test"))
    source = (f"all {np.count_nonzero(scaling.fit)} trials, {test} of them test trials" if wanted.fit_on == "all"
              else f"the {np.count_nonzero(scaling.fit)} training trials only, no test trial")
    lonely = (f"; {len(scaling.borrowed)} {wanted.zscore}s with fewer than {FEW_TRIALS} take those of all together"
              if len(scaling.borrowed) else "")
    return f"per voxel within each {wanted.zscore}, statistics from {source}{lonely}{clip}"


def _ceiling(subject: Subject) -> str:
    split = "test" if "test" in subject.data.split else "train"
    try:
        found, source = subject._ceiling(split, subject.kept)
    except CounterpointError:
        return "none: too few pictures were shown twice, and none came with the data"
    return f"median {np.median(found):.1f} per cent of variance of their mean responses, {source}"
