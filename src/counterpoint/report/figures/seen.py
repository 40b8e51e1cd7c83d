"""What was seen, and what was read out of the brain: examples chosen by rank, not by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.report.grid import mosaic
from counterpoint.report.panel import Panel
from counterpoint.report.run import Run, column
from counterpoint.report.style import INK, MUTED, WIDTH, themed

SECTION, ORDER = "Result", 12
LARGEST, EACH, GAP = 64, 4, 4
KINDS = ("best", "median", "worst")
_ROWS = {
    "seen": "seen",
    "retrieved": "retrieved",
    "reconstructed": "reconstructed",
    "ridge_reconstructed": "ridge",
}


@themed
def draw(run: Run) -> Panel | None:
    """Columns are examples from best to worst, rows what was made of them; the rank stands under each."""
    chosen = _order(run)
    rows = {name: pictures for name in _ROWS if (pictures := _pictures(run, name)) is not None}
    if "seen" not in rows or not len(chosen):
        return None
    from matplotlib.figure import Figure

    image = mosaic(np.stack([pictures[chosen] for pictures in rows.values()]), largest=LARGEST, gap=GAP)
    figure = Figure(figsize=(WIDTH, 3.95 * image.shape[0] / image.shape[1] + 0.62))
    axes = figure.subplots()
    axes.imshow(image, interpolation="none", aspect="equal")
    down, across = image.shape[0] / len(rows), image.shape[1] / len(chosen)
    axes.set_yticks(down * (np.arange(len(rows)) + 0.5) - 0.5, [_ROWS[name] for name in rows])
    ranks = [_rank(run, place) for place in chosen]
    axes.set_xticks(across * (np.arange(len(chosen)) + 0.5) - 0.5, [text or "–" for text in ranks])
    axes.set_xlabel("rank of the seen picture among all test pictures", color=INK)
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    _heads(axes, _kinds(run)[chosen], across)
    return _panel(figure, run, chosen, list(rows))


def _pictures(run: Run, name: str) -> np.ndarray | None:
    found, seen = run.brain.get(name), run.brain.get("seen")
    if found is None or seen is None or found.ndim != 4 or not found.size or found.dtype.kind not in "fiub":
        return None
    return found if found.shape == seen.shape else None


def _kinds(run: Run) -> np.ndarray:
    count = len(run.brain["seen"])
    found = run.brain.get("example_kind")
    return np.asarray(found, dtype=str) if found is not None and found.shape == (count,) else np.full(count, "")


def _order(run: Run) -> np.ndarray:
    """At most four examples of each kind: best, median, worst, then others, by rank within."""
    if _pictures(run, "seen") is None:
        return np.zeros(0, int)
    kinds, ranks = _kinds(run), run.brain.get("example_rank")
    count = len(kinds)
    by_rank = np.arange(count) if ranks is None or ranks.shape != (count,) else np.argsort(ranks, kind="stable")
    names = [*KINDS, *sorted(set(kinds.tolist()) - set(KINDS))]
    return np.array([place for name in names for place in by_rank[kinds[by_rank] == name][:EACH]], dtype=int)


def _rank(run: Run, place: int) -> str:
    ranks = run.brain.get("example_rank")
    if ranks is None or place >= len(ranks) or not np.isfinite(ranks[place]):
        return ""
    return f"{int(ranks[place]):,}"


def _heads(axes: Any, kinds: np.ndarray, across: float) -> None:
    """A name and a line over the columns of each kind."""
    for name in dict.fromkeys(kinds.tolist()):
        places = np.flatnonzero(kinds == name)
        if not name:
            continue
        left, right = places[0] * across + 1.5, (places[-1] + 1) * across - 2.5
        axes.annotate(
            name, ((left + right) / 2, 1.0), xycoords=axes.get_xaxis_transform(), xytext=(0, 6),
            textcoords="offset points", ha="center", color=INK, weight="bold", annotation_clip=False,
        )  # fmt: skip
        axes.annotate(
            "", (left, 1.0), (right, 1.0), xycoords=axes.get_xaxis_transform(), annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def _panel(figure: Any, run: Run, chosen: np.ndarray, rows: list[str]) -> Panel:
    people = run.table("subjects")
    total = column(people[:1], "test")
    among = f" among {total[0]:,.0f} test pictures" if total.size and np.isfinite(total[0]) else ""
    kinds = _kinds(run)[chosen]
    parts = []
    for name in KINDS:
        ranks = [text for place in chosen[kinds == name] if (text := _rank(run, place))]
        if ranks:
            parts.append(f"{name}: rank {', '.join(ranks)}")
    here = f"{'; '.join(parts)}{among}." if parts else f"{len(chosen)} examples; their ranks were not recorded."
    captions = run.brain.get("example_caption")
    told = [str(captions[place]) for place in chosen] if captions is not None and len(captions) > chosen.max() else []
    what = {
        "retrieved": "the candidate nearest to the decoded embedding",
        "reconstructed": "the picture generated from it",
        "ridge_reconstructed": "the same generator fed by ridge regression",
    }
    listing = "; ".join(what[name] for name in rows if name in what)
    return Panel(
        title="What was seen, and what was read out?",
        figure=figure,
        alt=f"Grid of test pictures (columns) with what was decoded from the brain (rows). {here}"
        + (f" Seen: {'; '.join(told)}." if any(told) else ""),
        here=here[:1].upper() + here[1:],
        shown="Test pictures, chosen by rank and by nothing else: best, middle and worst of all. The number under each "
        f"is the rank of the picture that was seen{among} (1: found). Rows below the picture itself: "
        f"{listing or 'none were stored'}. Seed {run.seed or 'unrecorded'}.",
        better="Even the median column shares the object and the layout with what was seen.",
        worse="Good columns on the left only, the same few pictures in every row (hubs), or a ridge row that looks "
        "just as good: then the generator paints well and the brain says little.",
        act="Judge by the median column, never by the best one. Compare with the ridge row before praising detail.",
    )
