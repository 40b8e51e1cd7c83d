"""Arrays on disk joined as one: splits below each other, hemispheres beside each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError


class Beside:
    """Rows by index array, in any order, of ``blocks[split][side]`` arrays of two dimensions."""

    def __init__(
        self, blocks: list[list[np.ndarray]], *, names: list[list[str]], chosen: np.ndarray | None = None
    ) -> None:
        for row, label in zip(blocks, names, strict=True):
            for block, name, first in zip(row, label, blocks[0], strict=True):
                if len(block) != len(row[0]):
                    raise CounterpointError(f"{name} has {len(block)} rows, {label[0]} {len(row[0])}.",
                                            "One row per picture in both hemispheres was expected.")
                if block.shape[1] != first.shape[1]:
                    raise CounterpointError(f"{name} has {block.shape[1]} vertices, the training set {first.shape[1]}.",
                                            "The same vertices in both splits were expected.")
        self.blocks, self.names, self.chosen = blocks, names, chosen
        self.starts = np.cumsum([0, *(len(row[0]) for row in blocks)])
        self.widths = np.cumsum([0, *(block.shape[1] for block in blocks[0])])
        self.dtype: np.dtype[Any] = np.dtype(np.float32)
        self.shape = (int(self.starts[-1]), int(self.widths[-1]) if chosen is None else len(chosen))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        wanted = np.asarray(rows)
        wanted = np.where(wanted < 0, wanted + len(self), wanted)
        made = np.empty((len(wanted), self.shape[1]), np.float32)
        for block, start, stop in zip(self.blocks, self.starts[:-1], self.starts[1:], strict=True):
            here = np.flatnonzero((wanted >= start) & (wanted < stop))
            if len(here):
                found = np.concatenate([side[wanted[here] - start] for side in block], axis=1)
                made[here] = found if self.chosen is None else found[:, self.chosen]
        return made

    def columns(self, chosen: np.ndarray) -> Beside:
        """Some of the columns, still on disk."""
        return self if len(chosen) == self.shape[1] else Beside(self.blocks, names=self.names, chosen=chosen)

    def place(self, row: int, column: int) -> str:
        """Where a number is, in words: file, row, column."""
        split = int(np.searchsorted(self.starts, row, side="right")) - 1
        side = int(np.searchsorted(self.widths, column, side="right")) - 1
        return f"row {row - self.starts[split]}, vertex {column - self.widths[side]} of {self.names[split][side]}"
