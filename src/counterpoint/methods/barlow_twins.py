"""Barlow Twins: make the cross-correlation of the two views' embeddings the identity.

Paper: Barlow Twins: Self-Supervised Learning via Redundancy Reduction
Authors: Zbontar, Jure and Jing, Li and Misra, Ishan and LeCun, Yann and Deny, Stéphane
Venue: International Conference on Machine Learning
Year: 2021
Code: facebookresearch/barlowtwins
Modality: image
Objective: barlow_twins_loss

With C the correlation, over the batch, of standardised embeddings of the two views (paper eqs. 1 and 2)::

    L = sum_l (C_ll - 1)^2 + lambd * sum_{l != m} C_lm^2

A sum over entries, so ``lambd`` (0.0051 for 8192 dimensions) must grow when the projector shrinks.
"""

from __future__ import annotations

from torch import Tensor

from counterpoint.base.gather import gather
from counterpoint.base.learner import Learner
from counterpoint.core.typing import Batch
from counterpoint.encoders.heads import Projector
from counterpoint.encoders.image import Encoder
from counterpoint.objectives.redundancy import barlow_twins_loss


class BarlowTwins(Learner):
    """Encoder and a wide three-layer projector.

    Parameters
    ----------
    encoder : Encoder
    lambd : float
        Weight of the off-diagonal entries.
    scale : float
        Multiplies the loss, for optimisers that notice (plain SGD); 1 in the paper.
    hidden, dim : int
        Projector.
    """

    def __init__(self, encoder: Encoder, *, lambd: float = 0.0051, scale: float = 1.0, hidden: int = 8192,
                 dim: int = 8192) -> None:
        super().__init__(encoder)
        self.lambd, self.scale = lambd, scale
        self.projector = Projector(encoder.dim, layers=3, hidden=hidden, dim=dim, bias=False)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        z_a, z_b = (gather(self.projector(self.encoder(view))) for view in batch["views"])
        return {"barlow_twins": self.scale * barlow_twins_loss(z_a, z_b, lambd=self.lambd)}

    def embed(self, batch: Batch) -> Tensor:
        return self.encoder(batch["views"][0])
