"""Ridge regression from responses to picture embeddings, by himalaya: the decoder that stands beside every other."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra

ALPHAS = np.logspace(0, 7, 15)
"""Penalties tried for standardised voxels; himalaya's own default, 0.1 and 1, is far too small for fMRI."""
FOLDS = 5


class RidgeDecoder:
    r"""Linear map from voxels to every entry of the embedding, each entry with its own cross-validated penalty.

    .. math:: \min_W \lVert X W - Y \rVert^2 + \sum_j \alpha_j \lVert W_j \rVert^2

    Solved in the space of the smaller side: primal with more samples than voxels, dual (kernel) otherwise.
    ``himalaya.ridge.RidgeCV`` and ``himalaya.kernel_ridge.KernelRidgeCV``, 5 folds without shuffling.

    Parameters
    ----------
    alphas : sequence of float, optional
        Penalties to choose from; 15 from 1 to 10^7 by default.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, w = rng.normal(size=(80, 5)), rng.normal(size=(5, 3))
    >>> decoder = RidgeDecoder().fit(x, x @ w)
    >>> bool(np.abs(decoder.predict(x) - x @ w).max() < 0.5)
    True
    """

    def __init__(self, alphas: Any = None) -> None:
        self.alphas = ALPHAS if alphas is None else np.asarray(alphas, dtype=float)
        self.model: Any = None

    def fit(self, x: Any, y: Any) -> RidgeDecoder:
        """Choose penalties and fit. ``x (samples, voxels)`` (further axes are flattened), ``y (samples, ...)``."""
        try:
            from himalaya.kernel_ridge import KernelRidgeCV
            from himalaya.ridge import RidgeCV
        except ImportError:
            raise missing_extra("The ridge decoder", "himalaya", "fmri") from None
        x, y = self._flat(x), np.asarray(y, dtype=np.float32)
        self.shape = y.shape[1:]
        if len(x) != len(y) or len(x) < 2 * FOLDS:
            raise CounterpointError(f"{len(x)} responses and {len(y)} targets.",
                                    f"As many of both, {2 * FOLDS} or more, were expected.")
        self.x_mean, self.y_mean = x.mean(0), y.reshape(len(y), -1).mean(0)
        wide = x.shape[1] > x.shape[0]
        made: Any = KernelRidgeCV if wide else RidgeCV
        self.model = made(alphas=self.alphas, cv=FOLDS, **({"kernel": "linear"} if wide else {"fit_intercept": False}))
        self.model.fit(x - self.x_mean, y.reshape(len(y), -1) - self.y_mean)
        return self

    def predict(self, x: Any) -> np.ndarray:
        """``(samples, ...)`` float32 embeddings."""
        if self.model is None:
            raise CounterpointError("This ridge decoder has not been fitted.", "", "RidgeDecoder().fit(x, y)")
        found = np.asarray(self.model.predict(self._flat(x) - self.x_mean)) + self.y_mean
        return found.reshape(len(found), *self.shape).astype(np.float32)

    @property
    def weights(self) -> np.ndarray:
        """``(voxels, entries)`` float32."""
        primal = hasattr(self.model, "coef_")
        found = self.model.coef_ if primal else self.model.get_primal_coef()
        return np.asarray(found, dtype=np.float32)

    @staticmethod
    def _flat(x: Any) -> np.ndarray:
        found = np.asarray(x, dtype=np.float32)
        return found.reshape(len(found), -1)
