"""What a person reads while a run goes on: rich in a terminal, plain lines in a file, all of it in train.log."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console, RenderableType


def plain_console(stream: TextIO) -> Console:
    """A console that honours NO_COLOR and does not break lines when it writes into a file."""
    terminal = stream.isatty()
    return Console(file=stream, width=None if terminal else 160, soft_wrap=not terminal, highlight=False)


class Output:
    """Prints to standard output and to a run's train.log; with ``quiet`` to the log alone."""

    def __init__(self, *, quiet: bool = False, log: Path | None = None) -> None:
        self.quiet, self.log = quiet, log
        self.console = plain_console(sys.stdout)
        self.warnings: list[str] = []

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches: a live bar makes sense."""
        return self.console.is_terminal and not self.quiet

    def print(self, *objects: RenderableType) -> None:
        """Print rich renderables or markup-free text."""
        if not self.quiet:
            self.console.print(*objects, markup=False)
        self.note(*objects)

    def note(self, *objects: RenderableType) -> None:
        """Write to train.log only."""
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as file:
                Console(file=file, width=160, soft_wrap=True, no_color=True).print(*objects, markup=False)

    def warn(self, message: str) -> None:
        """A warning: once on the screen, kept for the report."""
        if message not in self.warnings:
            self.warnings.append(message)
            self.print(f"warning: {message}")

    @contextmanager
    def capture_warnings(self) -> Iterator[None]:
        """Warnings of this library are shown; those of others are kept in train.log, each once."""
        seen: set[str] = set()

        def show(message: Any, category: type[Warning], filename: str, lineno: int, *rest: Any) -> None:
            text = str(message).strip()
            if text in seen:
                return
            seen.add(text)
            if "counterpoint" in Path(filename).parts:
                self.warn(text)
            else:
                self.note(f"{category.__name__} ({Path(filename).name}:{lineno}): {text}")

        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = show  # type: ignore[assignment]
            yield


def duration(seconds: float) -> str:
    """``seconds`` as people write it.

    >>> duration(75), duration(4000), duration(4.2)
    ('1 min 15 s', '1 h 06 min', '4.2 s')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
