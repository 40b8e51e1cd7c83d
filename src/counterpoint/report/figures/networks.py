"""What is lost without each functional network, against a random choice of the same size."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, column
from counterpoint.report.style import GOOD, INK, MUTED, PAPER, canvas, themed

SECTION, ORDER = "Cortex", 16
MOST = 20


SCORES = {"": "top-1 retrieval", "category_": "category"}
"""Prefix of a score's columns to its name."""


@themed
def draw(run: Run) -> Panel | None:
    """One row per network, the largest loss first: its loss filled, the control as a band with a hollow dot.

    Where categories were scored, they stand below, in the same order.
    """
    rows = [row for row in run.table("networks") if np.isfinite(column([row], "value")[0])]
    rows = sorted(rows, key=lambda row: -row["value"])[:MOST]
    if not rows:
        return None
    kinds = [prefix for prefix in SCORES if np.isfinite(column(rows, f"{prefix}value")).all()]
    figure, panels = canvas(len(kinds), height=0.75 + (0.2 + 0.27 * len(rows)) * len(kinds))
    for axes, prefix in zip(panels, kinds, strict=True):
        _losses(axes, rows, prefix)
        if len(kinds) > 1:
            axes.set_title(SCORES[prefix])
    panels[-1].set_xlabel("loss of score when switched off (points)")
    return _panel(figure, run, rows, kinds)


def _losses(axes: Any, rows: list[dict[str, Any]], prefix: str) -> None:
    value, control, low, high = _columns(rows, prefix)
    axes.axvline(0, color=MUTED, linewidth=1)
    for place in range(len(rows)):
        axes.plot([low[place], high[place]], [place] * 2, color=MUTED, alpha=0.35, linewidth=7, solid_capstyle="butt")
        axes.plot(control[place], place, marker="o", markersize=5, color=MUTED, markerfacecolor=PAPER, linestyle="")
        clear = value[place] > high[place]
        axes.plot(value[place], place, marker="o", markersize=6.5, color=GOOD, linestyle="",
                  markerfacecolor=GOOD if clear else PAPER)  # fmt: skip
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)


def _columns(rows: list[dict[str, Any]], prefix: str) -> list[np.ndarray]:
    """Loss, control and the band of the control, in points."""
    return [100 * column(rows, f"{prefix}{key}") for key in ("value", "control", "control_low", "control_high")]


def _name(row: dict[str, Any]) -> str:
    parcels = column([row], "parcels")[0]
    name = str(row.get("name", ""))
    return f"{name[:24]} ({parcels:.0f})" if np.isfinite(parcels) else name[:24]


def _said(rows: list[dict[str, Any]], prefix: str) -> str:
    """What one score's losses say."""
    value, _, _, high = _columns(rows, prefix)
    clear = sorted((place for place in range(len(rows)) if value[place] > high[place]), key=lambda at: -value[at])
    if clear:
        names = ", ".join(f"{rows[place].get('name')} ({value[place]:.1f} points)" for place in clear[:4])
        return f"More than a random choice of the same size is lost without {names}."
    if value.max() <= 0:
        return "Nothing is lost without any network: what is decoded does not depend on one (see the scores)."
    if np.isfinite(high).any():
        return "No network costs more than a random choice of the same size: size explains the losses."
    return "No size-matched control was recorded: large networks may lose more by size alone."


def _listing(rows: list[dict[str, Any]], prefix: str) -> str:
    value, control, _, _ = _columns(rows, prefix)
    return "; ".join(
        f"{row.get('name')}: {value[place]:.1f}, control {control[place]:.1f}" for place, row in enumerate(rows)
    )


def _panel(figure: Any, run: Run, rows: list[dict[str, Any]], kinds: list[str]) -> Panel:
    here = _said(rows, "") if len(kinds) == 1 else " ".join(
        f"{SCORES[prefix].capitalize()}: {_said(rows, prefix)}" for prefix in kinds)  # fmt: skip
    listing = ". ".join(f"{SCORES[prefix]}: {_listing(rows, prefix)}" for prefix in kinds)
    scores = " and of the category's accuracy" if len(kinds) > 1 else ""
    return Panel(
        title="Which network is needed?",
        figure=figure,
        alt=f"Loss of score by network beside a size-matched control. {listing}.",
        here=here,
        shown=f"Loss of top-1 retrieval{scores} when all of a network (its voxels or parcels in brackets) is set to "
        "its mean; grey: the same for as many drawn at random outside it, hollow dot the mean, band 95 % of draws. "
        f"Hollow blue: not beyond the band. Seed {run.seed or 'unrecorded'}.",
        better="A few networks far right of their band, visual cortex first.",
        worse="All dots inside the bands: the code is spread out, or what counts is how much is left.",
        act="Losses do not add up, since networks share information. Retrain without a network (data.drop_networks) "
        "to ask what the rest can carry.",
    )
