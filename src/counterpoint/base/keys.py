"""The memory of a momentum contrast: a teacher that makes keys, and the queue that keeps them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from counterpoint.base.ema import Ema
from counterpoint.base.queue import FeatureQueue


class KeyQueue(nn.Module):
    """A slowly moving copy of a network, and the last unit keys it made (MoCo version 2).

    Batch norm would let a query recognise its key by shared batch statistics; the authors of MoCo shuffle samples
    across GPUs. On any number of devices the keys are encoded in ``groups`` shuffled groups of the batch instead.

    Parameters
    ----------
    student : nn.Module
        Followed, never owned: encoder and projector.
    dim : int
        Length of a key.
    momentum : float
        Of the teacher.
    entries : int
        Length of the queue.
    groups : int
        Groups of the batch whose keys are encoded apart.
    """

    def __init__(self, student: nn.Module, *, dim: int, momentum: float = 0.999, entries: int = 65536,
                 groups: int = 8) -> None:
        super().__init__()
        self.teacher = Ema(student, momentum=momentum)
        self.queue = FeatureQueue(entries, dim)
        self.groups = groups

    @property
    def entries(self) -> Tensor:
        """``(entries, dim)`` unit keys, constant."""
        return self.queue.entries

    def forward(self, view: Tensor) -> Tensor:
        """Keys ``(batch, dim)`` of a view, not normalised, without gradient."""
        order = torch.randperm(len(view), device=view.device)
        groups = min(self.groups, len(view) // 2) or 1
        keys = torch.cat([self.teacher(part) for part in view[order].chunk(groups)])
        return keys[order.argsort()]

    def push(self, keys: Tensor) -> None:
        """Let the oldest entries go for these; after the loss."""
        self.queue.push(keys)
