"""Means over the vertices or voxels of a parcel."""

from __future__ import annotations

import numpy as np


def parcel_means(values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of ``(frames, voxels)`` over equal labels other than 0: ``(frames, parcels)`` and ``(parcels,)``.

    >>> means, parcels = parcel_means(np.array([[1.0, 3, 5, 9]]), np.array([2, 2, 0, 1]))
    >>> means.tolist(), parcels.tolist()
    ([[9.0, 2.0]], [1, 2])
    """
    parcels = np.unique(labels[labels != 0])
    place = np.searchsorted(parcels, labels[labels != 0])
    weights = np.zeros((int(np.count_nonzero(labels)), len(parcels)))
    weights[np.arange(len(place)), place] = 1.0
    return values[:, labels != 0] @ (weights / weights.sum(axis=0)), parcels
