"""The score against the amount of training data."""

from __future__ import annotations

import numpy as np

from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, column
from counterpoint.report.series import lines_of
from counterpoint.report.style import canvas, themed

SECTION, ORDER = "How much data", 19


@themed
def draw(run: Run) -> Panel | None:
    """Decoder and ridge over hours of scanning, or over training trials where hours are not known."""
    rows = run.table("learning")
    key = "hours" if np.isfinite(column(rows, "hours")).sum() > 1 else "trials"
    figure, (axes,) = canvas(height=2.9)
    unit = "hours of scanning" if key == "hours" else "training trials"
    found = lines_of(axes, run, rows, key, unit=unit)
    if found is None:
        return None
    axes.set(xlabel=unit, ylabel="brain to image, top 1 (%)")
    axes.set_xlim(left=0)
    here = found.told + _crossing(found.places, found.values, unit)
    return Panel(
        title="Would more data help?",
        figure=figure,
        alt=f"Score against {unit}. {here}",
        here=here,
        shown=f"Top 1 of retrieval after training on the first part of the data, tested on the same pictures; decoder "
        f"and ridge regression. Seed {run.seed or 'unrecorded'}.",
        better="A line that still rises at the right end, above ridge from early on.",
        worse="A flat end: more scanning of this kind buys nothing. Ridge above throughout: the network has too many "
        "weights for this much data.",
        act="Still rising: scan more pictures rather than more repeats. Flat: look at the noise ceiling and the target "
        "embedding. Few hours: start from other people's data (transfer).",
    )


def _crossing(places: np.ndarray, values: dict[str, np.ndarray], unit: str) -> str:
    if not {"decoder", "ridge"} <= set(values):
        return ""
    both = np.isfinite(values["decoder"]) & np.isfinite(values["ridge"])
    if both.sum() < 2:
        return ""
    places = places[both]
    ahead = values["decoder"][both] > values["ridge"][both]
    if ahead.all():
        return " The decoder is ahead of ridge throughout."
    if not ahead.any():
        return " Ridge is ahead or equal throughout."
    last = np.flatnonzero(~ahead)[-1]
    if last + 1 < len(places):
        return f" The decoder is ahead of ridge from {places[last + 1]:.3g} {unit}."
    return " At the last point ridge is ahead."
