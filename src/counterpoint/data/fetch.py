"""Fetching a known set: what ``counterpoint data fetch NAME`` does."""

from __future__ import annotations

from counterpoint.core.errors import unknown
from counterpoint.data.catalog import Entry, catalog, load


def fetch(name: str) -> Entry:
    """Fetch the set ``name`` unless it is here, and read both splits to see that it is whole.

    Parameters
    ----------
    name : str
        A name of :func:`~counterpoint.data.catalog.catalog`.

    Returns
    -------
    Entry
        The set, which is now present.

    Raises
    ------
    CounterpointError
        For an unknown name, a failed transfer, or damaged files.

    Examples
    --------
    >>> fetch("digits").present()
    True
    """
    key = name.replace("_", "-")
    if key not in catalog():
        raise unknown("data set", name, catalog(), "counterpoint data list")
    entry = catalog()[key]
    for split in ("train", "test"):
        load(key, split=split, download=True, limit=2 if entry.generated else None)
    return entry
