"""Loss by term, learning rate and gradient norm over steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoint.report.compare import lines
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, number
from counterpoint.report.style import INK, MUTED, SERIES, canvas, label_ends, logarithmic, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION, ORDER = "Training", 20
BINS = 150


@themed
def draw(run: Run) -> Panel | None:
    """Three panels over optimiser steps: loss and its terms, learning rate, gradient norm."""
    if not run.steps:
        return None
    steps = _column(run.steps, "step")
    series = _terms(run)
    figure, (loss, rate, norm) = canvas(3, height=4.3, ratios=(2.4, 1, 1))
    ends = [
        _line(
            loss, steps, values, name, SERIES[place % len(SERIES)] if name != "loss" else INK, logged=_logged(run, name)
        )
        for place, (name, values) in enumerate(series.items())
    ]
    loss.set_ylabel("loss")
    _line(rate, steps, _column(run.steps, "learning_rate"), "", SERIES[2])
    rate.set_ylabel("learning\nrate")
    rate.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    norms = _column(run.steps, "gradient_norm")
    _line(norm, steps, norms, "", SERIES[3])
    positive = norms[np.isfinite(norms) & (norms > 0)]
    if positive.size and positive.max() > 30 * positive.min():
        logarithmic(norm)
    norm.set_ylabel("gradient\nnorm")
    norm.set_xlabel("optimiser step")
    figure.align_ylabels()
    label_ends(loss, ends)
    return _panel(figure, run, steps, series)


def _terms(run: Run) -> dict[str, np.ndarray]:
    names = list(dict.fromkeys(name for row in run.steps for name in (row.get("terms") or {})))
    total = _column(run.steps, "loss")
    if len(names) < 2:
        return {names[0] if names else "loss": total}
    return {
        "loss": total,
        **{name: np.array([number((row.get("terms") or {}).get(name)) for row in run.steps]) for name in names},
    }


def _logged(run: Run, name: str) -> np.ndarray:
    """Steps that recorded this term: a stage of training may leave one out, which is no failure."""
    if name == "loss":
        return np.full(len(run.steps), True)
    return np.array([name in (row.get("terms") or {name: 0}) for row in run.steps])


def _column(rows: Sequence[dict[str, Any]], key: str) -> np.ndarray:
    return np.array([number(row.get(key)) for row in rows])


def _binned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    keep = np.isfinite(x) & np.isfinite(y)
    x, y = x[keep], y[keep]
    if len(x) <= BINS:
        return x, y, y, y
    parts = np.array_split(np.arange(len(x)), BINS)
    return tuple(
        np.array([reduce(values[part]) for part in parts])
        for values, reduce in ((x, np.mean), (y, np.mean), (y, np.min), (y, np.max))
    )


def _line(
    axes: Axes, steps: np.ndarray, values: np.ndarray, name: str, colour: str, *, logged: np.ndarray | None = None
) -> tuple[float, float, str, str]:
    x, y, low, high = _binned(steps, values)
    axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, y, color=colour, marker="o" if len(x) == 1 else "")
    broken = np.isfinite(steps) & ~np.isfinite(values) & (True if logged is None else logged)
    if name and broken.any():
        axes.axvline(steps[broken][0], color=MUTED, linestyle=":", linewidth=1)
        axes.text(
            steps[broken][0],
            1.0,
            "not finite",
            transform=axes.get_xaxis_transform(),
            ha="right",
            va="top",
            rotation=90,
            fontsize=8,
            color=MUTED,
        )
    return (float(x[-1]), float(y[-1]), name, colour) if len(x) else (math.nan, math.nan, name, colour)


def _panel(figure: Any, run: Run, steps: np.ndarray, series: dict[str, np.ndarray]) -> Panel:
    loss = _column(run.steps, "loss")
    finite = loss[np.isfinite(loss)]
    here = (
        f"{len(run.steps):,} logged step{'s' * (len(run.steps) > 1)} up to step {int(np.nanmax(steps)):,}. "
        if np.isfinite(steps).any()
        else ""
    )
    if finite.size:
        tail = finite[-max(len(finite) // 10, 1) :].mean()
        here += f"Loss {finite[0]:.3g} at first, {tail:.3g} over the last tenth. "
    for name, values in series.items():
        broken = ~np.isfinite(values) & _logged(run, name)
        if broken.any():
            here += f"“{name}” was not finite first at step {steps[broken][0]:.0f}. "
    return Panel(
        title="Does it learn, and which term leads?",
        figure=figure,
        alt=(f"Curves of loss ({', '.join(series)}), learning rate and gradient norm over optimiser steps. {here}"),
        here=here.strip(),
        shown=f"Training loss by term, learning rate and norm of the gradient against optimiser steps, seed "
        f"{run.seed or 'unrecorded'}. With many steps the line is a running mean and the band its range.",
        better=("A fast fall, then a slow one that follows the learning rate; a gradient norm that stays level."),
        worse=(
            "A flat line from the start, a sudden drop to the lowest possible value (collapse), spikes, "
            "or a gradient norm that climbs."
        ),
        act=(
            "Flat: raise the rate or check the views. Spikes: lower the rate, lengthen the warm-up or "
            "clip the gradient. One term far above the others: change its weight. Loss values of "
            "different methods, batch sizes or temperatures cannot be compared."
        ),
    )


@themed
def compare(runs: Sequence[Run]) -> Panel | None:
    """Loss of every run over steps."""
    logged = [row for row in lines(runs) if row[1].steps]
    if not logged:
        return None
    figure, (axes,) = canvas(height=2.9)
    ends = [
        _line(axes, _column(run.steps, "step"), _column(run.steps, "loss"), label, colour)
        for label, run, colour in logged
    ]
    axes.set(xlabel="optimiser step", ylabel="loss")
    label_ends(axes, ends)
    listing = "; ".join(f"{text}: {value:.3g}" for _, value, text, _ in ends if text)
    return Panel(
        title="How did the losses fall?",
        figure=figure,
        alt=f"Loss over steps by run. Last: {listing}.",
        here=f"Last logged loss: {listing}.",
        shown="Training loss against optimiser steps, one line a run.",
        better="Within one method and batch size: lower and smoother.",
        worse="Spikes, or a curve that stands still.",
        act="Judge different methods, temperatures or batch sizes by the scores, never by these curves.",
    )
