"""Zero-shot classification: class prompts as a linear classifier over picture embeddings."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate._arrays import Array, as_labels, as_rows, blocks, check_finite, same_width, unit_rows


def zero_shot_classifier(text_embeddings: Array, class_ids: Array) -> Tensor:
    """One unit vector per class from the embeddings of its prompts: normalise, average, normalise again.

    CLIP, Radford et al. 2021, section 3.1.4 (prompt ensembling in embedding space), as open_clip computes it.

    Parameters
    ----------
    text_embeddings : array
        ``(prompts, dim)``, not normalised.
    class_ids : array
        ``(prompts,)`` integers 0 .. classes - 1; every class has a prompt.

    Returns
    -------
    Tensor
        ``(classes, dim)`` unit rows.

    Examples
    --------
    >>> import numpy as np
    >>> zero_shot_classifier(np.array([[2.0, 0.0], [9.0, 0.0], [0.0, 1.0]]), np.array([0, 0, 1])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    texts = as_rows(text_embeddings, "text_embeddings")
    check_finite(texts, "text_embeddings")
    ids = as_labels(class_ids, "class_ids", length=len(texts)).to(texts.device)
    counts = torch.bincount(ids)
    if int(counts.min()) == 0:
        raise CounterpointError(
            f"class_ids: class {int(counts.argmin())} has no prompt.", f"Classes 0 to {len(counts) - 1} each need one."
        )
    sums = texts.new_zeros(len(counts), texts.shape[1]).index_add_(0, ids, unit_rows(texts))
    return unit_rows(sums / counts.unsqueeze(1))


def zero_shot_predict(features: Array, classifier: Array, *, top: int = 1) -> Tensor:
    """Classes by cosine similarity, nearest first: ``(samples, top)`` int64.

    Parameters
    ----------
    features : array
        ``(samples, dim)``.
    classifier : array
        ``(classes, dim)`` from :func:`zero_shot_classifier`.
    top : int
        How many classes per sample, at most all.
    """
    rows, weights = as_rows(features, "features"), as_rows(classifier, "classifier")
    same_width("features", rows, "classifier", weights)
    check_finite(rows, "features")
    if not 1 <= top <= len(weights):
        raise CounterpointError(f"top is {top}.", f"1 to {len(weights)} (the number of classes) was expected.")
    weights = unit_rows(weights.to(rows)).T
    return torch.cat([(rows[part] @ weights).topk(top, dim=1).indices for part in blocks(len(rows), 4096)])


def zero_shot_accuracy(features: Array, labels: Array, *, classifier: Array, top: int = 1) -> float:
    """Share of samples whose class is among the ``top`` nearest class vectors.

    Examples
    --------
    >>> import numpy as np
    >>> zero_shot_accuracy(np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([0, 0]), classifier=np.eye(2))
    0.5
    """
    found = zero_shot_predict(features, classifier, top=top)
    truth = as_labels(labels, "labels", length=len(found), num_classes=len(classifier)).to(found.device)
    return float((found == truth.unsqueeze(1)).any(1).double().mean())
