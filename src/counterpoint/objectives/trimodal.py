"""Three modalities, one of them the anchor: brain with picture and brain with text."""

from __future__ import annotations

from torch import Tensor

from counterpoint.objectives._checks import check_pairs
from counterpoint.objectives.image_text import clip


def trimodal_contrastive(
    z_a: Tensor,
    z_b: Tensor,
    z_c: Tensor,
    *,
    temperature_ab: float | Tensor = 0.07,
    temperature_ac: float | Tensor = 0.07,
    weight_ab: float = 0.5,
    weight_ac: float = 0.5,
) -> Tensor:
    r"""WAVE's loss: the anchor modality is aligned with two others, each pair at a temperature of its own.

    .. math:: L = w_{ab} \, \mathrm{CLIP}(a, b; T_{ab}) + w_{ac} \, \mathrm{CLIP}(a, c; T_{ac})

    with :func:`~counterpoint.objectives.clip` the symmetric InfoNCE. Wang et al. 2024 (arXiv 2411.07121),
    PPWangyc/WAVE; the authors learn both log-scales from ``ln(1 / 0.07)`` without a clamp. b and c are not
    compared with each other. Two samples of a batch that show the same thing count as each other's negatives.

    Parameters
    ----------
    z_a, z_b, z_c : Tensor
        ``(batch, dim)`` of fMRI, picture and text; normalised inside. B of 2 or more.
    temperature_ab, temperature_ac : float or Tensor
        Above 0; a 0-d tensor receives a gradient.
    weight_ab, weight_ac : float
        ``weight_ac=0`` is the image-only variant at half weight; set ``weight_ab=1`` for the whole.

    Returns
    -------
    Tensor
        Scalar. ``ln B`` when all embeddings are equal, at the default weights.

    Raises
    ------
    CounterpointError
        Shapes that differ, fewer than 2 samples, a temperature that is not above 0.

    Examples
    --------
    >>> import torch
    >>> z = torch.ones(4, 8)
    >>> round(float(trimodal_contrastive(z, z, z)), 4)  # ln 4
    1.3863
    """
    check_pairs(z_a=z_a, z_b=z_b, z_c=z_c, smallest=2)
    first = clip(z_a, z_b, temperature=temperature_ab)
    return weight_ab * first + weight_ac * clip(z_a, z_c, temperature=temperature_ac)
