"""The score against how many showings of a test picture are averaged."""

from __future__ import annotations

from counterpoint.report.panel import Panel
from counterpoint.report.run import Run
from counterpoint.report.series import lines_of
from counterpoint.report.style import canvas, themed

SECTION, ORDER = "How much data", 18


@themed
def draw(run: Run) -> Panel | None:
    """Decoder and ridge over averaged showings."""
    figure, (axes,) = canvas(height=2.7)
    found = lines_of(axes, run, run.table("repeats"), "repeats", unit="showings")
    if found is None:
        return None
    axes.set(xlabel="showings of a test picture averaged", ylabel="brain to image, top 1 (%)")
    axes.set_xticks(sorted({int(value) for value in found.places}))
    falls = [name for name, values in found.values.items() if (values[1:] < values[:-1]).any()]
    here = found.told + (f" Not rising throughout: {', '.join(falls)}." if falls else "")
    return Panel(
        title="How much does averaging repeats help?",
        figure=figure,
        alt=f"Score against averaged showings. {here}",
        here=here,
        shown="Top 1 of retrieval when the first 1, 2, ... showings of every test picture are averaged; the model is "
        f"the same throughout. Seed {run.seed or 'unrecorded'}.",
        better="A line that rises with every showing and starts well above chance at a single one.",
        worse="A flat line: noise between showings is not what limits this decoder. A falling one: showings are "
        "misaligned (wrong trial table), or sessions were not standardised.",
        act="Report the number of averaged showings with every score; single-trial and averaged scores are different "
        "measurements.",
    )
