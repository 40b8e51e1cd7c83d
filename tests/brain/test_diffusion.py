"""The schedule against the recursion it is the closed form of."""

from __future__ import annotations

import math

import pytest
import torch

from counterpoint.brain import DiffusionSchedule
from counterpoint.core.errors import CounterpointError


@pytest.mark.parametrize("kind", ["cosine", "linear"])
@pytest.mark.parametrize("steps", [1, 2, 20, 100, 1000])
def test_what_is_left_is_a_product(kind: str, steps: int) -> None:
    """Step by step; nothing is left of the signal in the end where there are many steps."""
    schedule = DiffusionSchedule(steps, kind)
    kept = 1.0
    for t in range(steps):
        kept *= 1.0 - float(schedule.betas[t])
        assert float(schedule.alphas_cumprod[t]) == pytest.approx(kept, rel=1e-3, abs=1e-9)
    assert bool(((schedule.betas > 0) & (schedule.betas <= 0.999)).all())
    if steps >= 20:
        assert kept < 1e-4


def test_the_cosine_schedule_is_the_papers() -> None:
    """Of Nichol and Dhariwal, Eq. 17."""
    schedule = DiffusionSchedule(100)
    first = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    for t in (0, 24, 50, 90):
        exact = math.cos(((t + 1) / 100 + 0.008) / 1.008 * math.pi / 2) ** 2 / first
        assert float(schedule.alphas_cumprod[t]) == pytest.approx(exact, rel=1e-5)


def test_many_small_steps_are_one_large_one() -> None:
    """Mean and spread of a signal after the recursion x <- sqrt(1 - beta) x + sqrt(beta) noise."""
    schedule, generator = DiffusionSchedule(30), torch.Generator().manual_seed(0)
    x = torch.full((20_000, 1), 2.0)
    for t in range(20):
        beta = schedule.betas[t]
        x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn(x.shape, generator=generator)
    at = torch.full((2,), 19)
    start = torch.full((2, 1), 2.0)
    mean = schedule.q_sample(start, at, torch.zeros(2, 1))[0]
    spread = schedule.q_sample(torch.zeros(2, 1), at, torch.ones(2, 1))[0]
    assert float(x.mean()) == pytest.approx(float(mean), abs=0.03)
    assert float(x.std()) == pytest.approx(float(spread), abs=0.03)


def test_the_posterior_is_bayes_rule() -> None:
    """On a grid of values of x at t - 1: prior from the start times likelihood of x at t."""
    schedule = DiffusionSchedule(50)
    start, x_t, t = 0.7, -0.4, 20
    posterior = schedule.q_posterior(torch.tensor([[start]]), torch.tensor([[x_t]]), torch.tensor([t]))
    grid = torch.linspace(-6, 6, 20_001, dtype=torch.float64)
    before, beta = float(schedule.alphas_cumprod[t - 1]), float(schedule.betas[t])
    log = -((grid - before**0.5 * start) ** 2) / (2 * (1 - before)) - (x_t - (1 - beta) ** 0.5 * grid) ** 2 / (2 * beta)
    weights = log.softmax(0)
    mean = float((weights * grid).sum())
    assert float(posterior.mean) == pytest.approx(mean, abs=1e-4)
    assert float(posterior.variance) == pytest.approx(float((weights * (grid - mean) ** 2).sum()), rel=1e-3)


def test_the_last_step_back_is_certain() -> None:
    """Its mean is the start, its variance 0, its logarithm finite; shapes broadcast."""
    schedule = DiffusionSchedule(10)
    start, noise, t = torch.randn(3, 2, 5), torch.randn(3, 2, 5), torch.zeros(3, dtype=torch.long)
    mean, variance, log_variance = schedule.q_posterior(start, schedule.q_sample(start, t, noise), t)
    torch.testing.assert_close(mean, start)
    assert variance.shape == log_variance.shape == (3, 1, 1)
    assert float(variance.abs().max()) == 0.0
    assert float(log_variance[0]) == pytest.approx(math.log(1e-20), abs=1e-4)


def test_it_moves_without_weighing_on_checkpoints() -> None:
    """Buffers follow the module's device; nothing of them is in the state dict."""
    schedule = DiffusionSchedule(10).to("meta")
    assert {buffer.device.type for buffer in schedule.buffers()} == {"meta"}
    assert not schedule.state_dict()
    assert not list(schedule.parameters())


def test_what_is_refused() -> None:
    """Times out of range, of a wrong kind or number; schedules without name or steps."""
    schedule, x = DiffusionSchedule(10), torch.randn(2, 3)
    with pytest.raises(CounterpointError, match="t runs from 0 to 10"):
        schedule.q_sample(x, torch.tensor([0, 10]), x)
    with pytest.raises(CounterpointError, match=r"\(2,\) integers"):
        schedule.q_sample(x, torch.tensor([0]), x)
    with pytest.raises(CounterpointError, match="float32"):
        schedule.q_posterior(x, x, torch.tensor([0.0, 1.0]))
    with pytest.raises(CounterpointError, match='"sigmoid"'):
        DiffusionSchedule(10, "sigmoid")  # type: ignore[arg-type]
    with pytest.raises(CounterpointError, match="num_timesteps is 0"):
        DiffusionSchedule(0)
