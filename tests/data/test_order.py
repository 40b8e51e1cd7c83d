"""The order of an epoch."""

from __future__ import annotations

import numpy as np

from counterpoint.data.order import EpochOrder


def test_order_is_a_function_of_seed_and_epoch() -> None:
    order = EpochOrder(40, seed=3)
    first = order.indices()
    assert np.array_equal(first, order.indices())
    order.set_epoch(2)
    third = order.indices()
    assert not np.array_equal(first, third)
    again = EpochOrder(40, seed=3)
    again.set_epoch(2)
    assert np.array_equal(third, again.indices())
    assert order.generator().integers(1 << 30) == again.generator().integers(1 << 30)
    assert EpochOrder(5, seed=0, shuffle=False).indices().tolist() == [0, 1, 2, 3, 4]
