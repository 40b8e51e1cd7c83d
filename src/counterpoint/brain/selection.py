"""Which of several generated pictures to keep, by what was decoded and never by what was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.core.errors import CounterpointError


def pick_best(
    candidates: Tensor | NDArray[np.floating[Any]], query: Tensor | NDArray[np.floating[Any]]
) -> NDArray[np.int64]:
    """The candidate of each row whose embedding has the highest cosine with the query.

    The query is what was decoded from the brain (the retrieval embedding), never the picture that was seen.

    Parameters
    ----------
    candidates : Tensor or ndarray
        ``(n, samples, ...)`` embeddings of generated pictures; further axes are flattened.
    query : Tensor or ndarray
        ``(n, ...)`` in the same space.

    Returns
    -------
    ndarray
        ``(n,)`` int64, places among the samples; the first of equals.

    Examples
    --------
    >>> pick_best(np.array([[[1.0, 0.0], [0.0, 2.0]]]), np.array([[0.1, 1.0]]))
    array([1])
    """
    found, wanted = torch.as_tensor(candidates).flatten(2), torch.as_tensor(query).flatten(1)
    if len(found) != len(wanted) or found.shape[2] != wanted.shape[1]:
        raise CounterpointError(
            f"Candidates {tuple(found.shape)} and queries {tuple(wanted.shape)} were given.",
            "(n, samples, dim) and (n, dim) were expected.",
        )
    cosine = F.cosine_similarity(found.double(), wanted.double()[:, None], dim=2)
    return cosine.argmax(1).cpu().numpy().astype(np.int64)
