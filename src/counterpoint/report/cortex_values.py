"""Values on the vertices of a cortex: put in place, and spread where they sit on scattered vertices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from counterpoint.report.cortex import Hemisphere

SURFACES = {"fsaverage5": 10_242, "fsaverage": 163_842, "fsLR32k": 32_492}


def spread_out(values: Any, index: Any, space: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of listed vertices as one array for each hemisphere, NaN elsewhere.

    ``index`` counts vertices through both hemispheres, the left one first. Of the 163,842 vertices of a full
    fsaverage hemisphere the first 10,242, which are those of fsaverage5, are kept. A vertex named twice gets the
    mean.
    """
    size, rows = SURFACES[space], np.asarray(index, dtype=np.int64)
    known = np.asarray(values, dtype=float)
    if len(known) != len(rows) or (len(rows) and not 0 <= rows.min() <= rows.max() < 2 * size):
        raise ValueError(f"{len(known)} values for {len(rows)} vertices of {space}")
    rows, known = rows[np.isfinite(known)], known[np.isfinite(known)]
    counts = np.bincount(rows, minlength=2 * size)
    sums = np.bincount(rows, weights=known, minlength=2 * size)
    whole = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    shown = SURFACES["fsaverage5"] if space == "fsaverage" else size
    return whole[:shown], whole[size : size + shown]


def filled(
    part: Hemisphere, values: np.ndarray, *, others: np.ndarray | None = None, widest: float = 12.0
) -> tuple[np.ndarray, np.ndarray | None, float]:
    """Values that sit on scattered vertices, spread to the vertices between them.

    Where known vertices lie farther apart than the mesh is fine, a vertex takes the mean of its four nearest known
    ones (weights fall with distance) if the nearest is within twice their usual distance.

    Parameters
    ----------
    part : Hemisphere
        In millimetres on the inflated surface.
    values, others : numpy.ndarray
        ``(n,)``, NaN where nothing is known; ``others`` is spread in the same way.
    widest : float
        Largest reach in millimetres.

    Returns
    -------
    tuple
        Both arrays, and the reach in millimetres: 0 where nothing had to be spread.
    """
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 8:
        return values, others, 0.0
    from scipy.spatial import cKDTree

    tree = cKDTree(part.points[known])
    between = float(np.median(tree.query(part.points[known], k=2)[0][:, 1]))
    edges = np.linalg.norm(part.points[part.faces[:, 0]] - part.points[part.faces[:, 1]], axis=1)
    if between < 1.8 * float(np.median(edges)):
        return values, others, 0.0
    reach = min(2 * between, widest)
    distance, nearest = tree.query(part.points, k=4)
    weight = np.exp(-((distance / reach) ** 2) * 2)
    near = distance[:, 0] <= reach

    def spread(array: np.ndarray) -> np.ndarray:
        found = array[known][nearest]
        share = weight * np.isfinite(found)
        mean = (np.nan_to_num(found) * share).sum(axis=1) / np.maximum(share.sum(axis=1), 1e-12)
        return np.where(near & (share.sum(axis=1) > 0), mean, np.nan)

    return spread(values), None if others is None else spread(others), reach
