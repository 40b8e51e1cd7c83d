"""Decoder and ridge as lines over an amount of data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoint.report.run import Run, column
from counterpoint.report.style import BAD, GOOD, MUTED, label_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = {"top1": ("decoder", GOOD, "-", "o"), "ridge": ("ridge", BAD, "--", "s")}


@dataclass(frozen=True)
class Series:
    """What was drawn: places on the x axis, values in per cent by name (NaN where missing), and both in words."""

    places: np.ndarray
    values: dict[str, np.ndarray]
    told: str


def lines_of(axes: Axes, run: Run, rows: Sequence[dict[str, Any]], key: str, *, unit: str) -> Series | None:
    """Draw ``top1`` and ``ridge`` of a table over ``key``, with bands (``low``, ``high``) and chance.

    Returns
    -------
    Series or None
        None, and nothing drawn, where neither line has two points.
    """
    places = column(rows, key)
    known = [np.isfinite(places) & np.isfinite(column(rows, name)) for name in _LINES]
    if max(each.sum() for each in known) < 2:
        return None
    keep = known[0] | known[1]
    order = np.argsort(places[keep], kind="stable")
    rows = [row for row, kept in zip(rows, keep, strict=True) if kept]
    rows = [rows[place] for place in order]
    places = column(rows, key)
    values, ends = {}, []
    for name, (label, colour, dash, marker) in _LINES.items():
        line = 100 * column(rows, name)
        there = np.flatnonzero(np.isfinite(line))
        if not there.size:
            continue
        values[label] = line
        low, high = (100 * column(rows, f"{'' if name == 'top1' else 'ridge_'}{end}") for end in ("low", "high"))
        axes.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(places[there], line[there], color=colour, linestyle=dash, marker=marker, markersize=4.5)
        ends.append((float(places[there[-1]]), float(line[there[-1]]), label, colour))
    chance = run.score("brain_to_image_top1", "chance")
    if chance:
        axes.axhline(100 * chance.value, color=MUTED, linestyle=":", linewidth=1.2)
        ends.append((float(places[-1]), 100 * chance.value, "chance", MUTED))
    axes.set_ylim(bottom=0)
    label_ends(axes, ends)
    told = [f"{name} {line[np.isfinite(line)][0]:.1f} % to {line[np.isfinite(line)][-1]:.1f} %"
            for name, line in values.items()]  # fmt: skip
    listing = "; ".join(told)
    told_of = f"{listing[:1].upper() + listing[1:]} from {places[0]:.3g} to {places[-1]:.3g} {unit}."
    return Series(places, values, told_of)
