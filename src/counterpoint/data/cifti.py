"""CIFTI dense time series (HCP style): cortex on the fs_LR 32k surface, one response per trial."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data._parcel_average import parcel_means
from counterpoint.data._trial_table import TrialTable
from counterpoint.data.brain import BrainDataset, Space
from counterpoint.data.cifti_read import VERTICES, read_dlabel, read_dtseries
from counterpoint.data.trial_estimates import RunSeries, TrialEstimate
from counterpoint.data.trial_events import TrialEvents, read_events


def Cifti(
    path_or_root: str | Path | Sequence[str | Path],
    subject: str = "",
    *,
    events: Any,
    estimate: Literal["window", "glm"] = "window",
    window: tuple[float, float] = (4.0, 8.0),
    glm: Literal["lsa", "lss"] = "lsa",
    time_series: bool = False,
    parcellation: str | Path | None = None,
    t_r: float | None = None,
    resample: float | None = None,
    stimulus_column: str = "auto",
    trial_types: Sequence[str] = (),
    test: Sequence[str] = (),
    stimuli: str | Path | None = None,
) -> BrainDataset:
    """Trials of one person from ``.dtseries.nii`` files.

    Each run is detrended and standardised per vertex; subcortical voxels are left out. Structures are found
    by name, never by their order in the file.

    Parameters
    ----------
    path_or_root : str, Path or sequence of them
        One file, several (one per run, in order), or a folder whose ``.dtseries.nii`` files are sorted by
        name; there, with ``subject``, only files with it in their path count.
    subject : str
    events : table, path, or sequence of them
        One per run: columns ``onset`` and ``duration`` in seconds, a stimulus column, maybe ``split``.
    estimate, window, glm, time_series, resample
        See :class:`~counterpoint.data.TrialEstimate`.
    parcellation : str or Path, optional
        A ``.dlabel.nii`` file: responses are parcel means.
    t_r : float, optional
        Seconds between frames, where the files say it wrongly.
    stimulus_column, trial_types
        See :func:`~counterpoint.data.read_events`.
    test : sequence of str
        Stimuli that make up the test split, for tables without a ``split`` column.
    stimuli : str or Path, optional
        Folder with the pictures that the stimulus column names.

    Returns
    -------
    BrainDataset
        Unit "z". Space "fsLR32k" with shape ``(64984,)``, left hemisphere first, or "parcels".

    Raises
    ------
    CounterpointError
        For files that are no dense series in time, surfaces other than 32k, runs that differ in their
        vertices or repetition time, more or fewer tables than runs, and trials after the end.
    """
    how = TrialEstimate(estimate, window, glm, time_series, resample=resample)
    paths = _paths(path_or_root, subject)
    tables = list(events) if isinstance(events, list | tuple) else [events]
    if len(tables) != len(paths):
        given = f"{len(tables)} tables of events for {len(paths)} runs, the first {paths[0]}."
        raise CounterpointError(given, "One each was expected.")
    labels, names = read_dlabel(parcellation) if parcellation is not None else (None, {})
    read = partial(read_events, column=stimulus_column, trial_types=trial_types)
    shown = [read(source, place=f"events of run {row}") for row, source in enumerate(tables, 1)]
    made, index, parcels = _gather(paths, shown, how=how, labels=labels, t_r=t_r)
    extra: dict[str, Any] = {"space": Space("fsLR32k", (2 * VERTICES,), index)}
    if parcels is not None:
        kept = {int(label): names[int(label)] for label in parcels if int(label) in names}
        extra = {"space": Space("parcels"), "parcels": parcels, "parcel_names": kept}
    return made.finish(
        name=paths[0].name.partition(".")[0] if len(paths) == 1 else paths[0].parent.name,
        subject=subject,
        test=test,
        stimuli=None if stimuli is None else Path(stimuli),
        notes=["subcortical voxels are left out."],
        **extra,
    )


def _gather(
    paths: list[Path],
    tables: list[TrialEvents],
    *,
    how: TrialEstimate,
    labels: np.ndarray | None,
    t_r: float | None,
) -> tuple[TrialTable, np.ndarray, np.ndarray | None]:
    """The trials of all runs, the positions of the vertices, and the parcels."""
    made, first, parcels = TrialTable(how), np.zeros(0), None
    for number, (path, table) in enumerate(zip(paths, tables, strict=True)):
        values, seconds, index = read_dtseries(path, t_r=t_r)
        if number and not np.array_equal(index, first):
            raise CounterpointError(
                f"{path} has other vertices than {paths[0]}.", "One surface was expected."
            )
        first = index
        if labels is not None:
            values, parcels = parcel_means(values, labels[index])
        made.add(RunSeries(values, seconds, place=str(path)), table, session=1, run=number + 1)
    return made, first, parcels


def _paths(path_or_root: str | Path | Sequence[str | Path], subject: str) -> list[Path]:
    if not isinstance(path_or_root, str | Path):
        return [Path(path).expanduser() for path in path_or_root]
    place = Path(path_or_root).expanduser()
    if not place.is_dir():
        return [place]
    found = sorted(path for path in place.rglob("*.dtseries.nii") if subject in str(path.relative_to(place)))
    if not found:
        raise CounterpointError(
            f"{place} holds no .dtseries.nii files{f' of {subject}' if subject else ''}.",
            "A dense time series for each run was expected.",
        )
    return found
