"""What is lost without each functional network, against a random choice of the same size."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, column
from counterpoint.report.style import GOOD, INK, MUTED, PAPER, canvas, themed

SECTION, ORDER = "Cortex", 16
MOST = 20


@themed
def draw(run: Run) -> Panel | None:
    """One row per network, the largest loss first: its loss filled, the control as a band with a hollow dot."""
    rows = [row for row in run.table("networks") if np.isfinite(column([row], "value")[0])]
    rows = sorted(rows, key=lambda row: -row["value"])[:MOST]
    if not rows:
        return None
    value, control, low, high = (100 * column(rows, key) for key in ("value", "control", "control_low", "control_high"))
    figure, (axes,) = canvas(height=0.75 + 0.27 * len(rows))
    axes.axvline(0, color=MUTED, linewidth=1)
    for place in range(len(rows)):
        axes.plot([low[place], high[place]], [place] * 2, color=MUTED, alpha=0.35, linewidth=7, solid_capstyle="butt")
        axes.plot(control[place], place, marker="o", markersize=5, color=MUTED, markerfacecolor=PAPER, linestyle="")
        clear = value[place] > high[place]
        axes.plot(value[place], place, marker="o", markersize=6.5, color=GOOD, linestyle="",
                  markerfacecolor=GOOD if clear else PAPER)  # fmt: skip
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel="loss of score when switched off (points)")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    return _panel(figure, run, rows, value, control, high)


def _name(row: dict[str, Any]) -> str:
    parcels = column([row], "parcels")[0]
    name = str(row.get("name", ""))
    return f"{name[:24]} ({parcels:.0f})" if np.isfinite(parcels) else name[:24]


def _panel(
    figure: Any, run: Run, rows: list[dict[str, Any]], value: np.ndarray, control: np.ndarray, high: np.ndarray
) -> Panel:
    clear = [place for place in range(len(rows)) if value[place] > high[place]]
    names = ", ".join(f"{rows[place].get('name')} ({value[place]:.1f} points)" for place in clear[:4])
    here = f"More than a random choice of the same size is lost without {names}." if clear else (
        "Nothing is lost without any network: what is decoded does not depend on one (see the scores)."
        if value.max() <= 0
        else "No network costs more than a random choice of the same size: size explains the losses."
        if np.isfinite(high).any()
        else "No size-matched control was recorded: large networks may lose more by size alone."
    )  # fmt: skip
    listing = "; ".join(
        f"{row.get('name')}: {value[place]:.1f}, control {control[place]:.1f}" for place, row in enumerate(rows)
    )
    return Panel(
        title="Which network is needed?",
        figure=figure,
        alt=f"Loss of score by network beside a size-matched control. {listing}.",
        here=here,
        shown="Loss of top-1 retrieval when all of a network (its voxels or parcels in brackets) is set to its mean; "
        "grey: the same for as many drawn at random from outside it, hollow dot the mean, band 95 % of draws. Hollow "
        f"blue: not beyond the band. Seed {run.seed or 'unrecorded'}.",
        better="A few networks far right of their band, visual cortex first.",
        worse="All dots inside the bands: the code is spread out, or what counts is how much is left.",
        act="Losses do not add up, since networks share information. Retrain without a network (data.drop_networks) "
        "to ask what the rest can carry.",
    )
