"""The digits of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.digits import digits


def test_the_two_splits_part_the_set() -> None:
    from sklearn.datasets import load_digits

    train, test = digits(split="train"), digits(split="test")
    together = np.concatenate([train.images, test.images])[:, 0]
    wanted = np.rint(load_digits().images * 255 / 16).astype(np.uint8)
    assert sorted(map(bytes, together)) == sorted(map(bytes, wanted))
    assert np.bincount(test.labels).min() >= 34
    assert together.max() == 255
    assert np.array_equal(digits(split="test").images, test.images)
    with pytest.raises(CounterpointError, match='store no split "fit"'):
        digits(split="fit")
