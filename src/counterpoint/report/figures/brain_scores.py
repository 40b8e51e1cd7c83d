"""Scores of a decoder beside ridge regression and the null controls."""

from __future__ import annotations

from counterpoint.report.brain_words import shortfall
from counterpoint.report.figures.scores import dots
from counterpoint.report.metrics import metric_name, percent
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, Score
from counterpoint.report.style import themed
from counterpoint.report.words import best_baseline

SECTION, ORDER = "Result", 11
MOST = 4
_WANTED = (
    ("brain_to_image_top1",),
    ("image_to_brain_top1",),
    ("n_way_top1", "category_accuracy"),
    ("block_accuracy",),
    ("two_way",),
)


@themed
def draw(run: Run) -> Panel | None:
    """At most four metrics: retrieval both ways, a semantic one, two-way identification; one row a model."""
    rows = _chosen(run)
    if not rows:
        return None
    figure, span = dots(run, rows)
    here = []
    for metric in dict.fromkeys(row.metric for row in rows):
        top, line = run.score(metric), best_baseline(run, metric)
        if top and line:
            here.append(
                f"{metric_name(top)}: {percent(top.value)}, {100 * (top.value - line.value):+.1f} points "
                f"against {line.model} ({percent(line.value)})."
            )
    listing = "; ".join(f"{metric_name(row)}, {row.model}: {percent(row.value)}" for row in rows)
    sizes = sorted({row.n for row in rows if row.n})
    what = "left-out trials and blocks" if run.table("folds") else "test pictures"
    n = f"{' and '.join(f'{size:,}' for size in sizes)} {what}" if sizes else what
    return Panel(
        title="Is it better than ridge, and than no brain at all?",
        figure=figure,
        alt=f"Dot plot of scores. {listing}.",
        here=" ".join(text[:1].upper() + text[1:] for text in here) or "No baseline was recorded for these scores.",
        shown=f"Scores on {n} with their 95 % intervals (draws of candidates or test pictures, as the table's protocol "
        f"says), seed {run.seed or 'unrecorded'}. Filled: trained parts of this run; hollow: regressions on the "
        "same voxels, the untrained network, shuffled pairs, and chance. The dashed line is the best of "
        "the hollow ones." + (f" The axis starts at {span[0]} %." if span[0] else ""),
        better="The decoder's whisker right of ridge, and ridge right of untrained, shuffled and chance.",
        worse="Shuffled above chance: something but the picture is being read (the same picture in both splits, "
        "session order). Ridge at or above the decoder: the network adds nothing here.",
        act=_act(run),
    )


def _chosen(run: Run) -> list[Score]:
    if not run.is_brain:
        return []
    known = [row.metric for row in run.scores if row.is_share]
    wanted = [next((name for name in names if name in known), "") for names in _WANTED]
    wanted = [name for name in wanted if name] or list(dict.fromkeys(known))[:MOST]
    return [row for name in wanted for row in run.scores if row.metric == name and row.is_share]


def _act(run: Run) -> str:
    found = shortfall(run)
    return (f"{found} " if found else "") + (
        "Where ridge wins: more data, fewer voxels (by ceiling), more averaging, or stay with ridge. With few training "
        "pictures and a nearly linear target it is the better decoder."
    )
