"""Counterpoint: contrastive systems trained, compared, explained and checked.

The verbs of the command line are functions here (``fit``, ``load``, ``evaluate``, ``compare`` ...), imported when
first used::

    import counterpoint as cp
    run = cp.fit("simclr.tiny")
    z = cp.load(run.path).embed(images)
"""

from typing import Any

from counterpoint.core.discovery import lazy_exports
from counterpoint.core.errors import CounterpointError as CounterpointError

_verb, _verbs = lazy_exports("counterpoint.verbs")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("counterpoint")
        except PackageNotFoundError:  # a source tree on the path, not installed
            return "0+source"
    return _verb(name)


def __dir__() -> list[str]:
    return sorted(["CounterpointError", "__version__", *_verbs()])
