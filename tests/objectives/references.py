"""The formulas as loops over single pairs: slow, in float64, written from the equations and nothing else."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_sum_exp(values: list[Tensor]) -> Tensor:
    """Log of a sum of exponentials of scalars."""
    return torch.stack(values).logsumexp(0)


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """Cosine of two vectors."""
    return (x * y).sum() / (x.square().sum().sqrt() * y.square().sum().sqrt())


def cosines(x: Tensor, y: Tensor) -> list[list[Tensor]]:
    """All of them."""
    return [[cosine(a, b) for b in y] for a in x]


def nt_xent(z_a: Tensor, z_b: Tensor, temperature: Tensor) -> Tensor:
    """Mean over both views of minus the log-probability of the other view."""
    rows, batch = torch.cat([z_a, z_b]), len(z_a)
    s = cosines(rows, rows)
    terms = []
    for i in range(2 * batch):
        p = (i + batch) % (2 * batch)
        terms.append(log_sum_exp([s[i][k] / temperature for k in range(2 * batch) if k != i]) - s[i][p] / temperature)
    return torch.stack(terms).mean()


def info_nce(query: Tensor, key: Tensor, temperature: Tensor) -> Tensor:
    """One direction."""
    s = cosines(query, key)
    return torch.stack(
        [log_sum_exp([v / temperature for v in row]) - row[i] / temperature for i, row in enumerate(s)]
    ).mean()


def info_nce_queue(query: Tensor, key: Tensor, queue: Tensor, temperature: Tensor) -> Tensor:
    """The positive and the queue."""
    terms = []
    for q, k in zip(query, key.detach(), strict=True):
        pos = cosine(q, k) / temperature
        terms.append(log_sum_exp([pos, *(cosine(q, n) / temperature for n in queue)]) - pos)
    return torch.stack(terms).mean()


def moco_v3_loss(query_a: Tensor, query_b: Tensor, key_a: Tensor, key_b: Tensor, temperature: Tensor) -> Tensor:
    """Twice the temperature times each direction."""
    return (
        2
        * temperature
        * (info_nce(query_a, key_b.detach(), temperature) + info_nce(query_b, key_a.detach(), temperature))
    )


def dcl_loss(z_a: Tensor, z_b: Tensor, temperature: Tensor) -> Tensor:
    """Neither the anchor nor its positive in the sum."""
    return _decoupled(z_a, z_b, temperature, torch.ones(len(z_a), dtype=z_a.dtype))


def dclw_loss(z_a: Tensor, z_b: Tensor, temperature: Tensor, sigma: float = 0.5, detach: bool = True) -> Tensor:
    """The positive weighted by 2 - N softmax."""
    raw = [torch.exp(cosine(a, b) / sigma) for a, b in zip(z_a, z_b, strict=True)]
    weights = torch.stack([2 - len(raw) * value / sum(raw) for value in raw])
    return _decoupled(z_a, z_b, temperature, weights.detach() if detach else weights)


def _decoupled(z_a: Tensor, z_b: Tensor, temperature: Tensor, weights: Tensor) -> Tensor:
    n, total = len(z_a), torch.zeros((), dtype=z_a.dtype)
    for own, other in ((z_a, z_b), (z_b, z_a)):
        for i in range(n):
            sums = [cosine(own[i], view[j]) / temperature for view in (own, other) for j in range(n) if j != i]
            total = total + log_sum_exp(sums) - weights[i] * cosine(own[i], other[i]) / temperature
    return total / (2 * n)


def clip(z_a: Tensor, z_b: Tensor, temperature: Tensor) -> Tensor:
    """Both directions, halved."""
    return (info_nce(z_a, z_b, temperature) + info_nce(z_b, z_a, temperature)) / 2


def siglip(z_a: Tensor, z_b: Tensor, temperature: Tensor, bias: Tensor) -> Tensor:
    """Each pair on its own, over B."""
    total = torch.zeros((), dtype=z_a.dtype)
    for i, a in enumerate(z_a):
        for j, b in enumerate(z_b):
            logit = cosine(a, b) / temperature + bias
            total = total - torch.nn.functional.logsigmoid(logit if i == j else -logit)
    return total / len(z_a)


def clip_distill(
    z_a: Tensor, z_b: Tensor, t_a: Tensor, t_b: Tensor, temperature: Tensor, teacher_temperature: float
) -> Tensor:
    """Cross-entropy with the teacher's softmax on rows and on columns."""
    student = torch.stack([torch.stack(row) for row in cosines(z_a, z_b)]) / temperature
    teacher = torch.stack([torch.stack(row) for row in cosines(t_a.detach(), t_b.detach())]) / teacher_temperature
    total = torch.zeros((), dtype=z_a.dtype)
    for s, t in ((student, teacher), (student.T, teacher.T)):
        for i in range(len(s)):
            total = total - (t[i].softmax(0) * s[i].log_softmax(0)).sum()
    return total / (2 * len(z_a))


def sup_con_loss(views: Tensor, labels: Tensor, temperature: Tensor, base_temperature: float = 0.07) -> Tensor:
    """Anchors without positives add nothing and stay in the divisor."""
    rows, all_labels = views.flatten(0, 1), labels.repeat(len(views)).tolist()
    s, n = cosines(rows, rows), len(rows)
    total = torch.zeros((), dtype=views.dtype)
    for i in range(n):
        positives = [p for p in range(n) if p != i and all_labels[p] == all_labels[i]]
        if positives:
            lse = log_sum_exp([s[i][k] / temperature for k in range(n) if k != i])
            total = total - torch.stack([s[i][p] / temperature - lse for p in positives]).mean()
    return temperature / base_temperature * total / n


def simsiam_loss(p_a: Tensor, p_b: Tensor, z_a: Tensor, z_b: Tensor) -> Tensor:
    """Minus the mean cosine, crossed, targets constant."""
    first = [cosine(p, z) for p, z in zip(p_a, z_b.detach(), strict=True)]
    second = [cosine(p, z) for p, z in zip(p_b, z_a.detach(), strict=True)]
    return -(torch.stack(first).mean() + torch.stack(second).mean()) / 2


def byol_loss(p_a: Tensor, p_b: Tensor, target_a: Tensor, target_b: Tensor) -> Tensor:
    """4 minus twice both mean cosines."""
    return 4 + 4 * simsiam_loss(p_a, p_b, target_a, target_b)


def barlow_twins_loss(z_a: Tensor, z_b: Tensor, lambd: float = 0.0051) -> Tensor:
    """Entry by entry of the cross-correlation matrix."""

    def standardise(column: Tensor) -> Tensor:
        centred = column - column.mean()
        return centred / torch.sqrt((centred**2).mean() + 1e-5)

    total, (batch, dim) = torch.zeros((), dtype=z_a.dtype), z_a.shape
    for left in range(dim):
        for right in range(dim):
            c = (standardise(z_a[:, left]) * standardise(z_b[:, right])).sum() / batch
            total = total + ((c - 1) ** 2 if left == right else lambd * c**2)
    return total


def auto_bias(batch: int) -> float:
    """ln(p / (1 - p)) at p = 1 / B."""
    return math.log((1 / batch) / (1 - 1 / batch))
