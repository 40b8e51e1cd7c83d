"""Two clouds of embeddings: how far apart as Gaussians, and is one as spread out as the other."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array
from counterpoint.evaluate._doubles import as_finite

_AXES = ("sample", "dim")


def frechet_distance(x_a: Array, x_b: Array, *, components: int | None = None, shrinkage: float = 0.0) -> float:
    r"""Squared Fréchet distance of two sets of embeddings, each taken as a Gaussian.

    .. math:: \lVert \mu_a - \mu_b \rVert^2 + \operatorname{tr}
        \left( \Sigma_a + \Sigma_b - 2 (\Sigma_a^{1/2} \Sigma_b \Sigma_a^{1/2})^{1/2} \right)

    Dowson and Landau 1982; the FID of Heusel et al. 2017 where the embeddings are Inception features of pictures.
    In double precision with covariances of ddof 1; the trace of the root comes from the singular values of
    :math:`\Sigma_b^{1/2} \Sigma_a^{1/2}`, or of the product of the two centred samples where that is smaller.

    It is biased upward with few samples, the more so with more dimensions: compare only distances of equal numbers of
    samples, and put the distance between two halves of the true set beside it. With fewer samples than dimensions take
    ``components`` (the distance within a plane of ``x_a``, blind to what leaves it) or ``shrinkage``.

    Parameters
    ----------
    x_a, x_b : array
        ``(n_a, dim)`` and ``(n_b, dim)``, 2 rows or more: reference first.
    components : int, optional
        Project both on the leading principal components of ``x_a`` first; at most ``min(n_a - 1, dim)``.
    shrinkage : float
        0..1: each covariance moves by this share toward its mean variance times the identity.

    Returns
    -------
    float
        0 or above, in squared units of the embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(frechet_distance(x, x + 1), 6)
    4.0
    """
    a, b = _pair(x_a, x_b)
    if not 0 <= shrinkage <= 1:
        raise CounterpointError(f"shrinkage is {shrinkage}.", "A share in 0..1 was expected.")
    if components is not None:
        limit = min(len(a) - 1, a.shape[1])
        if not 1 <= components <= limit:
            raise CounterpointError(f"components is {components}.", f"1 to {limit} was expected.")
        basis = torch.linalg.svd(a - a.mean(0), full_matrices=False).Vh[:components].T
        a, b = a @ basis, b @ basis
    shift = float((a.mean(0) - b.mean(0)).square().sum())
    centred_a, centred_b = ((x - x.mean(0)) / (len(x) - 1) ** 0.5 for x in (a, b))
    trace = float(centred_a.square().sum() + centred_b.square().sum())  # shrinking towards the mean leaves it alone
    if shrinkage == 0 and max(len(a), len(b)) <= a.shape[1]:
        product = centred_a @ centred_b.T
    else:
        product = _root(centred_b, shrinkage) @ _root(centred_a, shrinkage)
    return max(0.0, shift + trace - 2 * float(torch.linalg.svdvals(product).sum()))


def variance_ratio(x_a: Array, x_b: Array) -> float:
    """Total variance of ``x_b`` over that of the reference ``x_a``: below 1, ``x_b`` huddles around its mean.

    Regression of embeddings gives ratios well below 1, which a generator that expects real embeddings cannot use; a
    prior is to bring it back to 1 (MindEye, Scotti et al. 2023).

    Parameters
    ----------
    x_a, x_b : array
        ``(n_a, dim)`` and ``(n_b, dim)``, 2 rows or more; variances with ddof 1.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(variance_ratio(x, 0.5 * x), 9)
    0.25
    """
    a, b = _pair(x_a, x_b)
    total = float(a.var(0).sum())
    if total <= 0:
        raise CounterpointError("x_a does not vary.", "A reference of different rows is needed.")
    return float(b.var(0).sum()) / total


def _pair(x_a: Array, x_b: Array) -> tuple[Tensor, Tensor]:
    a, b = as_finite(x_a, "x_a", axes=_AXES).double(), as_finite(x_b, "x_b", axes=_AXES).double()
    if a.shape[1] != b.shape[1] or len(a) < 2 or len(b) < 2:
        raise CounterpointError(
            f"x_a has shape {tuple(a.shape)} and x_b {tuple(b.shape)}.",
            "Equal numbers of columns and 2 rows or more were expected.",
        )
    return a, b.to(a.device)


def _root(centred: Tensor, shrinkage: float) -> Tensor:
    """The symmetric root of the covariance, shrunk toward a multiple of the identity."""
    covariance = centred.T @ centred
    mean = covariance.diagonal().mean()
    covariance = (1 - shrinkage) * covariance
    covariance.diagonal().add_(shrinkage * mean)
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
