"""The order in which a simulated person sees pictures: sessions, runs, repeats."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from counterpoint.core.errors import CounterpointError

SESSION_TRIALS = 500


@dataclass(frozen=True)
class Design:
    """``(trials,)`` arrays: row of the picture, session, run of the session, trial of the run, split."""

    row: NDArray[np.int64] = field(repr=False)
    session: NDArray[np.int64] = field(repr=False)
    run: NDArray[np.int64] = field(repr=False)
    trial: NDArray[np.int64] = field(repr=False)
    split: NDArray[np.str_] = field(repr=False)

    @property
    def runs(self) -> NDArray[np.int64]:
        """``(trials,)`` runs numbered over all sessions."""
        change = (np.diff(self.session) != 0) | (np.diff(self.run) != 0)
        return np.r_[0, np.cumsum(change)]


def draw_design(counts: dict[str, tuple[int, int]], rng: np.random.Generator, *, sessions: int | None,
                run_trials: int) -> Design:
    """Trials in random order, dealt to sessions and runs of equal size; imagery in runs of its own at the end.

    Showings of one picture lie apart by the length of the experiment divided by their number, give or take 40 % of
    that, so that those of three usually come on different days.

    Parameters
    ----------
    counts : dict
        ``{split: (pictures, showings of each)}`` for test, imagery, train, in the order of the pictures' rows.
    sessions : int or None
        By default one for every 500 trials, at least 2.
    run_trials : int
        About how many trials a run has.
    """
    first, rows, moments = 0, {}, []
    for split, (pictures, repeats) in counts.items():
        rows[split] = np.repeat(np.arange(first, first + pictures), repeats)
        first += pictures
        if split != "imagery":
            showing = np.tile(np.arange(repeats), pictures) + 0.4 * rng.random(pictures * repeats)
            moments.append((np.repeat(rng.random(pictures), repeats) + showing / repeats) % 1)
    seen = np.concatenate([rows[split] for split in rows if split != "imagery"])[np.argsort(np.concatenate(moments))]
    wanted = max(2, round(len(seen) / SESSION_TRIALS)) if sessions is None else sessions
    if not 1 <= wanted <= max(1, len(seen) // 2):
        raise CounterpointError(f"sessions={wanted} for {len(seen)} trials.",
                                "Two trials a session or more were expected.", "sessions=2")
    names = np.concatenate([np.full(len(rows[split]), split, "<U8") for split in rows])
    name_of = dict(zip(np.concatenate(list(rows.values())).tolist(), names.tolist(), strict=True))
    session: list[NDArray[np.int64]] = []
    run: list[NDArray[np.int64]] = []
    trial: list[NDArray[np.int64]] = []
    for number, part in enumerate(np.array_split(seen, wanted)):
        _deal(len(part), number, 0, run_trials, (session, run, trial))
    imagined = rng.permutation(rows.get("imagery", np.zeros(0, np.int64)))
    if len(imagined):
        _deal(len(imagined), wanted - 1, int(run[-1][-1]) + 1, run_trials, (session, run, trial))
    order = np.concatenate([seen, imagined])
    return Design(order, np.concatenate(session), np.concatenate(run), np.concatenate(trial),
                  np.array([name_of[row] for row in order.tolist()]))


def _deal(trials: int, session: int, first_run: int, run_trials: int,
          out: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], list[NDArray[np.int64]]]) -> None:
    for run, part in enumerate(np.array_split(np.arange(trials), max(1, round(trials / run_trials)))):
        for values, value in zip(out, (session, first_run + run, np.arange(len(part))), strict=True):
            values.append(np.broadcast_to(np.asarray(value, np.int64), len(part)))
