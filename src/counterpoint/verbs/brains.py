"""Work on brains: decode, look at a data set, make NSD's index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.core.discovery import system
from counterpoint.core.errors import CounterpointError, unknown

if TYPE_CHECKING:
    from counterpoint.train.run import Run


def decode_fit(spec: str = "mindeye", *, data: str | None = None, subjects: tuple[str, ...] = (),
               out: str | Path | None = None, quiet: bool = False, **changes: Any) -> Run:
    """Train a decoder on responses and pictures, score it beside ridge, write the report.

    ``decode_fit("mindeye", data="nsd:/data/nsd", subjects=("1",))``. Further settings are given dotted, as to
    :func:`counterpoint.fit`, of which this is the form for brains.
    """
    from counterpoint.verbs.runs import fit

    check_decoder(spec)
    given: dict[str, Any] = {"data.source": data, "data.subjects": subjects or None}
    return fit(spec, out=out, quiet=quiet, **{key: value for key, value in given.items() if value}, **changes)


def check_decoder(spec: str) -> None:
    """Refuse a system that does not decode brains."""
    name = spec.partition(".")[0]
    if system(name).modality != "brain":
        raise CounterpointError(f"{name} is a system for {system(name).modality}, not for brains.", "",
                                "counterpoint list --modality brain")


def decode_predict(run: str | Path, *, data: str | None = None, subject: str | None = None, split: str = "test",
                   gallery: str | None = None, reconstruct: bool = True, generator: str = "",
                   out: str | Path = "decoded.npz") -> Path:
    """Decode responses with a trained run: which picture, and what it looked like; arrays in a .npz file.

    Args:
        run: Run folder or name.
        data: Responses, as in training by default ("nsd:FOLDER", "array:FILE", ...).
        subject: Who; the first person of the run by default.
        split: test, train or imagery.
        gallery: A folder of pictures to choose from; by default those of the split.
        reconstruct: Paint pictures too, where the shipped generator reads the targets.
        generator: Paint with a diffusers pipeline instead: unclip:FOLDER, versatile:FOLDER or sdxl-unclip:FOLDER.
        out: The .npz file to write.
    """
    from counterpoint.train.decoding.use import decode_to_file

    return decode_to_file(run, data=data, subject=subject, split=split, gallery=gallery, out=Path(out),
                          reconstruct=reconstruct, generator=generator)


def decode_folds(spec: str = "mindeye.haxby", *, data: str | None = None, group: str = "run", seed: int = 0,
                 out: str | Path | None = None, quiet: bool = False) -> Path:
    """Leave one run (or session) out at a time: category from left-out trials, beside logistic and ridge regression.

    Args:
        spec: A decoder's recipe.
        data: Responses ("haxby:FOLDER" ...); as in the recipe by default.
        group: run or session.
        seed: Of weights and batches.
        out: The run folder.
        quiet: Print nothing.
    """
    from counterpoint.report.build import build
    from counterpoint.train.decoding.folds import leave_one_out

    check_decoder(spec)
    if group not in ("run", "session"):
        raise unknown("grouping of trials", group, ("run", "session"), "--group run")
    changes: dict[str, Any] = {"seed": seed, **({"data.source": data} if data else {})}
    run = leave_one_out(spec, group="session" if group == "session" else "run", out=out, quiet=quiet, changes=changes)
    return build(run.path)


def decode_report(run: str | Path, *, out: str | Path | None = None, open: bool = False) -> Path:
    """Write the report of a decoding run, with the interactive brain beside it.

    Args:
        run: Run folder or name.
        out: Where to write it; by default into the run.
        open: Open it in a browser.
    """
    from counterpoint.verbs.runs import report_runs

    return report_runs([run], out=out, open=open)


def decode_describe(source: str, *, subject: str | None = None) -> str:
    """Say what was understood of a data set: trials, sessions, repeats, voxels, units, ceilings, and what is odd.

    Args:
        source: A path, or layout:path ("nsd:FOLDER", "bold5000:FOLDER", "haxby:FOLDER" ...).
        subject: Who; the first by default.
    """
    from counterpoint.brain.open import open_dataset
    from counterpoint.brain.subject import Subject

    person = Subject(open_dataset(source, subject))
    odd = person.check()
    remarks = [f"  - {complaint}" for complaint in odd] or ["  nothing that was looked for"]
    return "\n".join([person.describe(), "what is odd", *remarks])


def index_data(name: str, *, root: str, out: str | Path = "nsd_index.csv", subjects: tuple[int, ...] = ()) -> str:
    """Write one table of all trials: who saw what when, which COCO picture it is, and where its response lies.

    Args:
        name: nsd.
        root: The folder that holds nsddata.
        out: A .csv or .parquet file.
        subjects: Only these (1 to 8).
    """
    if name != "nsd":
        raise CounterpointError(f'No index is made for "{name}".', "Known: nsd.",
                                "counterpoint data index nsd --root DIR")
    from counterpoint.data.nsd_indexing import nsd_index, write_nsd_index

    table = nsd_index(root, subjects=subjects or None)
    return f"{write_nsd_index(table, out)}: {len(table)} trials of {table['subject'].nunique()} people"
