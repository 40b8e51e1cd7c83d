"""One self-contained report.html from one run folder, or a comparison from several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import write_atomic
from counterpoint.report import brain_words, compare, methods, words
from counterpoint.report.brain_page import has_map, write_brain_page
from counterpoint.report.figures import figures
from counterpoint.report.panel import Panel
from counterpoint.report.reading import read
from counterpoint.report.run import Run
from counterpoint.report.style import DARK, VARIABLE, for_page, to_svg

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Drawn:
    """A panel with its SVG; where drawing failed ``svg`` is empty and ``failure`` says why."""

    slug: str
    section: str
    panel: Panel | None
    svg: str = ""
    failure: str = ""

    @property
    def on_page(self) -> str:
        """The SVG as it stands in the page."""
        return for_page(self.svg, self.slug)


def build(run: str | Path | Sequence[str | Path], out: str | Path | None = None) -> Path:
    """Write the report of a run, or one comparison of several runs.

    Parameters
    ----------
    run : path or list of paths
        Run folders. Every file but ``run.json`` may be missing: what is there is shown, also of a failed run.
    out : path, optional
        The page; by default ``report.html`` in the run folder, or ``comparison.html`` in the folder that
        holds the first of several runs. Each figure is also written as SVG beside it, into ``figures`` (or
        ``NAME-figures`` for a page of another name).

    Returns
    -------
    Path
        The page: one file of less than 3 MB without scripts and without anything to fetch.

    Raises
    ------
    CounterpointError
        If a folder is not a run, or the page cannot be written.
    """
    folders = [run] if isinstance(run, str | Path) else list(run)
    if not folders:
        raise CounterpointError("No run was given.", "One or more run folders are needed.", "counterpoint list runs")
    runs = [read(folder) for folder in folders]
    single = len(runs) == 1
    default = runs[0].folder / "report.html" if single else runs[0].folder.parent / "comparison.html"
    page = Path(out) if out is not None else default
    if page.is_dir():
        page = page / default.name
    drawn = _draw(runs, page)
    context = {**_single(runs[0]), "brain": _brain(runs[0], page, drawn)} if single else compare.context(runs)
    html = (
        environment()
        .get_template("report.html" if single else "comparison.html")
        .render(
            **context,
            sections=_sections(drawn),
            failures=[item for item in drawn if item.failure],
            light={name: colour for colour, name in VARIABLE.items()},
            dark={VARIABLE[colour]: other for colour, other in DARK.items()},
        )
    )
    return write_atomic(page, html.encode("utf-8", "replace"))


@cache
def environment() -> Environment:
    """The templates of this package, escaping everything."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        value=words.value_text,
        show=words.show,
        interval=words.interval,
        metric=words.metric_name,
        typeset=words.typeset,
        percent=words.percent,
    )
    return found


def _draw(runs: list[Run], page: Path) -> list[Drawn]:
    folder = page.with_name("figures" if page.name == "report.html" else f"{page.stem}-figures")
    drawn = []
    for module in figures():
        slug = module.__name__.rpartition(".")[2]
        draw = module.draw if len(runs) == 1 else getattr(module, "compare", None)
        if draw is None:
            continue
        item = _try(module, slug, lambda draw=draw: draw(runs[0] if len(runs) == 1 else runs))
        path = folder / f"{slug}.svg"
        if item.svg:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, item.svg.encode("utf-8", "replace"))
        else:
            path.unlink(missing_ok=True)
        if item.svg or item.failure:
            drawn.append(item)
    return drawn


def _try(module: ModuleType, slug: str, draw: Any) -> Drawn:
    """A figure that breaks (odd data in a run folder) is named in the page and the others stay."""
    try:
        panel = draw()
        return Drawn(slug, module.SECTION, panel, svg=to_svg(panel.figure) if panel else "")
    except Exception as error:
        return Drawn(slug, module.SECTION, None, failure=f"{type(error).__name__}: {error}")


def _brain(run: Run, page: Path, drawn: list[Drawn]) -> str:
    """Write the interactive brain beside the page; returns its name, or empty text where the run has no map."""
    name = "brain.html" if page.name == "report.html" else f"{page.stem}-brain.html"
    try:
        if has_map(run):
            return write_brain_page(run.folder, page.with_name(name)).name
    except Exception as error:
        drawn.append(Drawn(name, "", None, failure=f"{type(error).__name__}: {error}"))
    return ""


def _sections(drawn: Sequence[Drawn]) -> dict[str, list[Drawn]]:
    names = dict.fromkeys(item.section for item in drawn if item.svg)
    return {name: [item for item in drawn if item.svg and item.section == name] for name in names}


def _single(run: Run) -> dict[str, Any]:
    stamp = {key: value for key, value in run.stamp.items() if not isinstance(value, dict)}
    groups = {key: value for key, value in run.stamp.items() if isinstance(value, dict)}
    diff = str(stamp.pop("diff", "") or "")
    return {
        "run": run,
        "title": words.title(run),
        "headline": words.headline(run),
        "facts": _facts(run),
        "scores": run.scores,
        "person": brain_words.person(run),
        "subjects": brain_words.subject_table(run),
        "notes": brain_words.notes(run) if run.is_brain else [],
        "warnings": run.warnings(),
        "traceback": run.traceback(),
        "stamp": stamp,
        "stamp_groups": groups,
        "diff": diff,
        "methods": methods.methods_text(run),
        "bibtex": methods.bibtex(run),
        "steps": words.next_steps(run),
        "where": words.shown_path(run.folder),
        "settings": {key: value for key, value in run.settings.items() if key not in ("name", "variant")},
    }


def _facts(run: Run) -> list[tuple[str, str, str]]:
    """(value, name, remark) of the numbers at the top."""
    facts = brain_words.brain_facts(run) if run.is_brain else []
    for metric in () if run.is_brain else dict.fromkeys(row.metric for row in run.own_scores):
        row, line = run.score(metric), words.best_baseline(run, metric)
        if row and len(facts) < 3:
            facts.append(
                (
                    words.show(row),
                    words.metric_name(metric),
                    f"best baseline {words.show(line)} ({line.model})" if line else "",
                )
            )
    geometry = run.section("geometry", "encoder")
    if isinstance(geometry.get("effective_rank"), int | float):
        size = run.section("spectrum").get("encoder")
        facts.append(
            (
                f"{geometry['effective_rank']:.1f}",
                "effective rank",
                f"of {len(size)} dimensions" if isinstance(size, list) else "",
            )
        )
    seconds = run.info.get("seconds_training") or (run.steps[-1].get("seconds") if run.steps else None)
    if isinstance(seconds, int | float):
        memory = run.info.get("peak_memory_mb")
        facts.append(
            (
                words.duration(float(seconds)),
                "training",
                f"peak memory {memory / 1024:.1f} GB" if isinstance(memory, int | float) else "",
            )
        )
    return facts
