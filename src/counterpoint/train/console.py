"""What a person reads while a run goes on: rich in a terminal, plain lines in a file, nothing twice."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """A console that honours NO_COLOR and does not break lines when it writes into a file."""
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return Console(file=stream, width=None if terminal else 160, soft_wrap=not terminal, highlight=False)


def duration(seconds: float) -> str:
    """``seconds`` as people write it.

    >>> duration(75), duration(4000), duration(4.2)
    ('1 min 15 s', '1 h 07 min', '4.2 s')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def number(value: Any) -> str:
    """A short form of a number for tables; text passes through."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
