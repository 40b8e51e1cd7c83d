"""One look for every figure: palette, type, and SVG whose colours follow the page's light or dark scheme."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Result = TypeVar("Result")

INK, MUTED, GRID, PAPER = "#1d2530", "#5a6574", "#dde2e8", "#fdfdfc"
SERIES = ("#0b5fa5", "#c8500a", "#00806b", "#9a4c95", "#a67c00", "#3fa0d9", "#8a2847", "#6b7d1d", "#6c7a8a", "#cf6f94")
DARK = {
    INK: "#e6eaf0", MUTED: "#a3aebc", GRID: "#333c47", PAPER: "#161b21",
    **dict(zip(SERIES, ("#6cb2f1", "#f2975b", "#4fc6ac", "#d49ad1", "#dfb94b", "#a6dbf6",
                        "#e0839e", "#b9c96b", "#a5b1bf", "#f5bccf"), strict=True)),
}
VARIABLE = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper",
            **{colour: f"--s{place}" for place, colour in enumerate(SERIES, 1)}}
GOOD, BAD = SERIES[0], SERIES[1]
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
WIDTH = 4.6
_THEME = {
    "font.size": 9.5, "font.family": "sans-serif", "axes.titlesize": 10, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": MUTED, "axes.labelcolor": INK, "axes.titlecolor": INK, "text.color": INK,
    "axes.facecolor": "none", "figure.facecolor": "none", "savefig.facecolor": "none",
    "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "axes.grid": True, "grid.color": GRID, "grid.linewidth": 0.8, "axes.axisbelow": True, "lines.linewidth": 1.8,
    "axes.unicode_minus": True, "svg.fonttype": "none", "svg.hashsalt": "counterpoint", "svg.image_inline": True,
    "axes.formatter.limits": (-4, 5), "figure.constrained_layout.use": True,
}


def themed(draw: Callable[..., Result]) -> Callable[..., Result]:
    """Run ``draw`` with the common look, leaving matplotlib's settings as they were."""

    @functools.wraps(draw)
    def wrapper(*args: Any, **settings: Any) -> Result:
        import matplotlib

        with matplotlib.rc_context(_THEME):
            return draw(*args, **settings)

    return wrapper


def canvas(rows: int = 1, *, height: float = 2.9, width: float = WIDTH,
           ratios: Sequence[float] | None = None) -> tuple[Figure, list[Axes]]:
    """A figure (size in inches) with ``rows`` panels above one another that share the x axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    grid = figure.subplots(rows, 1, sharex=rows > 1, squeeze=False,
                           gridspec_kw={"height_ratios": ratios} if ratios else None)
    return figure, list(grid[:, 0])


@themed
def to_svg(figure: Figure, prefix: str, *, page: bool = True) -> str:
    """The figure as SVG text.

    Parameters
    ----------
    prefix : put before every id, so that several figures may share one page.
    page : write colours as CSS variables of the report; otherwise fixed colours on white, for other programs.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: f' id="{prefix}-{found[1]}"' if found[1] in used else "", svg)
    svg = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{prefix}-", svg)
    svg = re.sub(r"(\.\d{3})\d+", r"\1", svg)
    svg = re.sub(r">\s+<", "><", svg)
    if not page:
        return svg.replace("><defs>", f'><rect width="100%" height="100%" fill="{PAPER}"/><defs>', 1)
    svg = re.sub(r'(<svg [^>]*?)\s*height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg [^>]*?)\s*width="[^"]*"', r"\1", svg, count=1)
    for colour, variable in VARIABLE.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg


def spread(positions: Sequence[float], gap: float) -> np.ndarray:
    """Move numbers apart until neighbours differ by at least ``gap``, keeping their order and centre.

    >>> spread([0.0, 0.1, 5.0], 1.0).round(2).tolist()
    [-0.45, 0.55, 5.0]
    """
    values = np.asarray(positions, dtype=float)
    order = np.argsort(values, kind="stable")
    groups: list[tuple[float, int]] = []
    for value in values[order]:
        groups.append((value, 1))
        while len(groups) > 1:
            (left, many), (right, more) = groups[-2:]
            if right - left >= gap * (many + more) / 2:
                break
            groups[-2:] = [((left * many + right * more) / (many + more), many + more)]
    placed = np.concatenate([centre + gap * (np.arange(many) - (many - 1) / 2) for centre, many in groups])
    result = np.empty_like(values)
    result[order] = placed
    return result


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], *, gap: float = 0.085) -> None:
    """Name lines at their right ends; ``ends`` holds (x, y, text, colour), moved apart where they would touch."""
    ends = [end for end in ends if np.isfinite(end[1])]
    if not ends:
        return
    axes.get_figure(root=True).draw_without_rendering()
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = [float(to_axes.transform((x, y))[1]) for x, y, _, _ in ends]
    for (_, _, text, colour), height in zip(ends, np.clip(spread(heights, gap), -0.05, 1.05), strict=True):
        axes.annotate(text, (1.0, height), xycoords="axes fraction", xytext=(4, 0), textcoords="offset points",
                      color=colour, va="center", ha="left", fontsize=9)
