"""Which picture each trial of BOLD5000 showed: name lists, sessions, runs, and the repeated pictures."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._reading import below, consecutive, lines_of

PER_RUN = 37
REPEATED = "repeated_stimuli_113_list.txt"
PREFIX = "rep_"


@dataclass
class Trials:
    """One entry per trial, in the order of the responses; names without ``rep_``."""

    names: list[str]
    session: np.ndarray
    run: np.ndarray
    trial: np.ndarray
    notes: list[str] = field(default_factory=list)


def image_names(top: Path, person: str) -> list[str]:
    """``CSI1_imgnames.txt``: one name per trial of all sessions, without ``rep_``."""
    found = below(top, f"{person}_imgnames.txt")
    if not found:
        raise CounterpointError(f"{top} holds no {person}_imgnames.txt.",
                                "The list with one picture name per trial was expected.")
    return [name.removeprefix(PREFIX) for name in lines_of(found[0])]


def names_of_all(top: Path) -> list[list[str]]:
    """The name lists of everybody below ``top``."""
    return [[name.removeprefix(PREFIX) for name in lines_of(path)] for path in below(top, "CSI?_imgnames.txt")]


def of_sessions(names: list[str], numbers: list[int], counts: list[int], *, who: str) -> Trials:
    """Trials of session files that hold ``counts`` volumes."""
    if sum(counts) != len(names):
        raise CounterpointError(
            f"{who}: the {len(counts)} session files hold {sum(counts)} trials, the name list {len(names)}.",
            "One name per trial was expected: "
            + (f"sessions after {max(numbers)} are missing." if sum(counts) < len(names) else "the list is cut off."))
    session = np.repeat(numbers, counts)
    within = np.concatenate([np.arange(count) for count in counts])
    odd = [number for number, count in zip(numbers, counts, strict=True) if count % PER_RUN]
    if odd:
        notes = [f"session {odd[0]} is not made of runs of {PER_RUN} trials: each session counts as one run."]
        return Trials(names, session, np.ones(len(names), np.int64), within, notes)
    return Trials(names, session, within // PER_RUN + 1, within % PER_RUN)


def of_lists(top: Path, person: str, *, who: str) -> Trials:
    """Trials by the presentation lists (a folder per session, a file per run), else by the name list alone."""
    folders = [path for path in below(top, "Stimuli_Presentation_Lists") if (path / person).is_dir()]
    runs = [path for path in (below(folders[0] / person, "*.txt") if folders else [])
            if not path.name.endswith("_imgnames.txt")]
    if not runs:
        names = image_names(top, person)
        zero = np.zeros(len(names), np.int64)
        return Trials(names, zero, zero, np.arange(len(names)),
                      ["sessions are not known: the folder Stimuli_Presentation_Lists is missing"])
    found: list[tuple[str, int, int, int]] = []
    numbers: dict[int, list[int]] = {}
    for path in runs:
        session = _number(path.parent.name, "sess?i?o?n?")
        numbers.setdefault(session, []).append(len(numbers.get(session, [])) + 1)
        found += [(name.removeprefix(PREFIX), session, numbers[session][-1], row)
                  for row, name in enumerate(lines_of(path))]
    consecutive(numbers, what="session", where=f"{who}: {folders[0] / person}")
    names = [row[0] for row in found]
    if below(top, f"{person}_imgnames.txt"):
        _same(names, image_names(top, person), who=who)
    numbered = np.array([row[1:] for row in found])
    return Trials(names, numbered[:, 0], numbered[:, 1], numbered[:, 2])


def _number(text: str, before: str) -> int:
    match = re.search(rf"{before}[-_]?(\d+)", text) or re.search(r"(\d+)$", text)
    if not match:
        raise CounterpointError(f'No session number in the folder name "{text}".', "CSI1_sess01 was expected.")
    return int(match[1])


def _same(lists: list[str], names: list[str], *, who: str) -> None:
    if lists == names:
        return
    first = next((row for row, (a, b) in enumerate(zip(lists, names, strict=False)) if a != b),
                 min(len(lists), len(names)))
    raise CounterpointError(
        f"{who}: presentation lists ({len(lists)} trials) and imgnames.txt ({len(names)} trials) differ from trial "
        f"{first + 1} on.",
        "The same pictures in the same order were expected.")


def split_of(top: Path, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """``(trials,)`` "train" or "test": pictures of the repeated list, or without it those shown more than once."""
    listed = below(top, REPEATED)
    if listed:
        repeated = {name.removeprefix(PREFIX) for name in lines_of(listed[0])}
        if not repeated & set(names):
            raise CounterpointError(f"No picture of {listed[0]} was shown, by {len(names)} trials.",
                                    "Names such as COCO_train2014_000000123456.jpg were expected in both.")
        notes = []
    else:
        repeated = {name for name, count in Counter(names).items() if count > 1}
        notes = [f"{REPEATED} was not found: the {len(repeated)} pictures shown more than once are the test split"]
    return np.array(["test" if name in repeated else "train" for name in names]), notes
