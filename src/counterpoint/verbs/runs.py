"""Work on runs: fit, load, evaluate, embed, report, demo."""

from __future__ import annotations

import contextlib
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.core.errors import CounterpointError

DEMO_PICTURES = 120_000

if TYPE_CHECKING:
    from counterpoint.base.recipe import Recipe
    from counterpoint.train.model import Model
    from counterpoint.train.run import Run


def fit(spec: str | Recipe = "", *, out: str | Path | None = None, resume: bool = False, overwrite: bool = False,
        init_from: str | Path | None = None, quiet: bool = False, **changes: Any) -> Run:
    """Train a recipe into a run folder, evaluate it against its baselines and write its report.

    Parameters are those of :func:`counterpoint.train.fit.fit`; settings are given dotted, as on the command line:
    ``fit("simclr.tiny", **{"method.temperature": 0.2})``.
    """
    from counterpoint.train.console import Output
    from counterpoint.train.fit import fit as train
    from counterpoint.train.summary import last_words

    found: list[Run] = []
    try:
        run = train(spec, out=out, resume=resume, overwrite=overwrite, init_from=init_from, quiet=quiet,
                    changes=changes, claimed=found.append)
    except BaseException:
        for started in found:  # a run that failed or was interrupted has a report of how far it came
            report_of_failure(started)
        raise
    if run.status()["status"] == "done" and (run.path / "evaluation.json").exists():
        finish(run)
        output = Output(quiet=quiet, log=run.path / "train.log")
        for line in last_words(run):
            output.print(line)
    return run


def report_of_failure(run: Run) -> None:
    """Write the report of an unfinished run; whatever keeps it from being written must not hide the first error."""
    from counterpoint.report.build import build

    with contextlib.suppress(Exception):
        build(run.path)


def finish(run: Run) -> Path:
    """Report and model card of a run that was evaluated."""
    from counterpoint.report.build import build
    from counterpoint.report.card import write_card

    write_card(run.path)
    return build(run.path)


def load(where: str | Path) -> Model:
    """The model of a run or of a ``model/`` folder, ready to ``embed`` arrays."""
    from counterpoint.train.model import load as load_model

    return load_model(where)


def evaluate_run(run: str | Path, *, data: str | None = None, metrics: Sequence[str] = (),
                 quiet: bool = False) -> dict[str, Any]:
    """Score a run again beside its baselines: pictures by kNN, linear probe, retrieval; brains beside ridge.

    Args:
        run: Run folder, NAME (its latest run) or NAME/VARIANT-0001.
        data: Other data than it was trained on; the training part serves as bank.
        metrics: Of knn, linear (L-BFGS), linear_sgd, retrieval_r1; all but linear_sgd when none is named. Of a
            decoder: retrieval, semantics, repeats, networks, regions, learning, pictures, map, and
            learning_decoder, which trains the decoder anew on parts of the data.
        quiet: Print nothing.
    """
    from counterpoint.train.modalities import modality_of
    from counterpoint.train.run import open_run

    found = open_run(run)
    modality = modality_of(found.status()["name"])
    result = modality.evaluate_again(found, data=data, metrics=metrics, quiet=quiet)
    if data is None:
        finish(found)
    return result


def embed(run: str | Path, *, data: str, out: str | Path = "embeddings.npz", split: str = "train",
          limit: int | None = None) -> Path:
    """Embed pictures with a trained run and save arrays: embedding, index, and label where there is one.

    Args:
        run: Run folder or name.
        data: Name or path of the pictures.
        out: The .npz file to write.
        split: Which part of the data.
        limit: At most this many pictures.
    """
    from counterpoint.train.embedding import embed_to_file

    return embed_to_file(run, data=data, out=Path(out), split=split, limit=limit)


def report_runs(runs: Sequence[str | Path], *, out: str | Path | None = None, open: bool = False) -> Path:
    """Write report.html of one run, or one that compares several; show it in a browser with --open.

    Args:
        runs: Run folders or names.
        out: Where to write it; by default into the run.
        open: Open it in a browser.
    """
    from counterpoint.report.build import build
    from counterpoint.train.run import open_run

    if not runs:
        raise CounterpointError("No run was named.", "", "counterpoint report RUN")
    paths = [open_run(run).path for run in runs]
    page = build(paths[0] if len(paths) == 1 else paths, out=None if out is None else Path(out))
    if open:
        webbrowser.open(page.resolve().as_uri())
    return page


def demo(*, brain: bool = True, data: str = "", out: str | Path | None = None, open: bool = False,
         quiet: bool = False) -> Path:
    """Run the main job in a few minutes: decode what a simulated brain saw, or learn from pictures; ends in a report.

    Args:
        brain: Responses of a simulated person on the cortical surface: train MindEye, retrieve and reconstruct the
            pictures, ablate networks, map what carried it. With --brain=false, SimCLR on embedded pictures.
        data: Other data: responses ("nsd:FOLDER", "haxby:FOLDER" ...), or pictures ("fashion-mnist", a folder), which
            take SimCLR for as many epochs as 120,000 pictures make.
        out: The run folder.
        open: Open the report in a browser.
        quiet: Print nothing.
    """
    changes: dict[str, Any] = {}
    if brain and (not data or ":" in data):
        spec = "mindeye.demo"
        changes = {"data.source": data} if data else {}
    elif data in ("", "scenes"):
        spec = "simclr.demo"
    else:
        from counterpoint.data.spec import ImageData

        pictures = len(ImageData(source=data).load("train"))
        spec, changes = "simclr.default", {"data.source": data, "epochs": max(2, round(DEMO_PICTURES / pictures))}
    run = fit(spec, out=out, quiet=quiet, **changes)
    page = run.path / "report.html"
    if open:
        webbrowser.open(page.as_uri())
    return page
