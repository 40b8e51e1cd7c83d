"""Composition: does the true caption beat its rearrangements, and do differences of embeddings add up."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_labels, as_rows, check_finite, same_width, unit_rows


class AroAccuracy(NamedTuple):
    """See :func:`aro_accuracy`."""

    accuracy: Tensor
    macro_accuracy: Tensor


def aro_accuracy(scores: Array, groups: Array | None = None, *, true_index: int = 1) -> AroAccuracy:
    """Share of cases whose true caption has the highest score, over cases and averaged over groups.

    The Attribution, Relation and Order tests of Yuksekgonul et al. 2023, section 2.2. Of equal scores the first
    option wins, as in the authors' code (mertyg/vision-language-models-are-bows): where the true caption is not the
    first option, a tie is a miss.

    Parameters
    ----------
    scores : array
        ``(cases, options)`` similarities of a picture and its candidate captions.
    groups : array, optional
        ``(cases,)`` integers from 0, such as the relation that a case is about. Numbers that no case has are no group.
        Without groups both accuracies are equal.
    true_index : int
        Column of the true caption.

    Returns
    -------
    AroAccuracy
        ``accuracy`` and ``macro_accuracy``, 0-d tensors.

    Examples
    --------
    >>> import numpy as np
    >>> [float(x) for x in aro_accuracy(np.array([[0.1, 0.9], [0.2, 0.3], [0.5, 0.5]]), np.array([0, 0, 1]))]
    [0.6666666666666666, 0.5]
    """
    table = as_rows(scores, "scores")
    check_finite(table, "scores")
    if not 0 <= true_index < table.shape[1]:
        raise CounterpointError(f"true_index is {true_index}.", f"A column of scores, 0 to {table.shape[1] - 1}.")
    right = (table.argmax(1) == true_index).to(table.dtype)
    if groups is None:
        return AroAccuracy(right.mean(), right.mean())
    ids = as_labels(groups, "groups", length=len(table)).to(table.device)
    counts = torch.bincount(ids)
    sums = right.new_zeros(len(counts)).index_add_(0, ids, right)
    return AroAccuracy(right.mean(), (sums[counts > 0] / counts[counts > 0]).mean())


def embedding_arithmetic(
    z_a: Array, z_source: Array, z_target: Array, gallery: Array, *, weight: float = 1.0
) -> Tensor:
    """Gallery rows nearest to ``z_a + weight * (z_target - z_source)``: ``(batch,)`` int64.

    Picture of a dog on grass, minus "grass", plus "sand" (SIMAT, Couairon et al. 2022, Eq. 1). All rows are
    normalised first; nearness is the cosine.

    Parameters
    ----------
    z_a, z_source, z_target : array
        ``(batch, dim)``; a single row serves the whole batch.
    gallery : array
        ``(entries, dim)``.
    weight : float
        Length of the step.

    Examples
    --------
    >>> import numpy as np
    >>> x, y, z = np.eye(3)[[0]], np.eye(3)[[1]], np.eye(3)[[2]]
    >>> embedding_arithmetic(x + y, y, z, np.concatenate([x + y, x + z])).tolist()
    [1]
    """
    rows = as_rows(z_a, "z_a")
    named = {"z_source": as_rows(z_source, "z_source"), "z_target": as_rows(z_target, "z_target")}
    others = as_rows(gallery, "gallery")
    for name, value in {**named, "gallery": others}.items():
        same_width("z_a", rows, name, value)
        if name != "gallery" and len(value) not in (1, len(rows)):
            raise CounterpointError(
                f"{name} has {len(value)} rows and z_a {len(rows)}.", "As many or one was expected."
            )
    step = unit_rows(named["z_target"]) - unit_rows(named["z_source"])
    return ((unit_rows(rows) + weight * step) @ unit_rows(others.to(rows)).T).argmax(1)
