"""The teacher: its formula, its schedule, and that it owns nothing of the student."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from counterpoint.base.ema import Ema


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_follows_the_formula():
    student = network()
    teacher = Ema(student, momentum=0.9)
    before = [p.clone() for p in teacher.teacher.parameters()]
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(1.0)
    teacher.step(1, 10)
    for old, new, own in zip(before, teacher.teacher.parameters(), student.parameters(), strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * own)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.99), (50, 1 - 0.01 * 0.5), (100, 1.0)])
def test_cosine_momentum(step: int, expected: float):
    teacher = Ema(network(), momentum=0.99, schedule="cosine")
    assert math.isclose(teacher.momentum_at(step, 100), expected, abs_tol=1e-12)


def test_teacher_is_frozen_and_student_registered_once():
    student = network()
    teacher = Ema(student, momentum=0.5)
    assert not any(p.requires_grad for p in teacher.parameters())
    assert len(list(teacher.parameters())) == len(list(student.parameters()))
    assert not teacher(torch.randn(5, 3)).requires_grad


def test_batch_norm_statistics():
    student = network()
    own, copied = Ema(student, momentum=0.5), Ema(student, momentum=0.5, buffers="copy")
    student(torch.randn(8, 3) + 5)
    own.step(1, 2)
    copied.step(1, 2)
    assert torch.equal(copied.teacher[1].running_mean, student[1].running_mean)
    assert torch.equal(own.teacher[1].running_mean, torch.zeros(4))
