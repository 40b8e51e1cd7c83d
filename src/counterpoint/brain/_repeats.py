"""Do repeats of a picture give alike responses, or would they if the trial table were moved by one row?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from counterpoint.core.errors import CounterpointError

if TYPE_CHECKING:
    from counterpoint.brain.subject import Subject

PAIRS, VOXELS, FEWEST = 300, 4000, 6


class Alike(NamedTuple):
    """Mean pattern correlation of pairs, that of pairs of other pictures, and their difference in standard errors."""

    r: float
    chance: float
    z: float


def compare_repeats(subject: Subject) -> list[str]:
    """Complaint when repeats are not alike; an error when they are after moving the ids by one row."""
    trials = _repeated(subject)
    if len(trials) < FEWEST:
        return []
    found = alike(subject, trials)
    if found.z > 3:
        return []
    text = f"repeats of the same id correlate r={found.r:.3f} (other ids {found.chance:.3f})"
    for shift in (1, -1):
        moved = trials + shift
        moved = moved[((moved >= 0) & (moved < len(subject))).all(axis=1)]
        if len(moved) < FEWEST:
            continue
        shifted = alike(subject, moved)
        if shifted.z > 4 and shifted.r > 2 * found.r:  # by chance alone a few pictures can favour a shift
            raise CounterpointError(
                f"{subject.name}: {text}; ids shifted by one correlate r'={shifted.r:.3f}: the trial table is one row "
                f"{'ahead of' if shift == 1 else 'behind'} the responses.",
                "An index that starts at 0 was read as starting at 1, or the reverse.")
    return [f"No sign of the pictures in the responses: {text}, over {len(trials)} pictures. Check the index base "
            "and the order of the trials."]


def _repeated(subject: Subject) -> np.ndarray:
    """``(pairs, 2)`` first and second showings, evenly taken over the pictures."""
    trials = subject.trials_of(np.unique(subject.data.stimulus_id))
    pairs = trials[trials[:, 1] >= 0][:, :2] if trials.shape[1] > 1 else np.zeros((0, 2), np.int64)
    return pairs[np.unique(np.linspace(0, len(pairs) - 1, PAIRS).astype(int))] if len(pairs) > PAIRS else pairs


def alike(subject: Subject, pairs: np.ndarray) -> Alike:
    """Pearson correlation over voxels of the two trials of each pair, against pairs of different pictures."""
    step = max(1, subject.voxels // VOXELS)
    sides = []
    for column in (0, 1):
        rows = pairs[:, column]
        blocks = [subject.read(rows[start : start + 64])[..., ::step].reshape(len(rows[start : start + 64]), -1)
                  for start in range(0, len(rows), 64)]
        side = np.concatenate(blocks).astype(np.float64)
        side -= side.mean(axis=0)  # a pattern common to all pictures would correlate for any ids
        side -= side.mean(axis=1, keepdims=True)
        sides.append(side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12))
    same = (sides[0] * sides[1]).sum(axis=1)
    other = (sides[0] * np.roll(sides[1], 1, axis=0)).sum(axis=1)
    difference = same - other
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return Alike(float(same.mean()), float(other.mean()), float(difference.mean() / max(error, 1e-12)))
