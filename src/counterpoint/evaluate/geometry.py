"""The shape of a cloud of embeddings: alignment, uniformity, rank, spread, and the gap between two clouds."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_rows, same_width, unit_rows
from counterpoint.objectives.kernels import lse_rows, lse_self
from counterpoint.objectives.masks import PairMask

_DIRECT = 1 << 20
"""Up to this many entries singular values are taken directly; beyond, from the Gram matrix in float64."""


class FeatureStd(NamedTuple):
    """Spread of unit features; see :func:`feature_std`."""

    std: Tensor
    ratio: Tensor


class ModalityGap(NamedTuple):
    """Two clouds on one sphere; see :func:`modality_gap`. ``gap["alignment"]`` is ``gap.alignment``."""

    centroid_distance: Tensor
    centroid_cosine: Tensor
    uniformity_a: Tensor
    uniformity_b: Tensor
    cross_uniformity: Tensor
    alignment: Tensor

    def __getitem__(self, key: object) -> Tensor:  # type: ignore[override]
        return getattr(self, key) if isinstance(key, str) else tuple(self).__getitem__(key)  # type: ignore[call-overload, no-any-return]


def alignment(z_a: Array, z_b: Array, *, alpha: float = 2.0) -> Tensor:
    r"""Mean distance of matched rows on the unit sphere, to the power ``alpha``: 0 is best, 2 is chance.

    .. math:: \frac1N \sum_i \lVert \hat a_i - \hat b_i \rVert^{\alpha}

    Wang and Isola 2020, section 4.1.1.

    Parameters
    ----------
    z_a, z_b : array
        ``(samples, dim)``, row i with row i; normalised inside.
    alpha : float
        Above 0.

    Returns
    -------
    Tensor
        0-d, differentiable, in the dtype of the input.

    Examples
    --------
    >>> import numpy as np
    >>> float(alignment(np.eye(2), -np.eye(2)))  # antipodes are at distance 2
    4.0
    """
    a, b = _pair(z_a, z_b)
    _positive("alpha", alpha)
    squared = (unit_rows(a) - unit_rows(b)).square().sum(1)
    if alpha == 2:
        return squared.mean()
    apart = squared > 0  # the root has no derivative at zero distance
    return torch.where(apart, torch.where(apart, squared, 1.0) ** (alpha / 2), 0.0).mean()


def uniformity(z: Array, *, t: float = 2.0) -> Tensor:
    r"""Log of the mean Gaussian potential over distinct pairs of unit rows: lower is more even.

    .. math:: \log \frac{2}{N(N-1)} \sum_{i<j} \exp(-t \lVert \hat z_i - \hat z_j \rVert^2)

    Wang and Isola 2020, section 4.1.2. 0 when all rows coincide; an even cloud in many dimensions is near -2t. Large
    inputs are streamed: 60,000 rows need no 60,000 x 60,000 matrix.

    Parameters
    ----------
    z : array
        ``(samples, dim)`` of 2 rows or more; normalised inside.
    t : float
        Above 0.

    Returns
    -------
    Tensor
        0-d, differentiable, in the dtype of the input.

    Examples
    --------
    >>> import torch
    >>> round(float(uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))), 4)  # one pair at squared distance 4
    -8.0
    """
    rows = as_rows(z, "z", smallest=2)
    _positive("t", t)
    n = len(rows)
    per_row = lse_self(unit_rows(rows), scale=2.0 * t, mask=PairMask(diagonals=(0,)))
    return torch.logsumexp(per_row, 0) - 2.0 * t - math.log(n * (n - 1))


def effective_rank(features: Array, *, eps: float = 1e-7) -> Tensor:
    r"""How many directions the features fill: the exponential of the entropy of their singular values.

    .. math:: \exp\Big(-\sum_k p_k \log(p_k + \epsilon)\Big), \quad p_k = \sigma_k / \sum_l \sigma_l

    RankMe, Garrido et al. 2023, Eq. 1 and 2, with ``eps`` inside the logarithm only. Features are neither centred
    nor normalised. Between 1 (all rows on one line: collapse) and the number of columns.

    Parameters
    ----------
    features : array
        ``(samples, dim)``.
    eps : float
        Keeps the logarithm finite.

    Returns
    -------
    Tensor
        0-d, in the dtype of the input.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(effective_rank(np.eye(4))), 4), round(float(effective_rank(np.ones((9, 4)))), 4)
    (4.0, 1.0)
    """
    p = spectrum(features)
    return torch.exp(-(p * torch.log(p + eps)).sum())


def spectrum(features: Array) -> Tensor:
    """Singular values of the features, largest first, divided by their sum: ``(min(samples, dim),)``.

    Not centred and not normalised, as :func:`effective_rank` has it. A long flat curve is an even use of dimensions;
    a cliff is dimensional collapse. All zeros for features that are all zero. Large inputs go through the Gram matrix
    in float64, where values below about 1e-8 of the largest become 0 (not when a gradient is asked for).

    Examples
    --------
    >>> import numpy as np
    >>> spectrum(np.diag([3.0, 1.0])).tolist()
    [0.75, 0.25]
    """
    rows = as_rows(features, "features")
    if rows.requires_grad or rows.numel() <= _DIRECT:
        values = torch.linalg.svdvals(rows)
        values = values.masked_fill(values < values[0] * max(rows.shape) * torch.finfo(rows.dtype).eps, 0.0)
    else:
        values = _gram_singular_values(rows)
    total = values.sum()
    return values / torch.where(total > 0, total, 1.0)


def feature_std(features: Array) -> FeatureStd:
    """Mean over dimensions of the standard deviation of unit features, and its ratio to ``1 / sqrt(dim)``.

    The collapse check of SimSiam (Chen and He 2021, section 4.1). The ratio is near 1 for an even cloud, 0 when all
    samples have one embedding.

    Examples
    --------
    >>> import numpy as np
    >>> feature_std(np.ones((5, 4)))
    FeatureStd(std=tensor(0., dtype=torch.float64), ratio=tensor(0., dtype=torch.float64))
    """
    rows = as_rows(features, "features")
    std = unit_rows(rows).std(dim=0, correction=0).mean()
    return FeatureStd(std, std * math.sqrt(rows.shape[1]))


def modality_gap(z_a: Array, z_b: Array) -> ModalityGap:
    """How far two matched clouds (say pictures and captions) sit from each other on the sphere.

    After Fahim et al. 2024 ("It's Not a Modality Gap"): rows are normalised, then

    * ``centroid_distance``, ``centroid_cosine``: Euclidean distance and cosine of the two mean vectors;
    * ``uniformity_a``, ``uniformity_b``: :func:`uniformity` of each cloud;
    * ``cross_uniformity``: the same over ordered pairs ``a_i, b_j`` with i and j different;
    * ``alignment``: mean squared distance of matched pairs.

    Parameters
    ----------
    z_a, z_b : array
        ``(samples, dim)``, 2 rows or more, row i with row i; normalised inside.

    Returns
    -------
    ModalityGap
        Named tuple of 0-d tensors, in the order above; also readable by name in brackets.

    Examples
    --------
    >>> import numpy as np
    >>> gap = modality_gap(np.eye(3), np.eye(3))
    >>> float(gap.alignment), float(gap["centroid_distance"])
    (0.0, 0.0)
    """
    a, b = (unit_rows(rows) for rows in _pair(z_a, z_b, smallest=2))
    n, mean_a, mean_b = len(a), a.mean(0), b.mean(0)
    cross = torch.logsumexp(lse_rows(a, b, scale=4.0, mask=PairMask(diagonals=(0,))), 0)
    return ModalityGap(
        centroid_distance=torch.linalg.vector_norm(mean_a - mean_b),
        centroid_cosine=torch.nn.functional.cosine_similarity(mean_a, mean_b, dim=0),
        uniformity_a=uniformity(a),
        uniformity_b=uniformity(b),
        cross_uniformity=cross - 4.0 - math.log(n * (n - 1)),
        alignment=alignment(a, b),
    )


def _pair(z_a: Array, z_b: Array, *, smallest: int = 1) -> tuple[Tensor, Tensor]:
    a, b = as_rows(z_a, "z_a", smallest=smallest), as_rows(z_b, "z_b", smallest=smallest)
    same_width("z_a", a, "z_b", b, same_length=True)
    return a, b


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise CounterpointError(f"{name} is {value}.", "It must be above 0.")


def _gram_singular_values(rows: Tensor) -> Tensor:
    """Square roots of the eigenvalues of the smaller Gram matrix, summed in float64 block by block."""
    wide = rows if len(rows) >= rows.shape[1] else rows.T
    gram = torch.zeros(wide.shape[1], wide.shape[1], dtype=torch.float64, device=wide.device)
    for part in wide.split(8192):
        part = part.double()
        gram.addmm_(part.T, part)
    values = torch.linalg.eigvalsh(gram).flip(0)
    floor = values[0] * len(gram) * torch.finfo(torch.float64).eps
    return torch.where(values > floor, values, 0.0).clamp_min(0).sqrt().to(rows.dtype)
