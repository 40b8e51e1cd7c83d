"""Tables of what was shown when: BIDS ``events.tsv``, any table of that form, or arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra

STIMULUS_COLUMNS = ("stim_file", "stimulus", "image", "trial_type")
"""Columns that may name what was shown, the first that is there counts."""
_NOTHING = ("", "n/a", "nan", "NaN", "None")


@dataclass(frozen=True)
class TrialEvents:
    """The trials of one run, in order of onset.

    Attributes
    ----------
    onset, duration : numpy.ndarray
        ``(trials,)`` seconds from the first frame.
    name : list of str
        What was shown.
    split : list of str
        "train", "test" or "imagery"; empty where the table has no such column.
    place : str
        What messages call it.
    """

    onset: np.ndarray
    duration: np.ndarray
    name: list[str]
    split: list[str]
    place: str


def read_events(
    source: Any, *, place: str = "events", column: str = "auto", trial_types: Sequence[str] = ()
) -> TrialEvents:
    """Read one table of events.

    Parameters
    ----------
    source : str, Path, pandas.DataFrame or mapping of str to array
        With ``onset`` and ``duration`` in seconds, a column that names the stimulus, and maybe ``split``.
    place : str
        What messages call it when it is not a file.
    column : str
        The column that names the stimulus; "auto" takes the first of stim_file, stimulus, image, trial_type.
    trial_types : sequence of str
        Values of ``trial_type`` to keep; all by default. Rows without a stimulus are passed over.

    Raises
    ------
    CounterpointError
        For missing columns, onsets that are no seconds, and tables without a trial.
    """
    if isinstance(source, str | Path):
        place = str(source)
    table = _table(source, place)
    for needed in ("onset", *(("trial_type",) if trial_types else ())):
        if needed not in table:
            raise CounterpointError(f"{place} has columns {', '.join(table)}.", f"{needed} was expected.")
    if column == "auto":
        column = next((known for known in STIMULUS_COLUMNS if known in table), "")
    if column not in table:
        raise CounterpointError(
            f"{place} has columns {', '.join(table)}.",
            f"{column or 'One of ' + ', '.join(STIMULUS_COLUMNS)} was expected to name the stimulus.",
        )
    names = [str(value).strip() for value in table[column]]
    kept = [row for row, name in enumerate(names) if name not in _NOTHING]
    if trial_types:
        kept = [row for row in kept if str(table["trial_type"][row]) in trial_types]
    if not kept:
        raise CounterpointError(f"{place} holds no trial.", f"Rows with a {column} were expected.")
    onset = _seconds(table["onset"], place, "onset")[kept]
    if not np.isfinite(onset).all() or onset.min() < 0:
        wrong = int(np.flatnonzero(~(np.isfinite(onset) & (onset >= 0)))[0])
        raise CounterpointError(
            f"{place} has onset {onset[wrong]} in row {kept[wrong]}.",
            "Seconds from the first frame were expected.",
        )
    duration = _seconds(table.get("duration", [0.0] * len(names)), place, "duration")[kept]
    order = np.argsort(onset, kind="stable")
    split = [str(table["split"][kept[row]]) for row in order] if "split" in table else []
    unknown = sorted(set(split) - {"train", "test", "imagery"})
    if unknown:
        raise CounterpointError(
            f'{place} has the split "{unknown[0]}".', "train, test or imagery was expected."
        )
    return TrialEvents(
        onset[order], np.nan_to_num(duration[order]), [names[kept[row]] for row in order], split, place
    )


def _table(source: Any, place: str) -> dict[str, list[Any]]:
    if isinstance(source, Mapping):
        table = {str(key): list(values) for key, values in source.items()}
    elif isinstance(source, str | Path):
        try:
            import pandas
        except ImportError as error:
            raise missing_extra("Reading events", "pandas", "fmri") from error
        try:
            separator = "," if str(source).endswith(".csv") else "\t"
            frame = pandas.read_csv(source, sep=separator, keep_default_na=False, dtype=str)
        except (OSError, ValueError) as error:
            raise CounterpointError(
                f"{source} could not be read: {error}.", "A table was expected."
            ) from error
        table = {str(key): frame[key].tolist() for key in frame.columns}
    elif hasattr(source, "columns"):
        table = {str(key): source[key].tolist() for key in source.columns}
    else:
        raise CounterpointError(f"{place} is a {type(source).__name__}.", "A file or a table was expected.")
    if len({len(values) for values in table.values()}) > 1:
        raise CounterpointError(f"{place} has columns of different lengths.")
    return table


def _seconds(values: Sequence[Any], place: str, column: str) -> np.ndarray:
    try:
        return np.array(
            [np.nan if str(value).strip() in _NOTHING else float(value) for value in values], float
        )
    except ValueError as error:
        raise CounterpointError(f"{column} of {place}: {error}.", "Seconds were expected.") from error
