"""Aligning many subjects' brains with pictures and captions at once, token by token and as a whole."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives._checks import check_matrix
from counterpoint.objectives.soft_targets import bimixco, soft_clip


class SubjectAlignment(NamedTuple):
    """Terms of :func:`sttm_alignment`: ``total = fine + global_weight * (global_image + global_text)``."""

    total: Tensor
    fine: Tensor
    global_image: Tensor
    global_text: Tensor


def sttm_alignment(
    z_a: Tensor,
    z_b: Tensor,
    z_text: Tensor,
    permutation: Tensor | None = None,
    betas: Tensor | None = None,
    *,
    temperature: float | Tensor | None = None,
    global_weight: float | None = None,
) -> SubjectAlignment:
    r"""STTM's alignment: all tokens with the picture's, the first token with picture and caption.

    .. math:: L = A(p, t) + w \, [ A(c, i) + A(c, y) ]

    p and t are all tokens laid side by side, c and i the first of each, y the caption. A is
    :func:`~counterpoint.objectives.bimixco` where a mixture is given (stage 1, one mixture for all three
    terms), else :func:`~counterpoint.objectives.soft_clip`, where the soft target of :math:`A(c, y)` is the
    likeness of the captions. Liu et al. 2024 (arXiv 2403.06361), YulongBonjour/STTM.

    Parameters
    ----------
    z_a : Tensor
        ``(batch, tokens, dim)`` projected brain tokens, token 0 the global one. Normalised inside.
    z_b : Tensor
        The same shape: tokens of a frozen picture encoder. No gradient.
    z_text : Tensor
        ``(batch, dim)`` captions of a frozen text encoder. No gradient.
    permutation, betas : Tensor, optional
        ``(batch,)`` each: the mixture of stage 1, as in :func:`~counterpoint.objectives.bimixco`.
    temperature : float or Tensor, optional
        By default 0.006 with a mixture and 0.004 without (raised to 0.006 by the authors).
    global_weight : float, optional
        By default 0.5 with a mixture and 0.2 without.

    Returns
    -------
    SubjectAlignment
        Scalars ``total``, ``fine``, ``global_image`` and ``global_text``.

    Raises
    ------
    CounterpointError
        Shapes that do not fit, fewer than 2 samples, half a mixture.

    Examples
    --------
    >>> import torch
    >>> terms = sttm_alignment(torch.ones(4, 3, 8), torch.ones(4, 3, 8), torch.ones(4, 8))
    >>> round(float(terms.fine), 4), round(float(terms.total), 4)  # ln 4 and 1.4 ln 4
    (1.3863, 1.9408)
    """
    for name, value in {"z_a": z_a, "z_b": z_b}.items():
        check_matrix(name, value, dims=3, form="(batch, tokens, dim)")
    check_matrix("z_text", z_text)
    if z_text.shape != (z_a.shape[0], z_a.shape[2]) or z_a.shape[1] == 0:
        raise CounterpointError(
            f"z_text has shape {tuple(z_text.shape)} and z_a {tuple(z_a.shape)}.",
            "(batch, dim) and (batch, tokens, dim) with the same batch and dim were expected.",
        )
    mixed = permutation is not None or betas is not None
    if temperature is None:
        temperature = 0.006 if mixed else 0.004
    if global_weight is None:
        global_weight = 0.5 if mixed else 0.2

    def aligned(brain: Tensor, target: Tensor) -> Tensor:
        if mixed:
            return bimixco(brain, target.detach(), permutation, betas, temperature=temperature)
        return soft_clip(brain, target, temperature=temperature)

    fine = aligned(z_a, z_b)
    global_image, global_text = aligned(z_a[:, 0], z_b[:, 0]), aligned(z_a[:, 0], z_text)
    return SubjectAlignment(fine + global_weight * (global_image + global_text), fine, global_image, global_text)
