"""Decoupled contrastive learning: InfoNCE without the positive in the denominator."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.objectives._checks import check_pairs, check_queue, positive, row_dots, unit
from counterpoint.objectives.kernels import lse_self, weighted_lse
from counterpoint.objectives.masks import PairMask


def dcl_loss(z_a: Tensor, z_b: Tensor, *, temperature: float | Tensor = 0.1, queue: Tensor | None = None) -> Tensor:
    r"""DCL: SimCLR's loss with the positive taken out of the sum.

    .. math:: L_i = -s_{ip}/T + \log \sum_{k \neq i, p} \exp(s_{ik}/T), \qquad L = \frac{1}{2N} \sum_i L_i

    Yeh et al. 2022 (ECCV), Eq. 6. The gradient of InfoNCE for one anchor is that of DCL times
    :math:`q_B = 1 -` the softmax probability of the positive, which vanishes when the batch is small and the
    positive easy; DCL has no such factor. The value may be negative and grows with the batch.

    Parameters
    ----------
    z_a, z_b : Tensor
        ``(batch, dim)`` embeddings of two views; normalised inside. 2 samples or more (1 or more with a
        queue).
    temperature : float or Tensor
        Above 0; a 0-d tensor receives a gradient.
    queue : Tensor, optional
        ``(num_entries, dim)`` unit rows. Given, the loss takes MoCo's form: ``z_a`` is the query, ``z_b`` its
        key (a constant), the sum runs over the queue alone and there is one direction.

    Returns
    -------
    Tensor
        Scalar. ``ln(2N - 2)`` when all embeddings are equal (``ln(num_entries)`` with a queue).

    Raises
    ------
    CounterpointError
        Shapes that differ, fewer than 2 samples, a temperature that is not above 0, a queue of another width.

    Examples
    --------
    >>> import torch
    >>> round(float(dcl_loss(torch.ones(4, 8), torch.ones(4, 8))), 4)  # ln 6 - the positive, 1/T, cancels
    1.7918
    """
    return _decoupled(z_a, z_b, temperature=temperature, queue=queue, sigma=None, detach_weights=True)


def dclw_loss(
    z_a: Tensor,
    z_b: Tensor,
    *,
    temperature: float | Tensor = 0.1,
    sigma: float | Tensor = 0.5,
    detach_weights: bool = True,
    queue: Tensor | None = None,
) -> Tensor:
    r"""DCL with the positive term weighted: pairs that are already close pull less.

    .. math:: w_i = 2 - N \, \mathrm{softmax}_i\big( s(z_i^{(1)}, z_i^{(2)}) / \sigma \big), \qquad
              L_i = -w_i s_{ip}/T + \log \sum_{k \neq i, p} \exp(s_{ik}/T)

    Yeh et al. 2022, Eq. 7 (negative von Mises-Fisher weighting). The softmax runs over the batch: weights
    average to 1 and may be negative, which pushes clearly closer pairs apart.

    Parameters
    ----------
    z_a, z_b, temperature, queue
        As in :func:`dcl_loss`.
    sigma : float or Tensor
        Width of the weighting, above 0.
    detach_weights : bool
        The weights are constants (lightly-ai/lightly). False lets the gradient through them
        (raminnakhli/Decoupled-Contrastive-Learning); the paper does not say.

    Returns
    -------
    Tensor
        Scalar. ``ln(2N - 2)`` when all embeddings are equal.

    Examples
    --------
    >>> import torch
    >>> round(float(dclw_loss(torch.ones(4, 8), torch.ones(4, 8))), 4)
    1.7918
    """
    return _decoupled(
        z_a,
        z_b,
        temperature=temperature,
        queue=queue,
        sigma=positive("sigma", sigma),
        detach_weights=detach_weights,
    )


def _decoupled(
    z_a: Tensor,
    z_b: Tensor,
    *,
    temperature: float | Tensor,
    queue: Tensor | None,
    sigma: float | Tensor | None,
    detach_weights: bool,
) -> Tensor:
    check_pairs(z_a=z_a, z_b=z_b, smallest=2 if queue is None else 1)
    scale = 1.0 / positive("temperature", temperature)
    a, b = unit(z_a, z_b if queue is None else z_b.detach())
    similarity = row_dots(a, b)
    pull = similarity
    if sigma is not None:
        weights = 2.0 - len(a) * torch.softmax(similarity / sigma, 0)
        pull = similarity * (weights.detach() if detach_weights else weights)
    if queue is None:
        spread = lse_self(torch.cat([a, b]), scale=scale, mask=PairMask(diagonals=(0, len(a)))).mean()
    else:
        check_queue(queue, like=z_a, name="z_a")
        spread = weighted_lse(a, queue.detach(), scale=scale)
    return spread - scale * pull.mean()
