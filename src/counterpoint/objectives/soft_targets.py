"""Brain to picture with soft targets: mixed samples first, then the pictures' own likeness as the target."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives._checks import check_matrix, check_pairs, positive, row_dots, unit
from counterpoint.objectives.kernels import lse_rows_cols


def bimixco(
    z_a: Tensor,
    z_b: Tensor,
    permutation: Tensor | None = None,
    betas: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.006,
) -> Tensor:
    r"""BiMixCo: brain i, mixed from samples i and k_i, finds both pictures, and each picture finds its brains.

    .. math:: L = -\frac{1}{2B} \sum_{ij} Q_{ij} \Big[ \log \operatorname{softmax}_j(S)_{ij}
              + \log \operatorname{softmax}_i(S)_{ij} \Big], \qquad
              Q_{ij} = \beta_i [i = j] + (1 - \beta_i) [j = k_i]

    with :math:`S_{ij} = a_i \cdot b_j / T` of flattened unit vectors. Scotti et al. 2023 (MindEye), section
    3.2. Without mixing it is the symmetric InfoNCE of :func:`~counterpoint.objectives.clip`. Where
    :math:`k_i = i` the two weights add up to 1; MedARC-AI/fMRI-reconstruction-NSD writes the second over the
    first there, which takes such a sample's weight away. Q has at most two entries in a row, so no matrix of
    targets is formed.

    Parameters
    ----------
    z_a : Tensor
        ``(batch, dim)`` or ``(batch, tokens, dim)`` of the (mixed) brain responses; tokens are laid side by
        side, then each sample is normalised. B of 2 or more.
    z_b : Tensor
        The same shape, of the pictures as they were before mixing. Receives a gradient too.
    permutation : Tensor, optional
        ``(batch,)`` integers: sample i was mixed with sample ``permutation[i]``. Given with ``betas``.
    betas : Tensor, optional
        ``(batch,)`` in 0..1: the share of sample i in its own mixture; 1 where it was not mixed.
    temperature : float or Tensor
        Above 0; a 0-d tensor receives a gradient. 0.006 needs float32 at least, which the work is done in.

    Returns
    -------
    Tensor
        Scalar. ``ln B`` when all embeddings are equal.

    Raises
    ------
    CounterpointError
        Shapes that differ, fewer than 2 samples, one of ``permutation`` and ``betas`` without the other, or
        values in them that make no mixture.

    Examples
    --------
    >>> import torch
    >>> round(float(bimixco(torch.ones(4, 2, 8), torch.ones(4, 2, 8))), 4)  # ln 4
    1.3863
    """
    flat_a, flat_b = _flat(z_a=z_a, z_b=z_b)
    scale = 1.0 / positive("temperature", temperature)
    a, b = unit(flat_a, flat_b)
    rows, cols = lse_rows_cols(a, b, scale=scale)
    with torch.autocast(a.device.type, enabled=False):  # which would take the products in half precision
        own = row_dots(a, b)
        if permutation is None and betas is None:
            return 0.5 * (rows.mean() + cols.mean()) - scale * own.mean()
        partner, share = _mixture(permutation, betas, like=a)
        found = share * own + (1.0 - share) * row_dots(a, b[partner])
        weight = share.index_add(0, partner, 1.0 - share)  # how much of picture j there is among the brains
        return 0.5 * (rows.mean() + (weight * cols).mean()) - scale * found.mean()


def soft_clip(z_a: Tensor, z_b: Tensor, *, temperature: float | Tensor = 0.004) -> Tensor:
    r"""SoftCLIP: brain i finds each picture as much as picture i is like it.

    .. math:: L = -\frac{1}{2B} \sum_{ij} W_{ij} \Big[ \log \operatorname{softmax}_j(S)_{ij}
              + \log \operatorname{softmax}_j(S^\top)_{ij} \Big], \qquad
              W_{ij} = \operatorname{softmax}_j(b_i \cdot b_j / T)

    with :math:`S_{ij} = a_i \cdot b_j / T` of flattened unit vectors. Scotti et al. 2023 (MindEye), section
    3.2; one temperature for target and prediction. Pictures that are alike share their weight, and the loss is
    at rest where ``z_a`` equals ``z_b``.

    Parameters
    ----------
    z_a : Tensor
        ``(batch, dim)`` or ``(batch, tokens, dim)`` of the brain responses, flattened and normalised inside.
        B of 2 or more.
    z_b : Tensor
        The same shape, of a frozen picture encoder: no gradient goes through it.
    temperature : float or Tensor
        Above 0; a 0-d tensor receives the gradient of the prediction's, not of the target's softmax. MindEye
        raises it from 0.004 to 0.0075.

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
    >>> round(float(soft_clip(torch.eye(4), torch.eye(4))), 4)
    0.0
    >>> round(float(soft_clip(torch.ones(4, 8), torch.ones(4, 8))), 4)  # ln 4
    1.3863
    """
    flat_a, flat_b = _flat(z_a=z_a, z_b=z_b.detach() if isinstance(z_b, Tensor) else z_b)
    return _two_way(*unit(flat_a, flat_b, flat_b), temperature=temperature)


def soft_contrastive_distillation(
    z_student: Tensor, z_teacher: Tensor, z_teacher_aug: Tensor, *, temperature: float | Tensor = 0.075
) -> Tensor:
    r"""The student finds a teacher's rows of another view as that teacher's own rows do, both ways.

    .. math:: L = -\tfrac12 \Big[ \tfrac1n \sum_{ij} \operatorname{softmax}_j(T_i A_j / \tau)
              \log \operatorname{softmax}_j(P_i A_j / \tau)
              + \tfrac1n \sum_{ij} \operatorname{softmax}_j(A_i T_j / \tau)
              \log \operatorname{softmax}_j(A_i P_j / \tau) \Big]

    Scotti et al. 2023 (MindEye), auxiliary loss of the low-level branch; P student, T teacher, A teacher on an
    augmented picture. MindEye2 sets the temperature to 0.2.

    Parameters
    ----------
    z_student, z_teacher, z_teacher_aug : Tensor
        ``(n, dim)``, normalised inside; row i of all belongs to the same place of the same picture. Only the
        student receives a gradient. n of 2 or more.
    temperature : float or Tensor
        Above 0; a 0-d tensor receives the gradient of the student's softmax.

    Returns
    -------
    Tensor
        Scalar. ``ln n`` when all rows are equal.

    Raises
    ------
    CounterpointError
        Shapes that differ, fewer than 2 rows, a temperature that is not above 0.

    Examples
    --------
    >>> import torch
    >>> z = torch.ones(4, 5)
    >>> round(float(soft_contrastive_distillation(z, z, z)), 4)  # ln 4
    1.3863
    """
    check_pairs(z_student=z_student, z_teacher=z_teacher, z_teacher_aug=z_teacher_aug, smallest=2)
    rows = unit(z_student, z_teacher.detach(), z_teacher_aug.detach())
    return _two_way(*rows, temperature=temperature)


def _two_way(student: Tensor, teacher: Tensor, keys: Tensor, *, temperature: float | Tensor) -> Tensor:
    """Cross-entropy of ``student . keys`` with ``teacher . keys``, softmax over rows and over columns, halved.

    SoftCLIP is the case of teacher = keys, whose similarities are symmetric. Whole matrices are formed: three
    products in all, where sweeps over tiles would need eight and take two to three times as long.
    """
    scale = 1.0 / positive("temperature", temperature)
    with torch.autocast(student.device.type, enabled=False):
        with torch.no_grad():
            logits = scale * (teacher @ keys.T)
            target = logits.softmax(1)
            target += logits.softmax(0)
        logits = scale * (student @ keys.T)
        return 0.5 * (logits.logsumexp(1) + logits.logsumexp(0) - (target * logits).sum(1)).mean()


def _flat(**tensors: Tensor) -> tuple[Tensor, ...]:
    """``(batch, ...)`` tensors of one shape as ``(batch, dim)``."""
    for name, value in tensors.items():
        check_matrix(
            name,
            value,
            dims=3 if isinstance(value, Tensor) and value.ndim == 3 else 2,
            form="(batch, dim) or (batch, tokens, dim)",
        )
    if len({value.shape for value in tensors.values()}) > 1:
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in tensors.items())
        raise CounterpointError(f"Shapes differ: {shapes}.", "Both must have the same, sample i with sample i.")
    flat = {name: value.flatten(1) for name, value in tensors.items()}
    check_pairs(smallest=2, **flat)
    return tuple(flat.values())


def _mixture(permutation: Tensor | None, betas: Tensor | None, *, like: Tensor) -> tuple[Tensor, Tensor]:
    """Partner and own share of every sample; values are only looked at on the CPU."""
    if permutation is None or betas is None:
        missing = "permutation" if permutation is None else "betas"
        raise CounterpointError(f"{missing} is missing.", "permutation and betas are given together or not at all.")
    batch = len(like)
    if permutation.shape != (batch,) or betas.shape != (batch,):
        raise CounterpointError(
            f"permutation has shape {tuple(permutation.shape)} and betas {tuple(betas.shape)}.",
            f"Both must be ({batch},), one entry per sample.",
        )
    if permutation.is_floating_point() or permutation.dtype == torch.bool:
        raise CounterpointError(f"permutation is {permutation.dtype}.", "It holds positions in the batch: integers.")
    if permutation.device.type == "cpu" and not torch.equal(permutation.sort().values.long(), torch.arange(batch)):
        raise CounterpointError(
            "permutation is no permutation of the batch.",
            f"Each of 0 to {batch - 1} occurs once; parts of several subjects need their offsets added.",
            "counterpoint.brain.draw_mix(batch, groups=[sizes of the parts])",
        )
    if betas.device.type == "cpu" and not bool(((betas >= 0) & (betas <= 1)).all()):
        raise CounterpointError("betas lie outside 0..1.", "They are shares.")
    return permutation.to(like.device, torch.long), betas.to(like.device, like.dtype)
