"""Two towers, one space: the objectives that align pictures with text (or brains, or sound)."""

from __future__ import annotations

import math

from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives._checks import check_matrix, check_pairs, positive, row_dots, scalar, unit
from counterpoint.objectives.kernels import lse_rows_cols, softmax_mean, softplus_total
from counterpoint.objectives.masks import PairMask


def clip(
    z_a: Tensor, z_b: Tensor, *, temperature: float | Tensor = 0.07, logit_bias: float | Tensor | None = None
) -> Tensor:
    r"""CLIP: row i of one tower finds row i of the other, and the reverse, over one similarity matrix.

    .. math:: L = \tfrac12 \Big[ \tfrac1B \sum_i \big(\log \sum_j e^{l_{ij}} - l_{ii}\big)
              + \tfrac1B \sum_j \big(\log \sum_i e^{l_{ij}} - l_{jj}\big) \Big],
              \qquad l_{ij} = a_i \cdot b_j / T

    Radford et al. 2021, Figure 3; mlfoundations/open_clip ``ClipLoss``.

    Parameters
    ----------
    z_a, z_b : Tensor
        ``(batch, dim)``, normalised inside. B of 2 or more.
    temperature : float or Tensor
        Above 0; a 0-d tensor receives a gradient. Learn its logarithm and clamp 1/T to 1..100 as the authors
        do.
    logit_bias : float or Tensor, optional
        Added to all logits: no effect on a softmax. A tensor gets a gradient of zero, so that a SigLIP model,
        which has one, can be trained further with this loss on several devices.

    Returns
    -------
    Tensor
        Scalar. ``ln B`` when all embeddings are equal.

    Raises
    ------
    CounterpointError
        Shapes that differ, fewer than 2 samples, a temperature that is not above 0.

    Examples
    --------
    >>> import torch
    >>> round(float(clip(torch.ones(4, 8), torch.ones(4, 8))), 4)  # ln 4
    1.3863
    """
    check_pairs(z_a=z_a, z_b=z_b, smallest=2)
    scale = 1.0 / positive("temperature", temperature)
    a, b = unit(z_a, z_b)
    rows, cols = lse_rows_cols(a, b, scale=scale)
    loss = 0.5 * (rows.mean() + cols.mean()) - scale * row_dots(a, b).mean()
    return loss if logit_bias is None else loss + 0.0 * scalar("logit_bias", logit_bias)


def siglip(
    z_a: Tensor,
    z_b: Tensor,
    *,
    temperature: float | Tensor = 0.1,
    bias: float | Tensor | str = -10.0,
    chunk_size: int | None = None,
) -> Tensor:
    r"""SigLIP: each of the B x B pairs is its own yes-or-no question.

    .. math:: L = \tfrac1B \sum_{ij} \log(1 + \exp(-y_{ij} l_{ij})),
              \qquad l_{ij} = a_i \cdot b_j / T + \mathrm{bias}, \quad y_{ij} = \pm 1

    Zhai et al. 2023, Algorithm 1; divided by B, not by B². Value and gradient are made in one sweep over
    tiles.

    Parameters
    ----------
    z_a, z_b : Tensor
        ``(batch, dim)``, normalised inside. B of 2 or more.
    temperature : float or Tensor
        Above 0; a 0-d tensor receives a gradient.
    bias : float, Tensor or "auto"
        -10 is the authors' start, made for batches of some 20,000. ``"auto"`` is ``ln(p / (1 - p))`` with
        p = 1/B, the share of positives. A 0-d tensor receives a gradient.
    chunk_size : int, optional
        Rows per tile; the value does not depend on it. By default what suits the device.

    Returns
    -------
    Tensor
        Scalar. ``B ln 2`` when all embeddings are equal, at the default temperature and bias.

    Raises
    ------
    CounterpointError
        Shapes that differ, fewer than 2 samples, a temperature that is not above 0, an unknown bias, a chunk
        below 1.

    Examples
    --------
    >>> import torch
    >>> round(float(siglip(torch.ones(4, 8), torch.ones(4, 8))), 4)  # 4 ln 2
    2.7726
    """
    check_pairs(z_a=z_a, z_b=z_b, smallest=2)
    scale = 1.0 / positive("temperature", temperature)
    if isinstance(bias, str):
        if bias != "auto":
            raise CounterpointError(f'bias is "{bias}".', 'A number, a 0-d tensor or "auto" was expected.')
        bias = -math.log(len(z_a) - 1)
    bias = scalar("bias", bias)
    if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size < 1):
        raise CounterpointError(f"chunk_size is {chunk_size!r}.", "A number of rows, 1 or more, or None was expected.")
    a, b = unit(z_a, z_b)
    negatives = softplus_total(a, b, scale=scale, bias=bias, mask=PairMask(diagonals=(0,)), chunk_size=chunk_size)
    return (negatives + _softplus(-(scale * row_dots(a, b) + bias)).sum()) / len(a)


