"""fMRIPrep outputs with their events: one response per trial from volumes, surfaces or CIFTI files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from counterpoint.data._bids_confounds import run_confounds
from counterpoint.data._bids_files import BidsRun, bids_runs
from counterpoint.data._bids_read import BidsReader
from counterpoint.data._trial_table import TrialTable
from counterpoint.data.brain import BrainDataset
from counterpoint.data.trial_estimates import RunSeries, TrialEstimate
from counterpoint.data.trial_events import TrialEvents, read_events


def BIDSDerivatives(
    root: str | Path,
    subject: str | int,
    *,
    task: str,
    space: str = "MNI152NLin2009cAsym",
    raw: str | Path | None = None,
    estimate: Literal["window", "glm"] = "window",
    window: tuple[float, float] = (4.0, 8.0),
    glm: Literal["lsa", "lss"] = "lsa",
    time_series: bool = False,
    parcellation: Any = None,
    mask: str | Path | None = None,
    confounds: Sequence[str] = ("motion", "high_pass", "wm_csf"),
    confound_options: Mapping[str, Any] | None = None,
    resample: float | None = None,
    t_r: float | None = None,
    stimulus_column: str = "auto",
    trial_types: Sequence[str] = (),
    test: Sequence[str] = (),
    stimuli: str | Path | None = None,
    filters: Mapping[str, str] | None = None,
    finder: Literal["nilearn", "pybids"] = "nilearn",
) -> BrainDataset:
    """Trials of one person from preprocessed runs and their ``events.tsv``.

    Each run is cleaned (linear trend, confounds) and standardised on its own; frames that the confound
    strategy censors do not count. A response is the mean of the frames in a window after onset, those frames
    themselves, or a weight of a linear model that has confounds and slow drifts as regressors.

    Parameters
    ----------
    root : str or Path
        The derivatives folder with ``sub-<subject>``.
    subject : str or int
        ``"sub-01"``, ``"01"``; 1 stands for "01".
    task, space : str
        Entities of the files. fsaverage surfaces are read left before right; fsLR files are CIFTI.
    raw : str or Path, optional
        The raw data set, where events (and ``stimuli/``) are; ``root`` and two folders above are searched.
    estimate, window, glm, time_series, resample
        See :class:`~counterpoint.data.TrialEstimate`.
    parcellation : path or pair of paths, optional
        An atlas volume, left and right ``.label.gii``, or a ``.dlabel.nii`` file: responses are parcel means.
    mask : str or Path, optional
        In place of the intersection of the runs' brain masks.
    confounds : sequence of str
        nilearn's strategy, such as ``("motion", "compcor", "scrub")``; ``()`` for none.
    confound_options : mapping, optional
        Further arguments of ``nilearn.interfaces.fmriprep.load_confounds``.
    t_r : float, optional
        Seconds between frames, where the files say it wrongly.
    stimulus_column, trial_types
        See :func:`~counterpoint.data.read_events`.
    test : sequence of str
        Stimuli that make up the test split, for events without a ``split`` column.
    stimuli : str or Path, optional
        Folder of the pictures; ``stimuli`` of the raw data set by default.
    filters : mapping, optional
        Further entities, such as ``{"acq": "mb4"}``.
    finder : "nilearn" or "pybids"
        Which library searches the folder; both give the same runs, pybids indexes all of it first.

    Returns
    -------
    BrainDataset
        Unit "z" ("arbitrary" for a linear model). Space "volume", "fsaverage5", "fsaverage", "fsLR32k" or
        "parcels".

    Raises
    ------
    CounterpointError
        For missing files, runs on different grids or with different repetition times (unless ``resample`` is
        given), trials after the end of their run, and stimuli in train and in test.
    """
    how = TrialEstimate(estimate, window, glm, time_series, resample=resample)
    root, raw = Path(root).expanduser(), None if raw is None else Path(raw).expanduser()
    label = f"{subject:02d}" if isinstance(subject, int) else str(subject).removeprefix("sub-")
    runs = bids_runs(root, label, task=task, space=space, raw=raw, filters=filters, finder=finder)
    tables = [read_events(run.events, column=stimulus_column, trial_types=trial_types) for run in runs]
    reader = BidsReader(runs, space=space, mask=mask, parcellation=parcellation, t_r=t_r)
    made = _gathered(runs, tables, how=how, read=reader.read, strategy=confounds, options=confound_options)
    source = _raw_of(runs[0].events, label)
    return made.finish(
        name=f"{source.name} {task}",
        subject=f"sub-{label}",
        test=test,
        stimuli=source / "stimuli" if stimuli is None else Path(stimuli),
        notes=[f"{len(runs)} runs, space {space}; confounds: {', '.join(confounds) or 'none'}."],
        **reader.places(),
    )


def _gathered(
    runs: list[BidsRun],
    tables: list[TrialEvents],
    *,
    how: TrialEstimate,
    read: Callable[[BidsRun], RunSeries],
    strategy: Sequence[str],
    options: Mapping[str, Any] | None,
) -> TrialTable:
    made = TrialTable(how)
    for run, table in zip(runs, tables, strict=True):
        series = read(run)
        if strategy:
            series.confounds, series.kept, series.has_drift = run_confounds(run, strategy, options)
        made.add(series, table, session=run.session, run=run.run)
    return made


def _raw_of(events: Path, label: str) -> Path:
    """The data set that an events file belongs to."""
    inside = next((parent for parent in events.parents if parent.name == f"sub-{label}"), None)
    return inside.parent if inside is not None else events.parent
