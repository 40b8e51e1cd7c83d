"""Instance discrimination: each sample is its own class, told apart by a softmax over similarities."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.objectives._checks import check_pairs, check_queue, positive, row_dots, unit
from counterpoint.objectives.kernels import lse_self, weighted_lse
from counterpoint.objectives.masks import PairMask


def nt_xent(z_a: Tensor, z_b: Tensor, *, temperature: float | Tensor = 0.5) -> Tensor:
    r"""SimCLR's loss: each of the 2B rows finds its other view among the 2B - 1 rows that are not itself.

    .. math:: L = \frac{1}{2B} \sum_i \Big[ -s_{ip}/T + \log \sum_{k \neq i} \exp(s_{ik}/T) \Big]

    with unit rows, p the other view of i. Chen et al. 2020, Eq. 1. google-research/simclr adds the two half
    means and so has exactly twice this value; learning rates are tied to that.

    Parameters
    ----------
    z_a, z_b : Tensor
        ``(batch, dim)`` embeddings of two views, row i with row i; normalised inside. B of 2 or more.
    temperature : float or Tensor
        Above 0; a 0-d tensor receives a gradient. 0.5 is the paper's choice for CIFAR-10, 0.1 for ImageNet.

    Returns
    -------
    Tensor
        Scalar. ``ln(2B - 1)`` when all embeddings are equal.

    Raises
    ------
    CounterpointError
        Shapes that differ, fewer than 2 samples, a temperature that is not above 0.

    Examples
    --------
    >>> import torch
    >>> round(float(nt_xent(torch.ones(4, 8), torch.ones(4, 8))), 4)  # ln 7
    1.9459
    """
    check_pairs(z_a=z_a, z_b=z_b, smallest=2)
    scale = 1.0 / positive("temperature", temperature)
    a, b = unit(z_a, z_b)
    lse = lse_self(torch.cat([a, b]), scale=scale, mask=PairMask(diagonals=(0,)))
    return lse.mean() - scale * row_dots(a, b).mean()


def info_nce(query: Tensor, key: Tensor, *, temperature: float | Tensor = 0.1) -> Tensor:
    r"""InfoNCE in one direction: row i of the query finds row i of the key among the batch's keys.

    .. math:: L = \frac1B \sum_i \Big[ -q_i \cdot k_i / T + \log \sum_j \exp(q_i \cdot k_j / T) \Big]

    van den Oord et al. 2018, Eq. 4, with cosine similarity. Both sides receive gradients. Value and gradient
    are made in one sweep over the similarities.

    Parameters
    ----------
    query, key : Tensor
        ``(batch, dim)``, normalised inside. B of 2 or more.
    temperature : float or Tensor
        Above 0; a 0-d tensor receives a gradient.

    Returns
    -------
    Tensor
        Scalar. ``ln B`` when all embeddings are equal.

    Examples
    --------
    >>> import torch
    >>> round(float(info_nce(torch.ones(4, 8), torch.ones(4, 8))), 4)  # ln 4
    1.3863
    """
    check_pairs(query=query, key=key, smallest=2)
    scale = 1.0 / positive("temperature", temperature)
    q, k = unit(query, key)
    return _one_way(q, k, scale=scale)


def info_nce_queue(query: Tensor, key: Tensor, queue: Tensor, *, temperature: float | Tensor = 0.2) -> Tensor:
    r"""MoCo's loss: the query finds its key among the entries of a queue.

    .. math:: L = \frac1B \sum_i
              -\log \frac{\exp(q_i \cdot k_i/T)}{\exp(q_i \cdot k_i/T) + \sum_n \exp(q_i \cdot m_n/T)}

    He et al. 2020, Eq. 1; T = 0.2 is MoCo v2's. Key and queue are constants: only the query learns. Update
    the queue with the keys after the loss.

    Parameters
    ----------
    query, key : Tensor
        ``(batch, dim)``, normalised inside.
    queue : Tensor
        ``(num_entries, dim)`` unit rows, used as they are.
    temperature : float or Tensor
        Above 0; a 0-d tensor receives a gradient.

    Returns
    -------
    Tensor
        Scalar. ``ln(1 + num_entries)`` when all embeddings are equal.

    Examples
    --------
    >>> import torch
    >>> z = torch.eye(4)[:1]
    >>> round(float(info_nce_queue(z, z, z.repeat(9, 1))), 4)  # ln 10
    2.3026
    """
    check_pairs(query=query, key=key)
    check_queue(queue, like=query, name="query")
    scale = 1.0 / positive("temperature", temperature)
    q, k = unit(query, key.detach())
    logit = scale * row_dots(q, k)
    return weighted_lse(q, queue.detach(), scale=scale, extra=logit.unsqueeze(1)) - logit.mean()


def moco_v3_loss(
    query_a: Tensor, query_b: Tensor, key_a: Tensor, key_b: Tensor, *, temperature: float | Tensor = 1.0
) -> Tensor:
    r"""MoCo v3's loss: queries of one view find the momentum keys of the other, both ways.

    .. math:: L = 2T \cdot \mathrm{CE}(q_a k_b^\top / T, \mathrm{diag})
              + 2T \cdot \mathrm{CE}(q_b k_a^\top / T, \mathrm{diag})

    Chen, Xie and He 2021, Algorithm 1; the factor 2T is facebookresearch/moco-v3's. Negatives are the other
    keys only: no query meets a query, nor the key of its own view. Keys are constants.

    Parameters
    ----------
    query_a, query_b : Tensor
        ``(batch, dim)`` predictor outputs of views a and b; normalised inside. B of 2 or more.
    key_a, key_b : Tensor
        ``(batch, dim)`` momentum-encoder outputs of views a and b; normalised inside.
    temperature : float or Tensor
        1.0 for ResNet-50, 0.2 for ViT.

    Returns
    -------
    Tensor
        Scalar. ``4 T ln B`` when all embeddings are equal.

    Examples
    --------
    >>> import torch
    >>> z = torch.ones(4, 8)
    >>> round(float(moco_v3_loss(z, z, z, z)), 4)  # 4 ln 4
    5.5452
    """
    check_pairs(query_a=query_a, query_b=query_b, key_a=key_a, key_b=key_b, smallest=2)
    temperature = positive("temperature", temperature)
    q_a, q_b, k_a, k_b = unit(query_a, query_b, key_a.detach(), key_b.detach())
    scale = 1.0 / temperature
    return 2.0 * temperature * (_one_way(q_a, k_b, scale=scale) + _one_way(q_b, k_a, scale=scale))


def _one_way(query: Tensor, key: Tensor, *, scale: float | Tensor) -> Tensor:
    """Mean cross-entropy of unit rows against the diagonal."""
    return weighted_lse(query, key, scale=scale) - scale * row_dots(query, key).mean()
