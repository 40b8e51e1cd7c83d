"""Scores of an encoding model, one per voxel: correlation and explained variance over test stimuli."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.evaluate._arrays import Array, blocks
from counterpoint.evaluate._doubles import as_matched, unit_columns

_AXES = ("stimulus", "voxel")
_COLUMNS = 8192


def voxelwise_correlation(y_true: Array, y_pred: Array) -> NDArray[np.float64]:
    """Pearson correlation over stimuli, per voxel; a voxel without variance on either side scores 0.

    As ``himalaya.scoring.correlation_score``, but summed in double precision whatever comes in, and with NaN refused.

    Parameters
    ----------
    y_true, y_pred : array
        ``(stimuli, voxels)``, 2 stimuli or more.

    Returns
    -------
    array
        ``(voxels,)`` float64 in -1..1.

    Raises
    ------
    CounterpointError
        Unequal shapes, or a NaN (the message names stimulus and voxel).

    Examples
    --------
    >>> import numpy as np
    >>> voxelwise_correlation(np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]), np.array([[3.0, 1], [2, 2], [1, 3]]))
    array([-1.,  0.])
    """
    true, predicted = as_matched(y_true, y_pred, "y_true", "y_pred", axes=_AXES, smallest=2)
    parts = [
        (unit_columns(true[:, part]) * unit_columns(predicted[:, part])).sum(0)
        for part in blocks(true.shape[1], _COLUMNS)
    ]
    return np.asarray(torch.cat(parts).clamp(-1, 1).cpu().numpy())


def voxelwise_r2(y_true: Array, y_pred: Array) -> NDArray[np.float64]:
    r"""Explained variance over stimuli, per voxel: :math:`1 - \text{SSE} / \text{SST}`, SST around the test mean.

    Negative where the test mean itself predicts better; 0 for a voxel without variance. As
    ``himalaya.scoring.r2_score``, but summed in double precision, and with NaN refused.

    Parameters
    ----------
    y_true, y_pred : array
        ``(stimuli, voxels)``, 2 stimuli or more.

    Returns
    -------
    array
        ``(voxels,)`` float64, 1 at most.

    Raises
    ------
    CounterpointError
        Unequal shapes, or a NaN (the message names stimulus and voxel).

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]])
    >>> voxelwise_r2(y, y), voxelwise_r2(y, y + 1)
    (array([1., 0.]), array([-0.5,  0. ]))
    """
    true, predicted = as_matched(y_true, y_pred, "y_true", "y_pred", axes=_AXES, smallest=2)
    parts = [_r2(true[:, part].double(), predicted[:, part].double()) for part in blocks(true.shape[1], _COLUMNS)]
    return np.asarray(torch.cat(parts).cpu().numpy())


def _r2(true: Tensor, predicted: Tensor) -> Tensor:
    constant = (unit_columns(true) == 0).all(0)
    total = (true - true.mean(0)).square().sum(0)
    score = 1 - (true - predicted).square().sum(0) / torch.where(constant, 1.0, total)
    return score.masked_fill(constant, 0.0)
