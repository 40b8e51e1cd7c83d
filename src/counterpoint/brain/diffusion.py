"""Gaussian diffusion in discrete time: the schedule and its closed forms."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError


class Posterior(NamedTuple):
    """The Gaussian of one step back: ``mean`` like ``x_t``; the others ``(batch, 1, ...)``, to broadcast."""

    mean: Tensor
    variance: Tensor
    log_variance: Tensor


class DiffusionSchedule(nn.Module):
    r"""How much of a signal is left after t steps of noise, and what a step back looks like.

    .. math:: x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon

    Ho et al. 2020, Eq. 4 and 7; cosine schedule of Nichol and Dhariwal 2021, Eq. 17, with s = 0.008 and betas
    cut at 0.999. Worked out in float64 and kept in float32. Buffers move with ``.to(device)`` and stay out of
    the state dict: they follow from the settings.

    Parameters
    ----------
    num_timesteps : int
        Number of steps T; a time t is an integer in 0..T-1.
    schedule : {"cosine", "linear"}
        ``"linear"``: betas from 1e-4 to 0.02 at 1000 steps, steeper in proportion with fewer.

    Attributes
    ----------
    betas : Tensor
        ``(num_timesteps,)`` variance that each step adds.
    alphas_cumprod : Tensor
        ``(num_timesteps,)`` share of the signal's variance left.

    Examples
    --------
    >>> schedule = DiffusionSchedule(100)
    >>> [round(float(x), 4) for x in schedule.alphas_cumprod[[0, 50, 99]]]
    [0.9994, 0.4783, 0.0]
    """

    betas: Tensor
    alphas_cumprod: Tensor
    _log_variance: Tensor

    def __init__(self, num_timesteps: int = 100, schedule: Literal["cosine", "linear"] = "cosine") -> None:
        super().__init__()
        if num_timesteps < 1:
            raise CounterpointError(f"num_timesteps is {num_timesteps}.", "1 or more is needed.")
        self.num_timesteps, self.schedule = num_timesteps, schedule
        betas = _betas(num_timesteps, schedule)
        kept = torch.cumprod(1.0 - betas, 0)
        before = torch.cat([torch.ones(1, dtype=torch.float64), kept[:-1]])
        variance = betas * (1.0 - before) / (1.0 - kept)
        table = {
            "betas": betas,
            "alphas_cumprod": kept,
            "_signal": kept.sqrt(),
            "_noise": (1.0 - kept).sqrt(),
            "_of_start": betas * before.sqrt() / (1.0 - kept),
            "_of_x_t": (1.0 - before) * (1.0 - betas).sqrt() / (1.0 - kept),
            "_variance": variance,
            "_log_variance": variance.clamp(min=1e-20).log(),  # the first step back has a variance of 0
        }
        for name, values in table.items():
            self.register_buffer(name, values.float(), persistent=False)

    def q_sample(self, x_start: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """``x_start`` ``(batch, ...)`` after ``t`` ``(batch,)`` steps, with ``noise`` like it."""
        self._check(x_start, t)
        return self._at("_signal", t, x_start) * x_start + self._at("_noise", t, x_start) * noise

    def q_posterior(self, x_start: Tensor, x_t: Tensor, t: Tensor) -> Posterior:
        """The Gaussian of x at t - 1, given ``x_start`` and ``x_t`` ``(batch, ...)`` at times ``t``."""
        self._check(x_t, t)
        mean = self._at("_of_start", t, x_t) * x_start + self._at("_of_x_t", t, x_t) * x_t
        return Posterior(mean, self._at("_variance", t, x_t), self._at("_log_variance", t, x_t))

    def _at(self, name: str, t: Tensor, like: Tensor) -> Tensor:
        values: Tensor = getattr(self, name)[t]
        return values.to(like.dtype).view(-1, *(1,) * (like.ndim - 1))

    def _check(self, x: Tensor, t: Tensor) -> None:
        """Times are only looked at on the CPU."""
        if t.shape != x.shape[:1] or t.is_floating_point():
            raise CounterpointError(
                f"t is {t.dtype} of shape {tuple(t.shape)}.",
                f"({len(x)},) integers were expected, one time per sample.",
            )
        if t.device.type == "cpu" and t.numel() and not 0 <= int(t.min()) <= int(t.max()) < self.num_timesteps:
            raise CounterpointError(
                f"t runs from {int(t.min())} to {int(t.max())}.", f"Times lie in 0..{self.num_timesteps - 1}."
            )


def _betas(steps: int, schedule: str) -> Tensor:
    if schedule == "cosine":
        x = torch.linspace(0, steps, steps + 1, dtype=torch.float64)
        kept = torch.cos((x / steps + 0.008) / 1.008 * math.pi / 2) ** 2
        return (1.0 - kept[1:] / kept[:-1]).clamp(0.0, 0.999)
    if schedule == "linear":
        scale = 1000.0 / steps
        return torch.linspace(scale * 1e-4, scale * 0.02, steps, dtype=torch.float64).clamp(max=0.999)
    raise CounterpointError(f'No schedule called "{schedule}".', 'Known: "cosine", "linear".')
