"""Subjects by number, however they are written."""

from __future__ import annotations

import re

from counterpoint.core.errors import CounterpointError


def numbered_subject(subject: str | int) -> int:
    """The number of a subject given as ``1``, ``"1"``, ``"subj01"`` or ``"sub-01"``.

    >>> numbered_subject("subj05")
    5
    """
    match = re.fullmatch(r"(?:sub(?:j|ject)?[-_]?)?0*(\d+)", str(subject).strip(), flags=re.IGNORECASE)
    if not match or int(match[1]) < 1:
        raise CounterpointError(f"No subject called {subject!r}.", "A number or subj01 was expected.")
    return int(match[1])
