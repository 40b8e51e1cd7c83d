"""Singular values of the centred features, and the rank they amount to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from counterpoint.report.compare import lines
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, number
from counterpoint.report.style import GOOD, MUTED, SERIES, canvas, label_ends, logarithmic, themed

SECTION, ORDER = "Representation", 60
FLOOR = 1e-6
_TEXT: dict[str, Any] = {
    "better": "A slope that stays shallow to the last dimension, above the untrained encoder.",
    "worse": "A cliff: values that fall by a factor of thousands mean that those dimensions carry nothing. "
    "An effective rank near 1 is collapse.",
    "act": "Cliff: lower the rate, use more or harder negatives, or a decorrelating term. A linear read-out "
    "of k classes needs about k dimensions.",
}


def _values(run: Run, model: str) -> np.ndarray:
    raw = run.section("spectrum").get(model)
    values = np.array([number(value) for value in raw], dtype=float) if isinstance(raw, list) else np.array([])
    values = np.sort(values[np.isfinite(values) & (values >= 0)])[::-1]
    return np.maximum(values / values[0], FLOOR) if len(values) and values[0] > 0 else np.array([])


def _rank(run: Run, model: str) -> float:
    return number(run.section("geometry", model).get("effective_rank"))


@themed
def draw(run: Run) -> Panel | None:
    """Singular values relative to the largest, on a logarithmic axis."""
    names = [name for name in run.section("spectrum") if len(_values(run, name))]
    if not names:
        return None
    figure, (axes,) = canvas(height=2.9)
    colours = {"encoder": GOOD, "untrained": MUTED, "head": SERIES[3]}
    ends, listing = [], []
    for place, name in enumerate(names):
        values, colour = _values(run, name), colours.get(name, SERIES[(4 + place) % len(SERIES)])
        axes.plot(
            np.arange(1, len(values) + 1),
            values,
            color=colour,
            linestyle="--" if name == "untrained" else "-",
        )
        ends.append((len(values), values[-1], name, colour))
        rank = _rank(run, name)
        if np.isfinite(rank):
            listing.append(f"{name}: effective rank {rank:.1f} of {len(values)}")
    logarithmic(axes)
    axes.set(xlabel="dimension, strongest first", ylabel="singular value (relative)")
    label_ends(axes, ends)
    here = ("; ".join(listing) + ".") if listing else "The effective rank was not recorded."
    return Panel(
        title="How many dimensions are in use?",
        figure=figure,
        alt=f"Singular value spectrum. {here}",
        here=here[0].upper() + here[1:],
        **_TEXT,
        shown="Singular values of the centred test features divided by the largest, logarithmic axis. The "
        "effective rank is the exponential of the entropy of these values: the number of dimensions "
        f"that carry weight. Seed {run.seed or 'unrecorded'}.",
    )


@themed
def compare(runs: Sequence[Run]) -> Panel | None:
    """The encoder's spectrum of every run."""
    figure, (axes,) = canvas(height=2.9)
    ends, listing = [], []
    for label, run, colour in lines(runs):
        values = _values(run, "encoder")
        if len(values):
            axes.plot(np.arange(1, len(values) + 1), values, color=colour)
            ends.append((len(values), values[-1], label, colour))
            if label:
                listing.append(f"{label}: effective rank {_rank(run, 'encoder'):.1f} of {len(values)}")
    if not ends:
        return None
    logarithmic(axes)
    axes.set(xlabel="dimension, strongest first", ylabel="singular value (relative)")
    label_ends(axes, ends)
    here = "; ".join(listing) + "."
    return Panel(
        title="How many dimensions are in use?",
        figure=figure,
        alt=f"Spectra by run. {here}",
        here=here,
        shown="Singular values of each encoder's test features divided by the largest.",
        **_TEXT,
    )
