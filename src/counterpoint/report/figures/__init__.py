"""The figures of the report, one file each, found by reading this folder.

A file offers ``SECTION`` (where it stands), ``ORDER`` (in what place) and ``draw(run) -> Panel | None``; one
that can set several runs side by side also offers ``compare(runs) -> Panel | None``. ``None`` means that the
run lacks the data.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType


@cache
def figures() -> tuple[ModuleType, ...]:
    """Every figure file, in the order of the page."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(sorted(modules, key=lambda module: module.ORDER))
