"""Multinomial logistic regression on a matrix of features: the loss, its gradient, and two ways down."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import linear

from counterpoint.evaluate._arrays import blocks

_BLOCK = 8192
_CHECK = 5
"""Iterations between two looks at the gradient."""
_CURVATURE, _ROUNDED = 0.1, 1024
EPOCHS, BATCH, RATE, MOMENTUM = 30, 256, 0.1, 0.9


@dataclass(frozen=True)
class Solution:
    """Fitted weights ``(classes, dim + 1)``, the intercept last, and how they were reached."""

    weights: Tensor
    iterations: int
    converged: bool

    def predict(self, x: Tensor) -> Tensor:
        """The most probable class of standardised rows: ``(samples,)`` int64."""
        return linear(x, self.weights[:, :-1], self.weights[:, -1]).argmax(1)


Fit: TypeAlias = Callable[[Tensor, Tensor, int, float, Tensor | None], Solution]


def standardise(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, deviation (1 where a column does not vary) and the standardised rows with a column of ones behind."""
    scale, mean = torch.std_mean(x, dim=0, correction=0)
    still = scale <= 1e-6 * mean.abs() + torch.finfo(x.dtype).tiny
    scale = torch.where(still, 1.0, scale)
    ready = x.new_empty(len(x), x.shape[1] + 1)
    torch.sub(x, mean, out=ready[:, :-1]).div_(scale)
    ready[:, -1] = 1.0
    return mean, scale, ready


def accuracy(predictions: Tensor, truth: Tensor) -> float:
    """Share of equal entries."""
    return float((predictions == truth).double().mean())


def loss_and_gradient(weights: Tensor, x: Tensor, y: Tensor, weight_decay: float) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy plus half the decay times the squared weights, and its gradient, block by block.

    The loss is summed in float64: near the optimum a line search compares values that float32 cannot tell apart.
    """
    gradient, total = torch.zeros_like(weights), weights.new_zeros((), dtype=torch.float64)
    for part in blocks(len(x), _BLOCK):
        logits = linear(x[part], weights)
        lse = torch.logsumexp(logits, 1, keepdim=True)
        truth = y[part].unsqueeze(1)
        total += (lse - logits.gather(1, truth)).sum(dtype=torch.float64)
        residual = logits.sub_(lse).exp_()
        residual.scatter_add_(1, truth, residual.new_full((len(residual), 1), -1.0))
        gradient.addmm_(residual.T, x[part])  # this order: the other one is seven times slower on a CPU
    gradient /= len(x)
    gradient[:, :-1] += weight_decay * weights[:, :-1]
    return total / len(x) + 0.5 * weight_decay * weights[:, :-1].square().sum(dtype=torch.float64), gradient


@torch.no_grad()
def fit_lbfgs(
    x: Tensor,
    y: Tensor,
    classes: int,
    weight_decay: float,
    start: Tensor | None,
    *,
    max_iterations: int,
    tolerance: float,
) -> Solution:
    """Full-batch L-BFGS with a strong Wolfe line search, from ``start`` or from zero, in rounded coordinates."""
    forth, back = _coordinates(x, weight_decay)
    inner = x.new_zeros(classes, x.shape[1]) if start is None else _times(start, back)
    optimiser = torch.optim.LBFGS(
        [inner],
        lr=1.0,
        max_iter=_CHECK,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        value, gradient = loss_and_gradient(_times(inner, forth), x, y, weight_decay)
        inner.grad = _times(gradient, forth)
        return value

    iterations, last = 0, torch.inf
    while True:
        weights = _times(inner, forth)
        value, gradient = loss_and_gradient(weights, x, y, weight_decay)
        converged = bool(gradient.abs().max() <= tolerance)
        if converged or iterations >= max_iterations or not float(value) < last:
            return Solution(weights, iterations, converged)
        last = float(value)
        optimiser.step(closure)  # type: ignore[arg-type]
        iterations = int(optimiser.state[inner]["n_iter"])


def _coordinates(x: Tensor, weight_decay: float) -> tuple[Tensor, Tensor]:
    """A linear map from coordinates in which the loss is nearly round to weights, and its inverse.

    The Hessian is close to a multiple of the features' second moment (the multiple being a typical p (1 - p)) plus
    the decay; its inverse root is the map. Correlated features then cost tens of iterations, not hundreds. The
    problem that is solved, its penalty included, does not change. Beyond ``_ROUNDED`` features, the eigenvectors would
    cost more than the iterations they save: the coordinates stay as they are.
    """
    if x.shape[1] > _ROUNDED:
        same = torch.eye(1, dtype=x.dtype, device=x.device)
        return same, same
    moment = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64, device=x.device)
    for part in blocks(len(x), _BLOCK):
        moment += x[part].T @ x[part]
    values, vectors = torch.linalg.eigh(moment / len(x))
    root = (_CURVATURE * values.clamp_min(0) + weight_decay + 1e-6).sqrt()
    return ((vectors / root) @ vectors.T).to(x), ((vectors * root) @ vectors.T).to(x)


def _times(weights: Tensor, coordinates: Tensor) -> Tensor:
    """``weights @ coordinates``, or a copy of the weights for coordinates that stay as they are."""
    return weights.clone() if coordinates.numel() == 1 else weights @ coordinates


@torch.no_grad()
def fit_sgd(x: Tensor, y: Tensor, classes: int, weight_decay: float, start: Tensor | None, *, seed: int) -> Solution:
    """Minibatches with momentum and a cosine schedule, always from zero, so that ``start`` is not used."""
    weights = x.new_zeros(classes, x.shape[1])
    velocity = torch.zeros_like(weights)
    generator = torch.Generator().manual_seed(seed)
    size = min(BATCH, len(x))
    per_epoch, step = len(x) // size, 0
    for _ in range(EPOCHS):
        order = torch.randperm(len(x), generator=generator)[: per_epoch * size].to(x.device)
        for rows in order.view(per_epoch, size):
            rate = RATE * 0.5 * (1 + math.cos(math.pi * step / (EPOCHS * per_epoch)))
            _, gradient = loss_and_gradient(weights, x[rows], y[rows], weight_decay)
            velocity.mul_(MOMENTUM).add_(gradient)
            weights.sub_(rate * velocity)
            step += 1
    return Solution(weights, step, bool(torch.isfinite(weights).all()))
