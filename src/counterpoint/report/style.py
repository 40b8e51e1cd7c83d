"""One look for every figure: palette, type, and SVG whose colours follow the page's light or dark scheme."""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Result = TypeVar("Result")

INK, MUTED, GRID, PAPER = "#1d2530", "#5a6574", "#dde2e8", "#fdfdfc"
_SERIES = {  # light scheme: dark scheme; chosen so that the first five differ for every kind of colour vision
    "#0b5fa5": "#6cb2f1",
    "#c8500a": "#f2975b",
    "#5c1a1a": "#ffe0d0",
    "#8a2be2": "#a45cff",
    "#3d93c9": "#cfeafd",
    "#2e9b72": "#4fc6ac",
    "#a03030": "#d0553c",
    "#7b1e5b": "#c2357f",
    "#7a8794": "#8b98a6",
    "#d0679d": "#f5bccf",
}
SERIES = tuple(_SERIES)
DARK = {INK: "#e6eaf0", MUTED: "#a3aebc", GRID: "#333c47", PAPER: "#161b21", **_SERIES}
VARIABLE = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    **{colour: f"--s{place}" for place, colour in enumerate(SERIES, 1)},
}
GOOD, BAD = SERIES[0], SERIES[1]
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
WIDTH = 4.6
_THEME: Any = {
    "font.size": 9.5,
    "font.family": "sans-serif",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "axes.unicode_minus": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "counterpoint",
    "svg.image_inline": True,
    "text.parse_math": False,  # names from a run folder may hold dollar signs
    "axes.formatter.limits": (-4, 5),
    "figure.constrained_layout.use": True,
}


def themed(draw: Callable[..., Result]) -> Callable[..., Result]:
    """Run ``draw`` with the common look, leaving matplotlib's settings as they were."""

    @functools.wraps(draw)
    def wrapper(*args: Any, **settings: Any) -> Result:
        import matplotlib

        with matplotlib.rc_context(_THEME), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser's fonts will have it
            return draw(*args, **settings)

    return wrapper


def canvas(
    rows: int = 1, *, height: float = 2.9, width: float = WIDTH, ratios: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """A figure (size in inches) with ``rows`` panels above one another that share the x axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    grid = figure.subplots(
        rows, 1, sharex=rows > 1, squeeze=False, gridspec_kw={"height_ratios": ratios} if ratios else None
    )
    return figure, list(grid[:, 0])


@themed
def to_svg(figure: Figure) -> str:
    """The figure as compact SVG with fixed colours on the report's paper, for any program."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d{3})\d+", r"\1", tag[0]), svg)
    svg = re.sub(r">\s+<", "><", svg)
    return svg.replace("><defs>", f'><rect width="100%" height="100%" fill="{PAPER}"/><defs>', 1)


def for_page(svg: str, prefix: str) -> str:
    """SVG of :func:`to_svg` for a page: colours as the page's CSS variables, as wide as its box, own ids.

    ``prefix`` is put before every id, so that several figures may share one page.
    """
    svg = re.sub(r'<rect width="100%" height="100%" fill="[^"]*"/>', "", svg, count=1)
    svg = re.sub(r' id="', f' id="{prefix}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    head, _, body = svg.partition(">")
    svg = re.sub(r' (height|width)="[^"]*"', "", head) + ">" + body
    for colour, variable in VARIABLE.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg


def logarithmic(axes: Axes) -> None:
    """Make the y axis logarithmic with plain numbers; less than about a decade also shows 2 and 5."""
    axes.set_yscale("log")

    def between(value: float, _: float) -> str:
        low, high = axes.get_ylim()
        digit = round(value / 10 ** np.floor(np.log10(value)))
        return f"{value:g}" if digit in (2, 5) and high < 16 * low else ""

    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(between)


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


def label_ends(
    axes: Axes, ends: Sequence[tuple[float, float, str, str]], *, gap: float = 0.085, leader: bool = False
) -> None:
    """Name lines at the right of the panel, moved apart where names would touch.

    Parameters
    ----------
    ends : (x, y, text, colour) of the last point of each line; one without text or height is left out.
    gap : smallest distance of two names, as a share of the panel's height.
    leader : draw a thin line from the point to its name, for lines that end elsewhere than at the right.
    """
    ends = [end for end in ends if end[2] and np.isfinite(end[1])]
    if not ends:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = [float(to_axes.transform((x, y))[1]) for x, y, _, _ in ends]
    placed = np.clip(spread(heights, gap), -0.05, 1.05) if len(ends) * gap <= 1.1 else spread(heights, gap)
    for (x, y, text, colour), height in zip(ends, placed, strict=True):
        axes.annotate(
            text,
            (1.0, height),
            xycoords="axes fraction",
            xytext=(4, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            ha="left",
            fontsize=9,
        )
        if leader:
            axes.annotate(
                "",
                (x, y),
                (1.0, height),
                xycoords="data",
                textcoords="axes fraction",
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "alpha": 0.7},
            )
