"""A first-in first-out memory of embeddings, part of the checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterpoint.base.gather import gather


class FeatureQueue(nn.Module):
    """The last ``num_entries`` unit embeddings, for use as negatives.

    Starts with random unit rows, as facebookresearch/moco does: the loss therefore rises at first while real
    embeddings replace them. Entries and position are persistent buffers, so a resumed run goes on with the
    same memory. Pushing gathers over processes, so that every process keeps the same queue.

    Parameters
    ----------
    num_entries, dim : int
    labels : bool
        Also remember an int64 label per entry (-1 until filled).
    """

    entries: Tensor
    position: Tensor
    labels: Tensor

    def __init__(self, num_entries: int, dim: int, *, labels: bool = False) -> None:
        super().__init__()
        self.register_buffer("entries", functional.normalize(torch.randn(num_entries, dim), dim=1))
        self.register_buffer("position", torch.zeros(2, dtype=torch.int64))  # next row to write, rows ever written
        if labels:
            self.register_buffer("labels", torch.full((num_entries,), -1))

    def __len__(self) -> int:
        return self.entries.shape[0]

    @property
    def filled(self) -> int:
        """How many entries hold embeddings that were pushed."""
        return min(int(self.position[1]), len(self))

    @torch.no_grad()
    def push(self, embeddings: Tensor, labels: Tensor | None = None) -> None:
        """Replace the oldest entries by the rows of ``embeddings`` (made unit), of all processes."""
        rows = functional.normalize(gather(embeddings).to(self.entries.dtype), dim=1)[-len(self):]
        start = int(self.position[0])
        places = (torch.arange(len(rows), device=rows.device) + start) % len(self)
        self.entries = self.entries.index_copy(0, places, rows)  # a new tensor: the loss still needs the old one
        if labels is not None:
            self.labels[places] = gather(labels)[-len(self):]
        self.position[0] = (start + len(rows)) % len(self)
        self.position[1] += len(rows)
