"""1,797 handwritten digits, 8x8 grey, that come with scikit-learn.

Size: 1,797 pictures of 8x8 pixels, grey
Licence: CC BY 4.0
Home: https://archive.ics.uci.edu/dataset/80
Fetch: installed with scikit-learn
"""

from __future__ import annotations

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.data.source import ImageSource
from counterpoint.data.splits import TEST_SHARE, partition


def digits(*, split: str) -> ImageSource:
    """The stored split of the digits: 1,438 for training, 359 for testing, the same ones always.

    Parameters
    ----------
    split : str
        ``"train"`` or ``"test"``. The set has no split of its own; one fifth is held out, stratified, seed 0.

    Returns
    -------
    ImageSource
        ``(n, 1, 8, 8)`` uint8; scikit-learn's grey values 0..16 are spread over 0..255.

    Examples
    --------
    >>> len(digits(split="train")), len(digits(split="test"))
    (1438, 359)
    """
    from sklearn.datasets import load_digits

    if split not in ("train", "test"):
        raise CounterpointError(f'The digits store no split "{split}".', "train or test was expected.")
    bunch = load_digits()
    labels = bunch.target.astype(np.int64)
    rows = partition(len(labels), share=TEST_SHARE, seed=0, labels=labels)[split == "test"]
    images = np.rint(bunch.images[rows] * (255 / 16)).astype(np.uint8)
    return ImageSource(
        name="digits",
        split=split,
        images=images[:, None],
        labels=labels[rows],
        class_names=[str(digit) for digit in range(10)],
        licence="CC BY 4.0",
        home="https://archive.ics.uci.edu/dataset/80",
    )
