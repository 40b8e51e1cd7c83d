"""Losses that predict one view from another and need no negatives."""

from __future__ import annotations

from torch import Tensor

from counterpoint.objectives._checks import check_pairs, row_dots, unit


def simsiam_loss(p_a: Tensor, p_b: Tensor, z_a: Tensor, z_b: Tensor) -> Tensor:
    r"""SimSiam: the predictor's output of one view agrees with the other view's projection, a constant.

    .. math:: L = -\tfrac12 \big[ \overline{\cos(p_a, \mathrm{sg}\, z_b)}
              + \overline{\cos(p_b, \mathrm{sg}\, z_a)} \big]

    Chen and He 2021, Eq. 2; facebookresearch/simsiam. Stays above -1 while learning: -1 within an epoch is
    collapse.

    Parameters
    ----------
    p_a, p_b : Tensor
        ``(batch, dim)`` predictor outputs of views a and b; normalised inside.
    z_a, z_b : Tensor
        ``(batch, dim)`` projections of views a and b; crossed and detached here.

    Returns
    -------
    Tensor
        Scalar in -1..1.

    Examples
    --------
    >>> import torch
    >>> z = torch.eye(4)
    >>> float(simsiam_loss(z, z, z, z))
    -1.0
    """
    check_pairs(p_a=p_a, p_b=p_b, z_a=z_a, z_b=z_b)
    p_a, p_b, z_a, z_b = unit(p_a, p_b, z_a.detach(), z_b.detach())
    return -0.5 * (row_dots(p_a, z_b).mean() + row_dots(p_b, z_a).mean())


def byol_loss(p_a: Tensor, p_b: Tensor, target_a: Tensor, target_b: Tensor) -> Tensor:
    r"""BYOL: squared distance between unit predictions of one view and unit targets of the other, both ways.

    .. math:: L = \overline{\|p_a - t_b\|^2} + \overline{\|p_b - t_a\|^2}

    Grill et al. 2020, Eq. 2 and its symmetric form (a sum, not a mean of the two).

    Parameters
    ----------
    p_a, p_b : Tensor
        ``(batch, dim)`` predictor outputs of views a and b; normalised inside.
    target_a, target_b : Tensor
        ``(batch, dim)`` outputs of the momentum network for views a and b; crossed and detached here.

    Returns
    -------
    Tensor
        Scalar in 0..8.

    Examples
    --------
    >>> import torch
    >>> z = torch.eye(4)
    >>> float(byol_loss(z, z, -z, -z))
    8.0
    """
    check_pairs(p_a=p_a, p_b=p_b, target_a=target_a, target_b=target_b)
    p_a, p_b, t_a, t_b = unit(p_a, p_b, target_a.detach(), target_b.detach())
    return (p_a - t_b).square().sum(1).mean() + (p_b - t_a).square().sum(1).mean()
