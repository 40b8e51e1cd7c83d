"""Negative-positive coupling: how much of InfoNCE's gradient its own positive takes away."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_rows, same_width, unit_rows
from counterpoint.objectives.kernels import lse_self
from counterpoint.objectives.masks import PairMask


def npc_multiplier(z_a: Array, z_b: Array, *, temperature: float = 0.1) -> Tensor:
    r"""The factor ``q_B`` in front of every gradient of InfoNCE, one per anchor: near 0, learning stalls.

    .. math:: q_{B,i} = 1 - \frac{\exp(s_i^+/T)}{\exp(s_i^+/T) + \sum_{j} \exp(s_{ij}/T)}

    over the 2(N - 1) negatives of both views. Decoupled Contrastive Learning, Yeh et al. 2022, section 3: the
    gradient of InfoNCE is ``q_B`` times that of DCL.

    Parameters
    ----------
    z_a, z_b : array
        ``(batch, dim)`` embeddings of two views, row i with row i; normalised inside. 2 rows or more.
    temperature : float
        Above 0.

    Returns
    -------
    Tensor
        ``(2 * batch,)`` values in (0, 1), anchors of view a first.

    Examples
    --------
    >>> import torch
    >>> npc_multiplier(torch.ones(2, 3), torch.ones(2, 3))  # two negatives as near as the positive
    tensor([0.6667, 0.6667, 0.6667, 0.6667])
    """
    a, b = as_rows(z_a, "z_a", smallest=2), as_rows(z_b, "z_b", smallest=2)
    same_width("z_a", a, "z_b", b, same_length=True)
    if not temperature > 0:
        raise CounterpointError(f"temperature is {temperature}.", "It must be above 0.")
    a, b = unit_rows(a), unit_rows(b)
    scale = 1.0 / temperature
    negatives = lse_self(torch.cat([a, b]), scale=scale, mask=PairMask(diagonals=(0, len(a))))
    positives = scale * torch.linalg.vecdot(a, b)
    return torch.sigmoid(negatives - torch.cat([positives, positives]))
