"""
Why small batches stall, and what decoupling does
=================================================

InfoNCE's gradient for one anchor is that of DCL times :math:`q_B`, one minus the softmax probability of the positive.
With few negatives the positive is picked easily, :math:`q_B` goes to zero, and the anchor stops learning although its
negatives are still badly placed. Here on embeddings whose positives are already close, as after some training.
"""

import matplotlib.pyplot as plt
import torch

from counterpoint.evaluate import npc_multiplier
from counterpoint.objectives import dcl_loss, nt_xent


def pairs(batch: int, *, noise: float, dim: int = 64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two views: one random unit direction per picture, moved by noise."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.nn.functional.normalize(torch.randn(batch, dim, generator=generator), dim=1)
    scale = noise / dim**0.5
    return tuple(centre + scale * torch.randn(batch, dim, generator=generator) for _ in range(2))


# %%
# How much of the gradient is left
# --------------------------------
# Each line is one distance between the two views of a picture: the smaller, the further training has come.

sizes = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
for noise, colour in ((1.2, "#0b5fa5"), (0.8, "#c8500a"), (0.4, "#00806b")):
    left = [float(npc_multiplier(*pairs(size, noise=noise), temperature=0.1).mean()) for size in sizes]
    axes.plot(sizes, left, "o-", color=colour)
    axes.annotate(
        f"views {noise} apart",
        (sizes[-1], left[-1]),
        xytext=(6, 0),
        textcoords="offset points",
        color=colour,
        va="center",
    )
axes.set(xscale="log", xlabel="batch (log scale)", ylabel="mean $q_B$", ylim=(0, 1))
axes.set_xticks(sizes, [str(size) for size in sizes])
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The same as gradients
# ---------------------
# The norm of the gradient with respect to one view, per picture: InfoNCE's shrinks with the batch, DCL's does not.


def gradient(loss, batch: int) -> float:
    """Mean norm of an anchor's gradient, times the batch because losses are means."""
    z_a, z_b = pairs(batch, noise=0.8)
    z_a.requires_grad_()
    loss(z_a, z_b, temperature=0.1).backward()
    return float(z_a.grad.norm(dim=1).mean()) * batch


figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
for loss, colour in ((nt_xent, "#0b5fa5"), (dcl_loss, "#c8500a")):
    norms = [gradient(loss, size) for size in sizes]
    axes.plot(sizes, norms, "o-", color=colour)
    axes.annotate(loss.__name__, (sizes[0], norms[0]), xytext=(0, 8), textcoords="offset points", color=colour)
    print(f"{loss.__name__}: batch 1024 over batch 4 = {norms[-1] / norms[1]:.1f}")
axes.set(xscale="log", xlabel="batch (log scale)", ylabel="gradient norm per picture", ylim=(0, None))
axes.set_xticks(sizes, [str(size) for size in sizes])
axes.spines[["top", "right"]].set_visible(False)
plt.show()
