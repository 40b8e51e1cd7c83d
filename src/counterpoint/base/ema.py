"""A teacher that follows its student by an exponential moving average."""

from __future__ import annotations

import copy
import math
from typing import Any, Literal

import torch
from torch import Tensor, nn


class Ema(nn.Module):
    r"""A frozen copy of ``student`` whose weights trail behind it.

    After each optimiser step :math:`t \leftarrow m_k t + (1 - m_k) o`, with
    :math:`m_k = m_0` (``schedule="constant"``, MoCo) or
    :math:`m_k = 1 - (1 - m_0)\,(\cos(\pi k / K) + 1) / 2` (``"cosine"``, BYOL section 3.1, MoCo v3 code).
    Batch-norm statistics are buffers, not weights, and follow ``buffers``.

    Parameters
    ----------
    student : nn.Module
        Followed, never owned: its parameters appear once, under the learner.
    momentum : float
        :math:`m_0` in 0..1.
    schedule : {"constant", "cosine"}
    buffers : {"own", "copy"}
        ``"own"``: the teacher's batch norm gathers its own statistics (MoCo, BYOL); ``"copy"``: the student's.
    """

    def __init__(self, student: nn.Module, *, momentum: float = 0.996,
                 schedule: Literal["constant", "cosine"] = "constant",
                 buffers: Literal["own", "copy"] = "own") -> None:
        super().__init__()
        self.teacher = copy.deepcopy(student).requires_grad_(False)
        self._student = (student,)  # in a tuple, so that the student is not registered a second time
        self.momentum, self.schedule, self.buffers_mode = momentum, schedule, buffers

    def momentum_at(self, step: int, total: int) -> float:
        """:math:`m_k` for optimiser step ``step`` of ``total``."""
        if self.schedule == "constant":
            return self.momentum
        return 1 - (1 - self.momentum) * (math.cos(math.pi * min(step / max(total, 1), 1.0)) + 1) / 2

    @torch.no_grad()
    def step(self, step: int, total: int) -> None:
        """Move the teacher once; called by the learner after every optimiser step."""
        momentum = self.momentum_at(step, total)
        student = self._student[0]
        targets, sources = ([p.detach() for p in net.parameters()] for net in (self.teacher, student))
        torch._foreach_lerp_(targets, sources, 1 - momentum)
        if self.buffers_mode == "copy":
            for target, source in zip(self.teacher.buffers(), student.buffers(), strict=True):
                target.copy_(source)

    @torch.no_grad()
    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The teacher's output, without gradient."""
        output: Tensor = self.teacher(*args, **kwargs)
        return output
