"""Which picture every trial of the Natural Scenes Dataset showed, from the files that say so, compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.data.brain import count_repeats

DESIGN = "nsddata/experiments/nsd/nsd_expdesign.mat"
INFORMATION = "nsddata/experiments/nsd/nsd_stim_info_merged.csv"


class NSDTrials(NamedTuple):
    """Per trial: picture number from 0, number of earlier showings, whether everybody saw the picture."""

    nsd_id: np.ndarray
    repeat: np.ndarray
    shared: np.ndarray


@dataclass(frozen=True)
class NSDDesign:
    """The trials of one person in order of presentation.

    Attributes
    ----------
    trials : NSDTrials
    session, run, trial : ``(trials,)`` int64, from 1; run and trial are 0 where no file tells them.
    sources : names of the files that agree on this.
    """

    trials: NSDTrials
    session: np.ndarray = field(repr=False)
    run: np.ndarray = field(repr=False)
    trial: np.ndarray = field(repr=False)
    sources: tuple[str, ...]


def nsd_trial_table(masterordering: Any, subjectim: Any, *, subject: int, num_trials: int,
                    num_shared: int = 1000) -> NSDTrials:
    """Picture, repeat and shared flag of the first trials of a person.

    ``nsd_id[t] = subjectim[subject - 1, masterordering[t] - 1] - 1``; numbers up to ``num_shared`` in
    ``masterordering`` are pictures that every person saw.

    Parameters
    ----------
    masterordering : (1, trials) or (trials,) int array
        As stored, from 1.
    subjectim : (people, pictures) int array
        As stored, from 1.
    subject : int
        From 1.
    num_trials : int
        How many trials, from the first.
    num_shared : int
        Pictures shown to all.

    Returns
    -------
    NSDTrials
        ``nsd_id`` from 0, ``repeat``, ``shared``, each ``(num_trials,)``.

    Raises
    ------
    CounterpointError
        When an array does not start at 1 or is too short.

    Examples
    --------
    >>> nsd_trial_table([[1, 3, 1]], [[20, 30, 40]], subject=1, num_trials=3, num_shared=2).nsd_id.tolist()
    [19, 39, 19]
    """
    order = np.asarray(masterordering).reshape(-1).astype(np.int64)
    pictures = np.atleast_2d(np.asarray(subjectim)).astype(np.int64)
    if not 1 <= subject <= len(pictures):
        raise CounterpointError(f"Subject {subject} of {len(pictures)} in subjectim.", "They are counted from 1.")
    if not 0 <= num_trials <= len(order):
        raise CounterpointError(f"{num_trials} trials asked of a design of {len(order)}.")
    for name, values, most in (("masterordering", order, pictures.shape[1]), ("subjectim", pictures, None)):
        if values.size and (values.min() < 1 or (most is not None and values.max() > most)):
            raise CounterpointError(f"{name} runs from {values.min()} to {values.max()}.",
                                    f"Numbers from 1{f' to {most}' if most else ''}, as stored, were expected; was 1 "
                                    "subtracted before?")
    shown = order[:num_trials]
    ids = pictures[subject - 1, shown - 1] - 1
    return NSDTrials(ids, count_repeats(ids), shown <= num_shared)


def read_nsd_design(root: Path, subject: int, *, trials_per_session: int, sessions: int) -> NSDDesign:
    """The first ``sessions`` sessions of a person, from every file under ``root`` that tells; all must agree.

    Raises
    ------
    CounterpointError
        Without any file, or naming the first trial in which two differ.
    """
    total = trials_per_session * sessions
    found: dict[str, NSDTrials] = {}
    pattern = None
    if (root / DESIGN).is_file():
        content = _matlab(root / DESIGN)
        found[Path(DESIGN).name] = nsd_trial_table(content["masterordering"], content["subjectim"], subject=subject,
                                                   num_trials=total, num_shared=content["sharedix"].size or 1000)
        pattern = content.get("stimpattern")
    if (root / INFORMATION).is_file():
        found[Path(INFORMATION).name] = _from_information(root / INFORMATION, subject, total)
    if not found:
        raise CounterpointError(f"Neither {DESIGN} nor {INFORMATION} is below {root}.",
                                "One of them says which picture each trial showed.")
    (first, trials), *others = found.items()
    for other, table in others:
        _agree(first, trials, other, table, trials_per_session)
    session = np.repeat(np.arange(1, sessions + 1), trials_per_session)
    responses = root / f"nsddata/ppdata/subj{subject:02d}/behav/responses.tsv"
    if responses.is_file():
        run, trial = _from_behaviour(responses, trials, session, first)
        found[responses.name] = trials
    else:
        run, trial = _runs(pattern, trials_per_session, sessions)
    return NSDDesign(trials, session, run, trial, tuple(found))


def _matlab(path: Path) -> dict[str, np.ndarray]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise missing_extra(f"Reading {path.name}", "scipy", "fmri") from error
    try:
        content = loadmat(path, variable_names=["masterordering", "subjectim", "sharedix", "stimpattern"])
    except (OSError, ValueError, NotImplementedError, TypeError) as error:
        raise CounterpointError(f"{path} could not be read: {error}.", "A MATLAB 5 file was expected.") from error
    for key in ("masterordering", "subjectim"):
        if key not in content:
            raise CounterpointError(f"{path} has no {key}.", "nsd_expdesign.mat of the data set was expected.")
    return {"sharedix": np.zeros(0), **content}


def read_nsd_information(path: Path, columns: list[str]) -> Any:
    """Columns of ``nsd_stim_info_merged.csv``, by ``nsdId`` from 0."""
    try:
        import pandas
    except ImportError as error:
        raise missing_extra(f"Reading {path.name}", "pandas", "fmri") from error
    try:
        table = pandas.read_csv(path, usecols=["nsdId", *columns])
    except (OSError, ValueError) as error:
        raise CounterpointError(f"{path} could not be read: {error}.",
                                f"Columns nsdId, {', '.join(columns)} were expected.") from error
    return table.set_index("nsdId")


def _from_information(path: Path, subject: int, total: int) -> NSDTrials:
    repeats = [f"subject{subject}_rep{number}" for number in range(3)]
    table = read_nsd_information(path, ["shared1000", *repeats])
    shown = table[repeats].to_numpy(dtype=np.int64, na_value=0)
    picture, number = np.nonzero((shown > 0) & (shown <= total))
    at = shown[picture, number] - 1
    ids = np.full(total, -1, np.int64)
    ids[at] = table.index.to_numpy()[picture]
    if (ids < 0).any() or len(at) != total:
        none, at = np.flatnonzero(ids < 0), np.sort(at)
        twice = at[1:][np.diff(at) == 0]
        what = f"no picture for trial {none[0] + 1}" if len(none) else f"two pictures for trial {twice[0] + 1}"
        raise CounterpointError(f"{path} has {what} of subject {subject} (from 1).",
                                "Every trial in exactly one row was expected.")
    shared = np.zeros(total, bool)
    shared[at] = table["shared1000"].to_numpy().astype(bool)[picture]
    return NSDTrials(ids, count_repeats(ids), shared)


def _agree(first: str, trials: NSDTrials, other: str, table: NSDTrials, per_session: int) -> None:
    for key in ("nsd_id", "shared"):
        one, two = getattr(trials, key), getattr(table, key)
        if len(wrong := np.flatnonzero(one != two)):
            at = int(wrong[0])
            raise CounterpointError(
                f"{first} and {other} differ in {key} for {len(wrong)} trials, first in session "
                f"{at // per_session + 1}, trial {at % per_session + 1}: {one[at]} against {two[at]}.",
                "The same pictures were expected; one of them starts at 0 where 1 is meant, or they belong to "
                "different releases.")


def _from_behaviour(path: Path, trials: NSDTrials, session: np.ndarray, first: str) -> tuple[np.ndarray, np.ndarray]:
    import pandas

    table = pandas.read_csv(path, sep="\t", usecols=["SESSION", "RUN", "TRIAL", "73KID"])
    table = table[table["SESSION"] <= int(session.max(initial=0))]
    if len(table) != len(session):
        raise CounterpointError(f"{path} lists {len(table)} trials of the first {session.max(initial=0)} sessions.",
                                f"{len(session)} were expected.")
    ids = table["73KID"].to_numpy(dtype=np.int64) - 1
    _agree(first, trials, path.name, NSDTrials(ids, trials.repeat, trials.shared), int((session == 1).sum()))
    return table["RUN"].to_numpy(dtype=np.int64), table["TRIAL"].to_numpy(dtype=np.int64)


def _runs(pattern: np.ndarray | None, per_session: int, sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Runs and trials within them from the slots of each run that show a picture."""
    nothing = np.zeros(per_session * sessions, np.int64)
    if pattern is None or pattern.ndim != 3 or len(pattern) < sessions:
        return nothing, nothing
    counts = (pattern[:sessions] != 0).sum(axis=2)
    if not (counts.sum(axis=1) == per_session).all():
        return nothing, nothing
    run = np.concatenate([np.repeat(np.arange(1, len(row) + 1), row) for row in counts])
    trial = np.concatenate([np.arange(1, count + 1) for row in counts for count in row])
    return run.astype(np.int64), trial.astype(np.int64)
