"""Cortical surfaces as pictures: values per vertex, coloured by value and faded by reliability.

A view is drawn by matplotlib's smooth triangles, back faces left out and the rest painted from far to near, into
one transparent picture that stands on a light and on a dark page alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

GYRUS, SULCUS = 0.82, 0.68
BORDER = (0.12, 0.14, 0.18)
_AXES = {  # view: (right, up, towards the camera) as signed axes of (x, y, z) millimetres
    "left lateral": (-2, 3, -1),
    "left medial": (2, 3, 1),
    "right lateral": (2, 3, 1),
    "right medial": (-2, 3, -1),
    "left below": (-2, -1, -3),
    "right below": (2, 1, -3),
    "flat": (1, 2, 3),
}


@dataclass(frozen=True)
class Hemisphere:
    """One hemisphere: ``points (n, 3)``, ``faces (m, 3)`` and its depth of folding ``sulcus (n,)``."""

    points: np.ndarray
    faces: np.ndarray
    sulcus: np.ndarray


@dataclass(frozen=True)
class Scale:
    """How values become colours: ``low`` to ``high`` along ``colours``; ``full`` is the ceiling of full colour."""

    low: float
    high: float
    full: float
    colours: Colormap

    @property
    def signed(self) -> bool:
        """Whether values lie on both sides of zero."""
        return self.low < 0

    def share(self, values: np.ndarray) -> np.ndarray:
        """Values as 0..1 between the ends."""
        return np.clip((np.nan_to_num(values) - self.low) / max(self.high - self.low, 1e-12), 0, 1)

    def opacity(self, values: np.ndarray, ceiling: np.ndarray | None) -> np.ndarray:
        """0 where there is no value, else 1, or the share of ``full`` that the ceiling reaches."""
        here = np.isfinite(values).astype(float)
        if ceiling is None or not self.full:
            return here
        return here * np.clip(np.nan_to_num(ceiling) / self.full, 0, 1)


@cache
def hemisphere(space: str, kind: str, side: str) -> Hemisphere:
    """A hemisphere (``side`` "left" or "right") of a template as ``kind`` "inflated" or "flat", offline."""
    from counterpoint.brain.surface import mesh, sulcal_depth

    template = "fsaverage5" if space == "fsaverage" else space
    found = mesh(template, kind, hemisphere=side)
    size = len(found.coordinates)
    depth = sulcal_depth(template)[:size] if side == "left" else sulcal_depth(template)[size:]
    part = Hemisphere(found.coordinates.astype(float), found.faces, depth.astype(float))
    return _turned(part, hemisphere(space, "inflated", side), side) if kind == "flat" else part


def _turned(flat: Hemisphere, folded: Hemisphere, side: str) -> Hemisphere:
    """The flat map turned so that the back of the head lies towards the middle of the page."""
    used = np.unique(flat.faces)
    plane = flat.points[used, :2] - flat.points[used, :2].mean(axis=0)
    forward = folded.points[used, 1] - folded.points[used, 1].mean()
    slope = np.linalg.lstsq(plane, forward, rcond=None)[0]
    along = slope / max(float(np.linalg.norm(slope)), 1e-12) * (-1 if side == "left" else 1)
    points = np.zeros_like(flat.points)
    centred = flat.points[:, :2] - flat.points[used, :2].mean(axis=0)
    points[:, 0], points[:, 1] = centred @ along, centred @ np.array([-along[1], along[0]])
    return Hemisphere(points, flat.faces, flat.sulcus)


def scale(values: np.ndarray, ceiling: np.ndarray | None = None) -> Scale:
    """Ends that hold 99 % of the values: from zero, or symmetric about it where some clearly lie below."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    known = values[np.isfinite(values)]
    high = float(np.quantile(known, 0.995)) if known.size else 1.0
    low = float(np.quantile(known, 0.005)) if known.size else 0.0
    full = 0.0
    if ceiling is not None and np.isfinite(ceiling).any():
        full = float(np.quantile(ceiling[np.isfinite(ceiling)], 0.9))
    if low < -0.15 * abs(high):
        end = max(-low, high, 1e-12)
        return Scale(-end, end, full, colormaps["RdBu_r"])
    base = colormaps["inferno"](np.linspace(0.18, 0.95, 256))
    return Scale(0.0, high if high > 0 else 1.0, full, ListedColormap(base))


