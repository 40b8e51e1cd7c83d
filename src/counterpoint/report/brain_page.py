"""A brain to turn with the mouse: one file with its scripts inside, opened offline, linked from the report."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.core.files import write_atomic
from counterpoint.report import words
from counterpoint.report.brain_map import SurfaceMap, named, surface_map, volume_map
from counterpoint.report.cortex import colours
from counterpoint.report.reading import read
from counterpoint.report.run import Run
from counterpoint.report.style import INK, MUTED

APART = 6.0
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
)
_STYLE = f"""
:root {{ color-scheme: light; }}
body {{ margin: 0; background: #ffffff; color: {INK};
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }}
h1 {{ font-size: 1.2rem; margin: 1rem 1.25rem 0; }}
p {{ margin: .2rem 1.25rem .6rem; color: {MUTED}; max-width: 60rem; }}
.modebar-btn--logo {{ display: none; }}
"""


def write_brain_page(run_folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the map of a brain run as a page in which the brain can be turned, or its slices be leafed through.

    Parameters
    ----------
    run_folder : path
        A run whose ``brain.npz`` holds a map.
    out : path, optional
        The page; ``brain.html`` in the run folder by default.

    Returns
    -------
    Path
        The page: scripts and data inside, nothing to fetch, and a content policy that forbids fetching.

    Raises
    ------
    CounterpointError
        If the folder is no run, the run has no map, or nilearn is not installed.
    """
    run = read(run_folder)
    page = run.folder / "brain.html" if out is None else Path(out)
    surface = surface_map(run)
    if surface is None and volume_map(run) is None:
        raise CounterpointError(
            f"{run.folder} has no map of a brain.",
            "brain.npz with space, map_values and map_index was expected.",
            f"counterpoint evaluate {words.shown_path(run.folder)}",
        )
    html = _volume_page(run) if surface is None else _surface_page(surface)
    return write_atomic(page, _offline(html, run, surface=surface is not None).encode("utf-8", "replace"))


def has_map(run: Run) -> bool:
    """Whether :func:`write_brain_page` has something to show."""
    return surface_map(run) is not None or volume_map(run) is not None


def _plotting() -> Any:
    try:
        from nilearn import plotting
    except ImportError as error:
        raise missing_extra("The interactive brain", "nilearn", "fmri") from error
    return plotting


def _surface_page(found: SurfaceMap) -> str:
    """Both inflated hemispheres side by side, in the colours of the report."""
    plotting = _plotting()
    from nilearn.surface import InMemoryMesh

    points, faces, paint, first = [], [], [], 0
    for side in (0, 1):
        part = found.hemisphere("inflated", side)
        shift = -part.points[:, 0].max() - APART if side == 0 else -part.points[:, 0].min() + APART
        points.append(part.points + np.array([shift, 0, 0]))
        faces.append(part.faces + first)
        paint.append(colours(part, found.values[side], found.of(found.ceiling, side), found.scale))
        first += len(part.points)
    view = plotting.view_surf(
        InMemoryMesh(np.concatenate(points).astype(np.float32), np.concatenate(faces).astype(np.int32)),
        np.nan_to_num(np.concatenate(found.values)),
        cmap=found.scale.colours,
        symmetric_cmap=found.scale.signed,
        vmin=None if found.scale.signed else found.scale.low,
        vmax=found.scale.high,
        colorbar_fontsize=14,
        view="back",
    )
    return _painted(str(view.get_standalone()), np.concatenate(paint))


def _painted(html: str, rgb: np.ndarray) -> str:
    """The page with these vertex colours in place of nilearn's, which know no opacity."""
    found = re.search(r"(surfaceMapInfo\s*=\s*)(\{.*?\})(;?\s*\n)", html)
    if found is None:
        return html
    info = json.loads(found[2])
    steps = (255 * rgb).round().astype(int)
    for name in info:
        if name.startswith("vertexcolor") and len(info[name]) == len(steps):
            info[name] = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in steps]
    return html[: found.start(2)] + json.dumps(info) + html[found.end(2) :]


def _volume_page(run: Run) -> str:
    """Three slices that follow the pointer, over the mean image where there is one."""
    plotting = _plotting()
    from nibabel import Nifti1Image

    shape = tuple(int(side) for side in run.brain["map_shape"])
    grid = np.zeros(int(np.prod(shape)), np.float32)
    grid[run.brain["map_index"].astype(np.int64)] = np.nan_to_num(run.brain["map_values"])
    affine, background = run.brain.get("map_affine"), run.brain.get("map_background")
    matrix = np.eye(4) if affine is None else np.asarray(affine, float)
    behind = None
    if background is not None and background.shape == shape:
        behind = Nifti1Image(np.nan_to_num(background).astype(np.float32), matrix)
    how = volume_map(run)
    assert how is not None
    view = plotting.view_img(
        Nifti1Image(grid.reshape(shape), matrix),
        bg_img=behind,
        cmap=how.scale.colours,
        symmetric_cmap=how.scale.signed,
        vmax=how.scale.high,
        vmin=None if how.scale.signed else 0.0,
        threshold=float(1e-3 * how.scale.high),
        black_bg=False,
        title=None,
    )
    return str(view.get_standalone())


def _offline(html: str, run: Run, *, surface: bool) -> str:
    """The page without its remote icon, with a policy that forbids fetching, and with a heading of its own."""
    html = re.sub(r"<link\b[^>]*>", "", html)
    html = re.sub(r"<title>.*?</title>", "", html, count=1, flags=re.DOTALL)
    name = escape(f"{words.title(run)} ({run.variant}){f' on {run.data_name}' if run.data_name else ''}")
    ceiling = " Pale: low noise ceiling." if surface and "ceiling_values" in run.brain else ""
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{name}</title><style>{_STYLE}</style>"
    )
    use = "Drag to turn, scroll to come closer." if surface else "Click to move the slices."
    text = f"{named(run)}.{ceiling} {use}"
    body = f"<h1>{name}</h1><p>{escape(text)}</p>"
    html = re.sub(r"<head>", lambda found: found[0] + head, html, count=1)
    return re.sub(r"<body[^>]*>", lambda found: found[0] + body, html, count=1)
