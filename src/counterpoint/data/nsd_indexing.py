"""The one table that users of the Natural Scenes Dataset ask for: which trial showed what, and where its betas are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.core.files import write_atomic
from counterpoint.data._nsd_files import NSDFiles, Place
from counterpoint.data._reading import number_of, place
from counterpoint.data._rows import open_hdf5
from counterpoint.data._volumes import volumes_in
from counterpoint.data.nsd_design import INFORMATION, read_nsd_design, read_nsd_information

if TYPE_CHECKING:
    from pandas import DataFrame

PEOPLE = 8
COLUMNS = ["subject", "session", "run", "trial", "global_trial", "nsd_id", "coco_id", "coco_split", "shared", "repeat",
           "row", "path", "index_in_session"]


def nsd_index(root: str | Path, *, subjects: Iterable[int | str] | None = None,
                 version: str = "betas_fithrf_GLMdenoise_RR", space: Place = "func1pt8mm") -> DataFrame:
    """One row per trial whose betas are there.

    Parameters
    ----------
    root : path
        The folder with ``nsddata`` and ``nsddata_betas``.
    subjects : iterable of int or str, optional
        Everybody who has betas by default.
    version, space : str
        Whose session files, as of :func:`counterpoint.data.NSD`.

    Returns
    -------
    pandas.DataFrame
        ``subject``, ``session``, ``run``, ``trial`` (from 1; run and trial 0 where no file tells them),
        ``global_trial`` (from 0 over all sessions of the person), ``nsd_id`` (from 0), ``coco_id`` and
        ``coco_split`` (-1 and "" without ``nsd_stim_info_merged.csv``), ``shared``, ``repeat`` (earlier showings,
        from 0), ``row`` (of the responses that :func:`counterpoint.data.NSD` returns), ``path`` (session file below
        ``root``; left hemisphere of a surface) and ``index_in_session`` (of the trial in that file, from 0).

    Raises
    ------
    CounterpointError
        When nobody has betas, or as :func:`counterpoint.data.NSD`.
    """
    try:
        import pandas
    except ImportError as error:
        raise missing_extra("The index of NSD", "pandas", "fmri") from error
    folder = place(root, "The folder with nsddata and nsddata_betas")
    if subjects is None:
        people = [number for number in range(1, PEOPLE + 1) if NSDFiles(folder, number, version, space).betas.is_dir()]
    else:
        people = [number_of(subject, most=PEOPLE, example="subj01") for subject in subjects]
    if not people:
        raise CounterpointError(f"{folder} holds no betas of {version} in {space}.",
                                "nsddata_betas/ppdata/subj01/func1pt8mm/... was expected.")
    table = pandas.concat([_of_person(NSDFiles(folder, number, version, space)) for number in people],
                          ignore_index=True)
    if not (folder / INFORMATION).is_file():
        return table.assign(coco_id=-1, coco_split="")[COLUMNS]
    coco = read_nsd_information(folder / INFORMATION, ["cocoId", "cocoSplit"])
    missing = np.setdiff1d(table["nsd_id"], coco.index)
    if len(missing):
        raise CounterpointError(f"{folder / INFORMATION} has no row for nsdId {missing[0]} ({len(missing)} in all).",
                                "All pictures that were shown were expected.")
    found = coco.loc[table["nsd_id"]]
    return table.assign(coco_id=found["cocoId"].to_numpy(), coco_split=found["cocoSplit"].to_numpy())[COLUMNS]


def _of_person(files: NSDFiles) -> DataFrame:
    import pandas

    counts = {session: _trials_in(paths[0]) for session, paths in files.sessions.items()}
    each = next(iter(counts.values()))
    for session, count in counts.items():
        if count != each:
            raise CounterpointError(f"{files.sessions[session][0]} holds {count} trials, others {each}.",
                                    "Sessions of the same length were expected.")
    design = read_nsd_design(files.root, files.subject, trials_per_session=each, sessions=max(counts))
    rows = np.flatnonzero(np.isin(design.session, list(counts)))
    names = {session: paths[0].relative_to(files.root).as_posix() for session, paths in files.sessions.items()}
    return pandas.DataFrame({
        "subject": files.subject, "session": design.session[rows], "run": design.run[rows],
        "trial": design.trial[rows], "global_trial": rows, "nsd_id": design.trials.nsd_id[rows],
        "shared": design.trials.shared[rows], "repeat": design.trials.repeat[rows], "row": np.arange(len(rows)),
        "path": [names[session] for session in design.session[rows].tolist()], "index_in_session": rows % each})


def _trials_in(path: Path) -> int:
    if path.suffix != ".hdf5":
        return volumes_in(path)
    file, betas = open_hdf5(path, "betas")
    with file:
        return int(betas.shape[0])


def write_nsd_index(table: DataFrame, path: str | Path) -> Path:
    """Write the index as ``.csv``, ``.tsv`` or ``.parquet``, whole or not at all."""
    import io

    out = Path(path).expanduser()
    stream = io.BytesIO()
    if out.suffix in (".csv", ".tsv"):
        table.to_csv(stream, index=False, sep="," if out.suffix == ".csv" else "\t")
    elif out.suffix == ".parquet":
        try:
            table.to_parquet(stream, index=False)
        except ImportError as error:
            raise missing_extra("Writing parquet", "pyarrow", "table") from error
    else:
        raise CounterpointError(f"{out} has the ending {out.suffix!r}.", ".csv, .tsv or .parquet was expected.",
                                "--out nsd_index.csv")
    out.parent.mkdir(parents=True, exist_ok=True)
    return write_atomic(out, stream.getvalue())
