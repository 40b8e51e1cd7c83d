"""What can be wrong with a subject's data: refused with the place where it would spoil training, else counted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from counterpoint.brain._repeats import compare_repeats
from counterpoint.brain._scaling import FEW_TRIALS
from counterpoint.brain.preparation import group_statistics
from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import SCALE

if TYPE_CHECKING:
    from counterpoint.brain.subject import Subject

FEW = 0.05
"""Largest share of voxels with NaN that are left out rather than refused."""
LARGE_PERCENT, SMALL_PERCENT, UNEQUAL = 50.0, 0.05, 3.0


def usable_voxels(subject: Subject) -> tuple[np.ndarray, list[str]]:
    """The voxels that regions and networks leave, without those that are NaN or infinite in any trial."""
    data, wanted, notes = subject.data, subject.preparation, []
    kept = np.ones(data.voxels, bool)
    if wanted.rois:
        kept = np.any([np.asarray(data.rois[name], bool) for name in wanted.rois], axis=0)
        notes.append(f"{np.count_nonzero(kept)} voxels in {', '.join(wanted.rois)}.")
    if wanted.drop_networks and data.networks is not None:
        labels = [label for label, name in data.network_names.items() if name in wanted.drop_networks]
        dropped = kept & np.isin(data.networks, labels)
        kept = kept & ~dropped
        notes.append(f"{np.count_nonzero(dropped)} voxels of {', '.join(wanted.drop_networks)} left out.")
    if np.issubdtype(data.responses.dtype, np.floating):
        kept = _without_nan(subject, kept, notes)
    return kept, notes


def _without_nan(subject: Subject, kept: np.ndarray, notes: list[str]) -> np.ndarray:
    found = subject.statistics
    bad = kept & (found.unusable > 0)
    if not bad.any():
        return kept
    count, first = int(np.count_nonzero(bad)), found.first_unusable
    where = "" if first is None else f"the first at {_place(subject, first[0])}, voxel {first[1]}"
    if count > FEW * np.count_nonzero(kept):
        raise CounterpointError(
            f"{subject.name}: {count} of {np.count_nonzero(kept)} voxels are NaN or infinite in some trial, {where}.",
            f"Up to {FEW:.0%} of the voxels would be left out; here a mask or a session is wrong.")
    notes.append(f"{count} voxels left out that are NaN or infinite in up to {found.unusable[bad].max()} trials, "
                 f"{where}.")
    return kept & ~bad


def _place(subject: Subject, row: int) -> str:
    data = subject.data
    return f"trial row {row} (session {data.session[row]}, run {data.run[row]}, trial {data.trial[row]})"


def check_subject(subject: Subject) -> list[str]:
    """All checks of one subject; see :meth:`counterpoint.brain.Subject.check`."""
    _leaks(subject)
    if subject.data.stimuli is not None:
        subject.data.stimuli.rows(np.unique(subject.data.stimulus_id))
    return [*_sessions(subject), *_space(subject), *subject.notes, *_scales(subject), *_constant(subject),
            *_timing(subject), *_repeats(subject)]


def _leaks(subject: Subject) -> None:
    data = subject.data
    ids = {split: np.unique(data.stimulus_id[data.split == split]) for split in ("train", "test")}
    both = np.intersect1d(ids["train"], ids["test"])
    if len(both):
        rows = np.flatnonzero(data.stimulus_id == both[0])
        raise CounterpointError(
            f"{subject.name}: {len(both)} pictures are in both train and test, the first {both[0]} (trial rows "
            f"{', '.join(str(row) for row in rows[:4])}).",
            "Splits go by picture, never by trial: every showing of a picture has the same split. Where ids are "
            "categories, number every category and run by itself.",
            'ids="run"' if data.name.startswith("Haxby") else "")


def _sessions(subject: Subject) -> list[str]:
    known = np.unique(subject.data.session)
    gaps = np.setdiff1d(np.arange(known[0], known[-1] + 1), known) if len(known) else known
    found = []
    if len(gaps):
        found.append(f"Sessions missing: {_listed(gaps)} of {known[0]}..{known[-1]}. Check that the trial table "
                     "leaves out the same ones.")
    borrowed = subject.scaling.borrowed
    if subject.scaling.needed and len(borrowed):
        trials = np.count_nonzero(np.isin(subject.scaling.groups, borrowed))
        found.append(f"{len(borrowed)} {subject.preparation.zscore}s ({trials} trials) hold fewer than {FEW_TRIALS} "
                     "training trials: they are z-scored with the statistics of all training trials.")
    return found


def _space(subject: Subject) -> list[str]:
    data = subject.data
    space = data.space
    if space.index is None:
        return []
    size = int(np.prod(space.shape))
    if len(space.index) and not 0 <= space.index.min() <= space.index.max() < size:
        raise CounterpointError(f"{subject.name}: voxel positions up to {space.index.max()} in a space of {size}.",
                                "Mask and responses come from different spaces.")
    if len(np.unique(space.index)) < len(space.index):
        raise CounterpointError(f"{subject.name}: {len(space.index) - len(np.unique(space.index))} voxels share "
                                "their position with another.")
    if space.affine is None or data.coordinates is None or len(space.shape) != 3:
        return []
    grid = np.stack(np.unravel_index(space.index, space.shape), 1)
    distance = np.linalg.norm(grid @ space.affine[:3, :3].T + space.affine[:3, 3] - data.coordinates, axis=1)
    worst = int(distance.argmax()) if len(distance) else 0
    if len(distance) and distance[worst] > 0.5:
        return [f"Wrong affine: voxel {worst} lies {distance[worst]:.1f} mm from its coordinates "
                f"{np.round(data.coordinates[worst], 1).tolist()}."]
    return []


def _spreads(subject: Subject) -> dict[int, float]:
    """Median over voxels of the standard deviation per session, in the declared unit."""
    data, scaling = subject.data, subject.scaling
    reuse = subject.preparation.zscore == "session" and not len(scaling.borrowed)
    found = subject.statistics if reuse else group_statistics(data.responses, data.session)
    alive, enough = subject.kept & (found.std > 0).any(axis=0), found.count >= FEW_TRIALS
    if not alive.any():
        return {}
    middle = np.median(found.std[enough][:, alive] * SCALE[data.unit], axis=1)
    return dict(zip(found.groups[enough].tolist(), middle.tolist(), strict=True))


def _scales(subject: Subject) -> list[str]:
    spread, data, found = _spreads(subject), subject.data, []
    large = [session for session, value in spread.items() if value > LARGE_PERCENT]
    small = [session for session, value in spread.items() if value < SMALL_PERCENT]
    within = subject.scaling.needed and subject.preparation.zscore in ("session", "run")
    if large and data.unit == "percent":
        found.append(f"Unscaled: sessions {_listed(large)} were declared per cent but have a standard deviation of "
                     f"{spread[large[0]]:.0f}, the size of int16 betas (per cent x 300).")
    if small and data.unit == "int16/300":
        found.append(f"Scaled twice: sessions {_listed(small)} were declared int16 / 300 but have a standard "
                     f"deviation of {spread[small[0]]:.2g} after it; they look like per cent already.")
    middle = float(np.median(list(spread.values()))) if spread else 0.0
    odd = [session for session, value in spread.items() if not middle / UNEQUAL <= value <= middle * UNEQUAL]
    if odd:
        found.append(f"Sessions {_listed(odd)} spread {spread[odd[0]] / max(middle, 1e-30):.3g} times as far as the "
                     f"median session ({spread[odd[0]]:.3g} against {middle:.3g}).")
    if found and not within and data.unit != "z":
        raise CounterpointError(f"{subject.name}: {' '.join(found)}",
                                "Z-scoring within sessions would remove the difference.",
                                'Preparation(zscore="session")')
    return found


def _constant(subject: Subject) -> list[str]:
    statistics, kept, found = subject.statistics, subject.kept, []
    whole = kept & (statistics.low == statistics.high)
    if whole.any():
        found.append(f"{np.count_nonzero(whole)} voxels are constant over all trials (the first is voxel "
                     f"{np.flatnonzero(whole)[0]}, {statistics.low[whole][0]:g}); they stay, as zeros if z-scored.")
    flat = (statistics.std == 0) & kept & ~whole & ~np.isin(statistics.groups, subject.scaling.borrowed)[:, None]
    if subject.scaling.needed and flat.any():
        group, voxel = np.argwhere(flat)[0]
        found.append(f"{np.count_nonzero(flat.any(axis=0))} voxels are constant within one or more of "
                     f"{np.count_nonzero(flat.any(axis=1))} {subject.preparation.zscore}s, the first voxel {voxel} in "
                     f"{_group(subject, int(group))}: zeros there.")
    return found


def _group(subject: Subject, place: int) -> str:
    label = int(subject.statistics.groups[place])
    return subject.scaling.label(label)


def _timing(subject: Subject) -> list[str]:
    t_r = subject.data.t_r
    if t_r is None or 0.2 <= t_r <= 10:
        return []
    return [f"A TR of {t_r:g} s is unusual; it is given in seconds."]


def _repeats(subject: Subject) -> list[str]:
    data, found = subject.data, []
    count = {split: np.unique(data.stimulus_id[data.split == split], return_counts=True)[1]
             for split in ("train", "test")}
    if not any((showings > 1).any() for showings in count.values()):
        return ["No picture was shown twice: noise ceilings cannot be estimated from these data."]
    if len(count["test"]) and not (count["test"] > 1).any():
        found.append("No test picture was shown twice: no noise ceiling of the test split, and test responses are "
                     "single trials.")
    return found + compare_repeats(subject)


def check_subjects(subjects: Sequence[Subject]) -> list[str]:
    """What can be wrong between subjects that are trained together.

    Raises
    ------
    CounterpointError
        When pictures that one trains on are test pictures of another, or repetition times differ.
    """
    for one, other in pairwise(subjects):
        if one.data.t_r != other.data.t_r:
            raise CounterpointError(f"Mixed TR: {one.name} has {one.data.t_r} s, {other.name} {other.data.t_r} s.",
                                    "Resample the time series to one TR first.")
    tests = {subject.name: subject.stimuli("test") for subject in subjects if "test" in subject.data.split}
    for subject in subjects:
        train = subject.stimuli("train") if "train" in subject.data.split else np.zeros(0, np.int64)
        for name, ids in tests.items():
            both = np.intersect1d(train, ids)
            if len(both) and _same_pictures(subject, next(other for other in subjects if other.name == name)):
                raise CounterpointError(f"{subject.name} trains on {len(both)} test pictures of {name}, the first "
                                        f"{both[0]}.", "One split for all subjects was expected.")
    units = sorted({subject.data.unit for subject in subjects})
    return [f"Mixed units: {', '.join(units)}. Z-scored within sessions they can be trained together."] if len(
        units) > 1 else []


def _same_pictures(one: Subject, other: Subject) -> bool:
    return one.data.name == other.data.name


def _listed(numbers: Sequence[int] | np.ndarray) -> str:
    shown = ", ".join(str(int(number)) for number in numbers[:8])
    return shown + (f" and {len(numbers) - 8} more" if len(numbers) > 8 else "")
