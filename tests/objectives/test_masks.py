"""Masks said without a matrix."""

from __future__ import annotations

import torch

from counterpoint.objectives import PairMask


def test_tiles_make_up_the_whole() -> None:
    """Cut anywhere, the tiles of a mask are those of the whole mask."""
    ids = torch.tensor([0, 1, 2, 0, 1, 2, 3])
    mask = PairMask(diagonals=(0, 3, -5), row_ids=ids, key_ids=ids.flip(0))
    whole = torch.zeros(7, 7)
    mask.apply(whole, slice(0, 7), slice(0, 7))
    for i in range(7):
        for j in range(7):
            out = (j - i) in (0, 3, -5) or ids[i] == ids.flip(0)[j]
            assert bool(whole[i, j].isinf()) == bool(out)
    for rows in (slice(0, 2), slice(2, 7)):
        for cols in (slice(0, 5), slice(5, 7)):
            tile = torch.zeros(rows.stop - rows.start, cols.stop - cols.start)
            mask.apply(tile, rows, cols)
            assert torch.equal(tile, whole[rows, cols])


def test_symmetric() -> None:
    """Every diagonal has its mirror; one list of ids serves both sides."""
    ids = torch.arange(3)
    mask = PairMask(diagonals=(0, 4), row_ids=ids).symmetric()
    assert mask.diagonals == (-4, 0, 4)
    assert mask.key_ids is ids
