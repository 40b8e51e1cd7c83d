"""Contrastive losses that know the labels."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives._checks import check_batch, check_matrix, positive, row_dots, unit
from counterpoint.objectives.kernels import lse_self
from counterpoint.objectives.masks import PairMask


def sup_con_loss(
    views: Tensor, labels: Tensor, *, temperature: float | Tensor = 0.07, base_temperature: float = 0.07
) -> Tensor:
    r"""Supervised contrastive loss: all samples of one class, in any view, are each other's positives.

    .. math:: L = -\frac{T}{T_b} \frac{1}{VB} \sum_{i:\, P(i) \neq \emptyset}
              \frac{1}{|P(i)|} \sum_{p \in P(i)}
              \Big[ s_{ip}/T - \log \sum_{k \neq i} \exp(s_{ik}/T) \Big]

    Khosla et al. 2020, Eq. 2 (L_out), with the scale T / T_b of HobbitLong/SupContrast. An anchor without a
    positive contributes no term but stays in the divisor VB, as there; :func:`count_lonely_anchors` counts
    them. The sum over positives is taken through class sums, so it costs no square matrix.

    Parameters
    ----------
    views : Tensor
        ``(num_views, batch, dim)``, normalised inside.
    labels : Tensor
        ``(batch,)`` integers, shared by the views.
    temperature : float or Tensor
        Above 0; a 0-d tensor receives a gradient.
    base_temperature : float
        Scales the loss, nothing else.

    Returns
    -------
    Tensor
        Scalar. ``(T / T_b) ln(VB - 1)`` when all embeddings are equal and every anchor has a positive.

    Raises
    ------
    CounterpointError
        Shapes that do not fit, or not one anchor with a positive.

    Examples
    --------
    >>> import torch
    >>> round(float(sup_con_loss(torch.ones(2, 3, 4), torch.tensor([0, 0, 1]))), 4)  # ln 5
    1.6094
    """
    num_views, batch = _check_views(views, labels)
    temperature, base = positive("temperature", temperature), positive("base_temperature", base_temperature)
    group, count = _groups(labels)
    positives = count[group] * num_views - 1
    if num_views == 1 and not bool((positives > 0).any()):
        raise CounterpointError(
            f"None of the {batch} anchors has a positive: one view, all labels differ.",
            "At least two samples of one class, or two views, are needed.",
        )
    (rows,) = unit(views.reshape(num_views * batch, -1))
    groups = group.repeat(num_views)
    class_sums = torch.zeros_like(rows[:batch]).index_add(0, groups, rows)
    inside = row_dots(rows, class_sums[groups]) - row_dots(rows, rows)
    positives = positives.repeat(num_views)
    mean_positive = inside / positives.clamp(min=1)
    lse = lse_self(rows, scale=1.0 / temperature, mask=PairMask(diagonals=(0,)))
    terms = torch.where(positives > 0, lse - mean_positive / temperature, 0.0)
    return temperature / base * terms.mean()


def count_lonely_anchors(labels: Tensor, num_views: int = 1) -> int:
    """How many of the ``num_views * batch`` anchors have no positive; :func:`sup_con_loss` gets no term of them.

    >>> import torch
    >>> count_lonely_anchors(torch.tensor([0, 0, 1, 2]))
    2
    >>> count_lonely_anchors(torch.tensor([0, 0, 1, 2]), num_views=2)  # the other view is a positive
    0
    """
    if labels.ndim != 1 or num_views < 1:
        raise CounterpointError(
            f"labels have shape {tuple(labels.shape)}, num_views is {num_views}.",
            "(batch,) and 1 or more were expected.",
        )
    return 0 if num_views > 1 else int((labels.unique(return_counts=True)[1] == 1).sum())


def _check_views(views: Tensor, labels: Tensor) -> tuple[int, int]:
    check_matrix("views", views, dims=3, form="(num_views, batch, dim)")
    num_views, batch = views.shape[:2]
    if not isinstance(labels, Tensor) or tuple(labels.shape) != (batch,) or labels.device != views.device:
        got = f"{tuple(labels.shape)} on {labels.device}" if isinstance(labels, Tensor) else type(labels).__name__
        raise CounterpointError(
            f"labels are {got}, views {tuple(views.shape)} on {views.device}.",
            f"labels must be a tensor ({batch},) on the same device.",
        )
    check_batch(num_views * batch, 2)
    return num_views, batch


def _groups(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Dense class numbers ``(batch,)`` and how many samples each has ``(batch,)``; no copy to the host."""
    ordered, order = torch.sort(labels)
    steps = torch.zeros_like(order)
    steps[1:] = torch.cumsum(ordered[1:] != ordered[:-1], 0)
    group = torch.empty_like(order).scatter_(0, order, steps)
    return group, torch.zeros_like(order).scatter_add_(0, group, torch.ones_like(order))
