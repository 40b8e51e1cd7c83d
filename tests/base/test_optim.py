"""Parameter groups, scaling of rates and the schedule."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from counterpoint.base.optim import build_optimizer, build_schedule, parameter_groups, rate_factor
from counterpoint.base.recipe import Optimizer


def network() -> nn.Module:
    return nn.ModuleDict({"encoder": nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), "predictor": nn.Linear(4, 4)})


def test_no_decay_on_vectors():
    groups = parameter_groups(network(), Optimizer(weight_decay=0.1), ())
    decayed = {g["weight_decay"]: {p.ndim for p in g["params"]} for g in groups}
    assert decayed == {0.1: {2}, 0.0: {1}}
    assert sum(len(g["params"]) for g in groups) == len(list(network().parameters()))


def test_rates_scale_with_batch_and_biases_keep_theirs():
    settings = Optimizer(name="sgd", learning_rate=0.2, bias_rate=0.0048, per_batch=256)
    optimizer = build_optimizer(parameter_groups(network(), settings, ()), settings, batch=512)
    rates = {g["params"][0].ndim: g["lr"] for g in optimizer.param_groups}
    assert rates[2] == pytest.approx(0.4)
    assert rates[1] == pytest.approx(0.0096)


@pytest.mark.parametrize("name", ["adamw", "sgd", "lars"])
def test_held_parameters_keep_their_peak(name):
    settings = Optimizer(name=name, learning_rate=0.1)
    model = network()
    optimizer = build_optimizer(parameter_groups(model, settings, ("predictor.",)), settings, batch=8)
    schedule = build_schedule(optimizer, settings, total=10, steps_per_epoch=5)
    for _ in range(10):
        sum(p.square().sum() for p in model.parameters()).backward()
        optimizer.step()
        schedule.step()
    for group in optimizer.param_groups:
        assert group["lr"] == pytest.approx(0.1 if group["held"] else 0.0, abs=1e-9)


def test_schedule_is_continuous_and_ends_at_zero():
    factors = [rate_factor(s, total=100, warmup=10, cosine=True) for s in range(101)]
    assert factors[9] == factors[10] == 1.0
    assert max(abs(a - b) for a, b in pairwise(factors[10:])) < math.pi / 2 / 89 * 1.1
    assert factors[-1] == pytest.approx(0, abs=1e-3)


def test_lars_leaves_vectors_unscaled():
    weight, bias = nn.Parameter(torch.full((4, 4), 100.0)), nn.Parameter(torch.full((4,), 100.0))
    model = nn.ParameterDict({"weight": weight, "bias": bias})
    settings = Optimizer(name="lars", learning_rate=0.1, momentum=0.0, weight_decay=1e-6)
    optimizer = build_optimizer(parameter_groups(model, settings, ()), settings, batch=8)
    weight.grad, bias.grad = torch.ones(4, 4), torch.ones(4)
    optimizer.step()
    assert 100 - bias[0].item() == pytest.approx(0.1, rel=1e-4)
    ratio = 0.001 * weight.norm() / 4  # trust coefficient * |w| / |g|
    assert 100 - weight[0, 0].item() == pytest.approx(0.1 * 0.1, rel=0.02), ratio