def clip_distill(
    z_a: Tensor,
    z_b: Tensor,
    teacher_a: Tensor,
    teacher_b: Tensor,
    *,
    temperature: float | Tensor = 0.07,
    teacher_temperature: float | Tensor = 0.07,
) -> Tensor:
    r"""Two-tower distillation: the student's softmax over the batch follows the teacher's, both ways.

    .. math:: L = \tfrac12 \Big[ \tfrac1B \sum_i \mathrm{CE}(\mathrm{softmax}_j\, l^t_{ij}, l_{ij})
              + \tfrac1B \sum_j \mathrm{CE}(\mathrm{softmax}_i\, l^t_{ij}, l_{ij}) \Big]

    mlfoundations/open_clip ``DistillClipLoss``, the distillation term only. The targets enter through
    teacher-weighted means of the student's rows, so no square matrix is formed.

    Parameters
    ----------
    z_a, z_b : Tensor
        ``(batch, dim)`` of the student, normalised inside. B of 2 or more.
    teacher_a, teacher_b : Tensor
        ``(batch, teacher_dim)``, normalised inside, constants.
    temperature, teacher_temperature : float or Tensor
        Above 0; a 0-d ``temperature`` receives a gradient.

    Returns
    -------
    Tensor
        Scalar. ``ln B`` when the student's embeddings are all equal.

    Examples
    --------
    >>> import torch
    >>> z = torch.ones(4, 8)
    >>> round(float(clip_distill(z, z, torch.eye(4), torch.eye(4))), 4)  # ln 4
    1.3863
    """
    check_pairs(z_a=z_a, z_b=z_b, smallest=2)
    check_pairs(teacher_a=teacher_a, teacher_b=teacher_b, smallest=2)
    check_matrix("teacher_a", teacher_a)
    if len(z_a) != len(teacher_a):
        raise CounterpointError(
            f"The student has {len(z_a)} rows and the teacher {len(teacher_a)}.",
            "Row i of both belongs to sample i.",
        )
    scale = 1.0 / positive("temperature", temperature)
    teacher_scale = 1.0 / positive("teacher_temperature", teacher_temperature)
    if isinstance(teacher_scale, Tensor):
        teacher_scale = teacher_scale.detach()
    a, b = unit(z_a, z_b)
    t_a, t_b = unit(teacher_a.detach(), teacher_b.detach())
    rows, cols = lse_rows_cols(a, b, scale=scale)
    target = row_dots(a, softmax_mean(t_a, t_b, b, scale=teacher_scale)).mean()
    mirrored = row_dots(b, softmax_mean(t_b, t_a, a, scale=teacher_scale)).mean()
    return 0.5 * (rows.mean() + cols.mean() - scale * (target + mirrored))


def _softplus(x: Tensor) -> Tensor:
    """``log(1 + exp(x))`` without the switch to the identity above 20 that torch makes by default."""
    return x.clamp(min=0.0) + (-x.abs()).exp().log1p()
