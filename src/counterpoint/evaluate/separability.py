"""Can a plane tell two modalities apart: the strictest sign of a gap between them."""

from __future__ import annotations

import numpy as np
import torch

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_rows, same_width, unit_rows
from counterpoint.evaluate.probes import linear_probe


def linear_separability(z_a: Array, z_b: Array, *, train_fraction: float = 0.8, seed: int = 0) -> float:
    """Accuracy of a logistic regression that names the modality of held-out unit embeddings: 0.5 is no gap, 1 a gap.

    After Fahim et al. 2024: pairs are split, not rows, so that both members of a pair are on one side. The penalty is
    scikit-learn's default (C = 1).

    Parameters
    ----------
    z_a, z_b : array
        ``(pairs, dim)``, row i with row i; normalised inside.
    train_fraction : float
        Share of pairs the classifier sees, between 0 and 1.
    seed : int
        Of the split.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.random.default_rng(0).normal(size=(100, 8))
    >>> linear_separability(z + 3, z - 3), linear_separability(z, z)
    (1.0, 0.5)
    """
    a, b = as_rows(z_a, "z_a", smallest=2), as_rows(z_b, "z_b", smallest=2)
    same_width("z_a", a, "z_b", b, same_length=True)
    kept = round(train_fraction * len(a))
    if not 0 < kept < len(a):
        raise CounterpointError(f"train_fraction is {train_fraction} of {len(a)} pairs.", "Both parts need a pair.")
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(a))).to(a.device)
    unit_a, unit_b = unit_rows(a), unit_rows(b.to(a))
    parts = [
        (torch.cat([unit_a[rows], unit_b[rows]]), torch.arange(2, device=a.device).repeat_interleave(len(rows)))
        for rows in (order[:kept], order[kept:])
    ]
    return linear_probe(*parts[0], *parts[1], weight_decay=1.0 / (2 * kept), num_classes=2, seed=seed).accuracy
