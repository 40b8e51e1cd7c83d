"""Confounds of a run as fMRIPrep writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.data._bids_files import BidsRun


def run_confounds(
    run: BidsRun, strategy: Sequence[str], options: Mapping[str, Any] | None
) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Confounds ``(frames, k)``, the frames that count (or None), and whether slow drifts are among them.

    Raises
    ------
    CounterpointError
        When fMRIPrep's table is missing or lacks what the strategy needs.
    """
    try:
        from nilearn.interfaces.fmriprep import load_confounds
    except ImportError as error:
        raise missing_extra("Reading confounds", "nilearn", "fmri") from error
    paths = [str(path) for path in run.bold]
    try:
        table, kept = load_confounds(
            [paths] if len(paths) == 2 else paths[0], tuple(strategy), **(options or {})
        )
    except Exception as error:  # nilearn raises several types for missing tables and columns
        raise CounterpointError(
            f"Confounds of {run.bold[0]} could not be read: {str(error).strip()}",
            f"A table of fMRIPrep with {', '.join(strategy)} was expected.",
            "confounds=()",
        ) from error
    table, kept = (
        (table[0], kept[0] if kept is not None else None) if isinstance(table, list) else (table, kept)
    )
    drift = any(name.startswith("cosine") for name in table.columns)
    return table.to_numpy(float), None if kept is None else np.asarray(kept), drift
