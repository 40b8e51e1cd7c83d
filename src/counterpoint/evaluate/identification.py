"""Identification: is the right stimulus the one whose embedding the decoded embedding resembles most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_labels, blocks
from counterpoint.evaluate._doubles import TIE, all_products, as_finite, as_matched, row_products

_ROWS = 2048
_AXES = ("sample", "feature")


class MeanScore(NamedTuple):
    """A mean over samples, and the ``(samples,)`` values it is the mean of."""

    mean: float
    per_sample: NDArray[np.float64]


def two_way_identification(pred: Array, target: Array) -> MeanScore:
    r"""How often a prediction resembles its own target more than another one; chance is 0.5.

    .. math:: s_j = \frac{1}{n - 1} \sum_{i \ne j} [\, r_{ij} < r_{jj} \,]

    with :math:`r_{ij}` the Pearson correlation of target i and prediction j over features (not the cosine). Brain-
    Diffuser and MindEye. A tie is a failure, so a prediction without variance scores 0. Generic Object Decoding
    counts ties as successes and takes candidates from beyond the test set: another number.

    Parameters
    ----------
    pred, target : array
        ``(n, dim)``, 2 rows or more, row i with row i; further axes are flattened.

    Returns
    -------
    MeanScore
        ``mean`` and the ``(n,)`` shares ``per_sample``.

    Examples
    --------
    >>> import numpy as np
    >>> two_way_identification(np.eye(3)[[0, 1, 1]], np.eye(3)).per_sample.tolist()
    [1.0, 1.0, 0.0]
    """
    predicted, true = as_matched(pred, target, "pred", "target", axes=_AXES, smallest=2, flatten=True)
    own = row_products(true, predicted, centre=True)
    wins = torch.zeros_like(own)
    for rows in blocks(len(true), _ROWS):
        wins += (all_products(true[rows], predicted, centre=True) < own - TIE).sum(0)
    return _mean_score(wins / (len(true) - 1))


def correlation_distance(pred: Array, target: Array) -> MeanScore:
    """``1 - Pearson`` of matched rows, lower is better; a row without variance is at distance 1.

    The score of MindEye's EffNet-B and SwAV columns.

    Parameters
    ----------
    pred, target : array
        ``(n, dim)``, row i with row i; further axes are flattened.

    Returns
    -------
    MeanScore
        ``mean`` and ``(n,)`` ``per_sample``, each in 0..2.

    Examples
    --------
    >>> import numpy as np
    >>> correlation_distance(np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([[3.0, 5.0], [2.0, 1.0]])).per_sample
    array([0., 2.])
    """
    predicted, true = as_matched(pred, target, "pred", "target", axes=_AXES, flatten=True)
    distance = 1 - row_products(predicted, true, centre=True)
    return _mean_score(distance.masked_fill(distance.abs() < TIE, 0.0))


def n_way_top_k(probs: Array, targets: Array, *, n_way: int = 50, top_k: int = 1) -> NDArray[np.float64]:
    r"""Chance that the target class is among the ``top_k`` of itself and ``n_way - 1`` random other classes.

    .. math:: \sum_{j < k} \binom{r}{j} \binom{C - 1 - r}{n - 1 - j} \Big/ \binom{C - 1}{n - 1}

    with r of C classes scoring strictly above the target. This is the value that the random trials of MinD-Vis and
    WAVE (PPWangyc/WAVE, 1000 of them) approach, without their noise.

    Parameters
    ----------
    probs : array
        ``(batch, classes)``: a classifier's outputs (probabilities or logits) on the reconstructions.
    targets : array
        ``(batch,)`` int: the class that the same classifier gives to the true picture.
    n_way, top_k : int
        1 <= top_k <= n_way <= classes. Chance is ``top_k / n_way``.

    Returns
    -------
    array
        ``(batch,)`` in 0..1.

    Examples
    --------
    >>> import numpy as np
    >>> n_way_top_k(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([0, 1]), n_way=2).tolist()
    [1.0, 0.5]
    """
    from scipy.stats import hypergeom

    scores = as_finite(probs, "probs", axes=("sample", "class"))
    classes = scores.shape[1]
    if not 1 <= top_k <= n_way <= classes:
        raise CounterpointError(
            f"top_k is {top_k}, n_way {n_way}, and there are {classes} classes.",
            "1 <= top_k <= n_way <= classes was expected.",
        )
    truth = as_labels(targets, "targets", length=len(scores), num_classes=classes).to(scores.device)
    above = (scores > scores.gather(1, truth.unsqueeze(1))).sum(1).cpu().numpy()
    return np.asarray(hypergeom.cdf(top_k - 1, classes - 1, above, n_way - 1), dtype=np.float64)


def _mean_score(values: Tensor) -> MeanScore:
    return MeanScore(float(values.mean()), values.cpu().numpy())