def colours(part: Hemisphere, values: np.ndarray, ceiling: np.ndarray | None, how: Scale) -> np.ndarray:
    """``(n, 3)`` colours of the vertices: grey cortex, covered by the value's colour as far as it is reliable."""
    depth = np.nan_to_num(part.sulcus)
    steps = np.clip((depth - depth.mean()) / max(2 * depth.std(), 1e-9) + 0.5, 0, 1)
    grey = (GYRUS + (SULCUS - GYRUS) * steps)[:, None].repeat(3, axis=1)
    cover = how.opacity(values, ceiling)[:, None]
    return grey * (1 - cover) + how.colours(how.share(values))[:, :3] * cover


def picture(
    part: Hemisphere, rgb: np.ndarray, view: str, *, labels: np.ndarray | None = None, detail: float = 2.5
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """One view as RGBA uint8, transparent outside the brain.

    Parameters
    ----------
    part : Hemisphere
    rgb : numpy.ndarray
        ``(n, 3)`` colours of the vertices.
    view : "flat", or "left" or "right" with "lateral", "medial" or "below"
    labels : numpy.ndarray, optional
        ``(n,)`` whole numbers, 0 for none: borders are drawn where neighbours differ.
    detail : float
        Pixels per millimetre.

    Returns
    -------
    numpy.ndarray, tuple of float
        ``(height, width, 4)`` and the picture's left, right, bottom and top in millimetres.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    turned = np.stack([np.sign(axis) * part.points[:, abs(axis) - 1] for axis in _AXES[view]], axis=1)
    faces = part.faces
    if view != "flat":
        faces, rgb = _visible(turned, faces, rgb)
    used = turned[np.unique(faces), :2]
    (left, bottom), (right, top) = used.min(axis=0), used.max(axis=0)
    across, up = (max(round(detail * span), 1) for span in (right - left, top - bottom))
    figure = Figure(figsize=(across / 50, up / 50), dpi=100)  # twice the size, averaged below
    figure.set_layout_engine("none")
    canvas = FigureCanvasAgg(figure)
    figure.patch.set_alpha(0)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(left, right), ylim=(bottom, top))
    _paint(axes, turned, faces, rgb)
    if labels is not None:
        _borders(axes, turned, faces, labels)
    canvas.draw()
    return _halved(np.asarray(canvas.buffer_rgba())), (float(left), float(right), float(bottom), float(top))


def _visible(turned: np.ndarray, faces: np.ndarray, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces towards the camera from far to near, and colours with a little light from the camera."""
    corners = turned[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = np.zeros_like(turned)
    for corner in range(3):
        np.add.at(outward, faces[:, corner], normal)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-12)
    if (outward * (turned - turned.mean(axis=0))).sum() < 0:  # corners listed clockwise
        outward, normal = -outward, -normal
    light = 0.62 + 0.38 * np.clip(outward[:, 2], 0, 1)
    front = normal[:, 2] > 0
    order = np.argsort(corners[front, :, 2].mean(axis=1))
    return faces[front][order], np.clip(rgb * light[:, None], 0, 1)


def _paint(axes: Any, turned: np.ndarray, faces: np.ndarray, rgb: np.ndarray) -> None:
    from matplotlib.collections import TriMesh
    from matplotlib.tri import Triangulation

    mesh = TriMesh(Triangulation(turned[:, 0], turned[:, 1], faces))
    mesh.set_facecolor(np.c_[rgb, np.ones(len(rgb))])
    axes.add_collection(mesh, autolim=False)


def _borders(axes: Any, turned: np.ndarray, faces: np.ndarray, labels: np.ndarray) -> None:
    """Lines through the middle of edges whose ends bear different labels."""
    from matplotlib.collections import LineCollection

    corners, marks = turned[faces][:, :, :2], labels[faces]
    halves, centre = (corners + np.roll(corners, -1, axis=1)) / 2, corners.mean(axis=1)
    differ = (marks != np.roll(marks, -1, axis=1)) & (np.maximum(marks, np.roll(marks, -1, axis=1)) > 0)
    segments = [np.stack([halves[differ[:, edge], edge], centre[differ[:, edge]]], axis=1) for edge in range(3)]
    lines: Any = np.concatenate(segments)
    axes.add_collection(LineCollection(lines, colors=[BORDER], linewidths=1.3, alpha=0.75), autolim=False)


def _halved(image: np.ndarray) -> np.ndarray:
    """Blocks of 2 x 2 pixels averaged, colours weighted by their opacity."""
    height, width = (side // 2 * 2 for side in image.shape[:2])
    blocks = image[:height, :width].reshape(height // 2, 2, width // 2, 2, 4).astype(np.float32)
    alpha = blocks[..., 3:]
    colour = (blocks[..., :3] * alpha).sum(axis=(1, 3)) / np.maximum(alpha.sum(axis=(1, 3)), 1)
    return np.concatenate([colour, alpha.mean(axis=(1, 3))], axis=-1).round().astype(np.uint8)
