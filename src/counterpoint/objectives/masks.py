"""Which pairs a sum over similarities leaves out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PairMask:
    """Which (row, key) pairs are left out of a sum, said without a matrix.

    Attributes
    ----------
    diagonals : tuple of int
        Offsets ``key - row`` that are left out: ``(0,)`` drops each row's own entry, ``(0, B)`` in a stack of
        two views drops the entry itself and (for the first half) its partner. Symmetric kernels add
        ``-offset``.
    row_ids, key_ids : Tensor or None
        Integer ids ``(rows,)`` and ``(keys,)``; pairs with equal ids are left out. Given together.
    """

    diagonals: tuple[int, ...] = ()
    row_ids: Tensor | None = None
    key_ids: Tensor | None = None

    def symmetric(self) -> PairMask:
        """The same mask with every diagonal mirrored and one list of ids for rows and keys."""
        mirrored = tuple(sorted({*self.diagonals, *(-offset for offset in self.diagonals)}))
        ids = self.row_ids if self.row_ids is not None else self.key_ids
        return PairMask(mirrored, ids, ids)

    def apply(self, tile: Tensor, rows: slice, cols: slice) -> None:
        """Set the entries of one tile that are left out to minus infinity, in place."""
        height, width = tile.shape
        for offset in self.diagonals:
            local = rows.start + offset - cols.start
            if -height < local < width:
                tile.diagonal(local).fill_(-torch.inf)
        if self.row_ids is not None and self.key_ids is not None:
            tile.masked_fill_(self.row_ids[rows, None] == self.key_ids[None, cols], -torch.inf)
