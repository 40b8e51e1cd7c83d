"""Losses on the correlation of embedding dimensions instead of samples."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.objectives._checks import check_pairs, scalar
from counterpoint.objectives._tiles import compute_dtype

EPSILON = 1e-5  # of the authors' BatchNorm; part of the value


def barlow_twins_loss(z_a: Tensor, z_b: Tensor, *, lambd: float | Tensor = 0.0051) -> Tensor:
    r"""Barlow Twins: the cross-correlation of two views' dimensions is drawn to the identity.

    .. math:: L = \sum_l (C_{ll} - 1)^2 + \lambda \sum_{l \neq m} C_{lm}^2, \qquad C = S(z_a)^\top S(z_b) / B

    with S: subtract the batch mean, divide by the root of the biased variance + 1e-5. Zbontar et al. 2021,
    Eq. 1-2; a sum, not a mean: lambda must grow when the projector shrinks. When the batch is smaller than
    the embedding the sum of all squares is taken over two batch x batch matrices, so no dim x dim matrix is
    formed.

    Parameters
    ----------
    z_a, z_b : Tensor
        ``(batch, dim)``, not normalised. 2 samples or more.
    lambd : float or Tensor
        Weight of the redundancy term.

    Returns
    -------
    Tensor
        Scalar, 0 or above.

    Examples
    --------
    >>> import torch
    >>> z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> round(float(barlow_twins_loss(z, z)), 4)
    0.0
    """
    check_pairs(z_a=z_a, z_b=z_b, smallest=2)
    lambd, dtype = scalar("lambd", lambd), compute_dtype(z_a, z_b)
    with torch.autocast(z_a.device.type, enabled=False):
        a, b = _standardised(z_a.to(dtype)), _standardised(z_b.to(dtype))
        batch, dim = a.shape
        diagonal = (a * b).sum(0) / batch
        if batch < dim:
            squares = ((a @ a.T) * (b @ b.T)).sum() / batch**2
        else:
            squares = (a.T @ b).div(batch).square().sum()
        return (diagonal - 1.0).square().sum() + lambd * (squares - diagonal.square().sum())


def _standardised(z: Tensor) -> Tensor:
    """Columns with mean 0 and (biased) variance 1."""
    centred = z - z.mean(0)
    return centred * torch.rsqrt(centred.square().mean(0) + EPSILON)
