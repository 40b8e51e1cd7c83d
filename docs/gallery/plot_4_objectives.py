"""
Objectives compared on one batch
================================

What does each formula ask of the same embeddings? A batch is moved step by step from random, over well spread with
matching views, to collapsed, and each objective is read off. Their levels cannot be compared, their shapes can.
"""

import matplotlib.pyplot as plt
import torch

from counterpoint.evaluate import alignment, effective_rank, uniformity
from counterpoint.objectives import barlow_twins_loss, dcl_loss, kernel_path, nt_xent, simsiam_loss

generator = torch.Generator().manual_seed(0)
batch, dim = 128, 32
noise_a, noise_b, centre = (torch.randn(batch, dim, generator=generator) for _ in range(3))
point = torch.randn(1, dim, generator=generator).expand(batch, dim)


def unit(rows: torch.Tensor) -> torch.Tensor:
    """Rows of length one."""
    return torch.nn.functional.normalize(rows, dim=1)


def state(t: float) -> tuple[torch.Tensor, torch.Tensor]:
    """0: unrelated views; 1: equal views, well spread; 2: everything in one point."""
    own = min(t, 1.0)
    a, b = (unit((1 - own) * noise + own * centre) for noise in (noise_a, noise_b))
    if t <= 1:
        return a, b
    return tuple(unit((2 - t) * z + (t - 1) * unit(point)) for z in (a, b))


def predictive(z_a: torch.Tensor, z_b: torch.Tensor) -> torch.Tensor:
    """SimSiam with an identity as predictor."""
    return simsiam_loss(z_a, z_b, z_a, z_b)


times = torch.linspace(0, 1.98, 67).tolist()
objectives = {
    "nt_xent": nt_xent,
    "dcl_loss": dcl_loss,
    "barlow_twins_loss": barlow_twins_loss,
    "simsiam_loss": predictive,
}
figure, panels = plt.subplots(len(objectives), 1, figsize=(6.4, 7), sharex=True, layout="constrained")
for axes, (name, objective) in zip(panels, objectives.items(), strict=True):
    values = [float(objective(*state(t))) for t in times]
    axes.plot(times, values, color="#0b5fa5")
    axes.axvline(1, color="#5a6574", linewidth=0.8, linestyle=":")
    axes.set_title(f"{name}: lowest at {times[values.index(min(values))]:.2f}", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
panels[-1].set_xticks([0, 1, 2], ["unrelated", "matched and spread", "collapsed"])
plt.show()

# %%
# A predictive loss cannot tell the middle from the end: it stays at its lowest value while everything collapses, which
# is why SimSiam and BYOL need a stopped gradient and a predictor, and why the report shows the effective rank.

for name, t in (("unrelated", 0.0), ("matched", 1.0), ("nearly collapsed", 1.98)):
    z_a, z_b = state(t)
    print(
        f"{name:17} alignment {float(alignment(z_a, z_b)):.3f}   uniformity {float(uniformity(z_a)):+.2f}   "
        f"effective rank {float(effective_rank(z_a)):.1f} of {dim}"
    )

# %%
# Two paths, one number
# ---------------------
# Small batches form the similarity matrix, large ones are swept in tiles. Value and gradient agree.

z_a, z_b = state(0.5)
for path in ("dense", "streamed"):
    with kernel_path(path):
        x = z_a.double().requires_grad_()
        loss = nt_xent(x, z_b.double(), temperature=0.1)
        loss.backward()
        print(f"{path:9} {loss.item():.12f}   gradient norm {float(x.grad.norm()):.12f}")
