"""The one exception a user meets, and the closest-name suggestions in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CounterpointError(Exception):
    """What was given, what was expected, and one command (or edit) that helps.

    Raised at the public boundary, before data are loaded or a model is built. The command line prints it
    without a traceback and exits with 2. Any other exception is a fault of the library.

    Examples
    --------
    >>> print(CounterpointError("A batch of 1 has no negatives.", "Two or more samples are needed.",
    ...                         "--data.batch_size 2"))
    A batch of 1 has no negatives. Two or more samples are needed.
    Try: --data.batch_size 2
    """

    def __init__(self, given: str, expected: str = "", command: str = "") -> None:
        self.given, self.expected, self.command = given, expected, command
        first = " ".join(part for part in (given, expected) if part)
        super().__init__(f"{first}\nTry: {command}" if command else first)


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """``"Did you mean X?"`` for the closest of ``known``, or ``""`` when nothing is close.

    >>> did_you_mean("simcrl", ["moco", "simclr"])
    'Did you mean simclr?'
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"Did you mean {close[0]}?" if close else ""


def unknown(kind: str, name: str, known: Iterable[str], command: str) -> CounterpointError:
    """The error for a ``name`` that is no ``kind`` we know."""
    known = list(known)
    hint = did_you_mean(name, known) or f"Known: {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}."
    return CounterpointError(f'No {kind} called "{name}".', hint, command)


def missing_extra(what: str, package: str, extra: str) -> CounterpointError:
    """The error for an optional library that is not installed."""
    return CounterpointError(
        f"{what} needs {package}, which is not installed.", "", f'pip install "counterpoint[{extra}]"'
    )
