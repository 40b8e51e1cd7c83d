"""DCL: InfoNCE without the positive in the denominator, so that small batches learn as fast as large ones.

Paper: Decoupled Contrastive Learning
Authors: Yeh, Chun-Hsiao and Hong, Cheng-Yao and Hsu, Yen-Chi and Liu, Tyng-Luh and Chen, Yubei and LeCun, Yann
Venue: European Conference on Computer Vision
Year: 2022
Code: none by the authors; compared with raminnakhli/Decoupled-Contrastive-Learning and lightly-ai/lightly
Modality: image
Objective: dcl_loss, dclw_loss, npc_multiplier

For anchor i of the first view, with unit embeddings and temperature T (paper section 3)::

    L_i = -w_i s(z_i^1, z_i^2) / T + log sum_{l in {1, 2}, j != i} exp( s(z_i^1, z_j^l) / T )

averaged over anchors of both views. DCL has w_i = 1; DCLW has w_i = 2 - B softmax_i( s(z_i^1, z_i^2) / sigma ), which
lets pairs that are already close count less. InfoNCE's gradient is q_B times this one's, with
q_B = 1 - (softmax probability of the positive): in a small batch the positive is easily picked, q_B goes to zero and
learning stalls. q_B is logged as the note ``q_b``. The loss may be negative, and its level depends on the batch size.

Whether the gradient flows through DCLW's weights the paper leaves open: lightly stops it, the other code does not;
``detach_weights`` chooses, and stops it by default.
"""

from __future__ import annotations

from torch import Tensor

from counterpoint.base.gather import gather
from counterpoint.base.learner import Learner
from counterpoint.core.typing import Batch
from counterpoint.encoders.heads import Projector
from counterpoint.encoders.image import Encoder
from counterpoint.evaluate.coupling import npc_multiplier
from counterpoint.objectives.decoupled import dcl_loss, dclw_loss


class DCL(Learner):
    """SimCLR's encoder and projector with the decoupled objective.

    Parameters
    ----------
    encoder : Encoder
    temperature : float
    weighted : bool
        DCLW instead of DCL.
    sigma : float
        Width of DCLW's weighting.
    detach_weights : bool
        Stop the gradient through DCLW's weights.
    hidden, dim : int
        Projector.
    """

    def __init__(self, encoder: Encoder, *, temperature: float = 0.1, weighted: bool = False, sigma: float = 0.5,
                 detach_weights: bool = True, hidden: int = 2048, dim: int = 128) -> None:
        super().__init__(encoder)
        self.temperature, self.weighted = temperature, weighted
        self.sigma, self.detach_weights = sigma, detach_weights
        self.projector = Projector(encoder.dim, hidden=hidden, dim=dim)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        z_a, z_b = (gather(self.projector(self.encoder(view))) for view in batch["views"])
        if self.noting:
            self.note("q_b", npc_multiplier(z_a.detach(), z_b.detach(), temperature=self.temperature).mean())
        if self.weighted:
            return {"dclw": dclw_loss(z_a, z_b, temperature=self.temperature, sigma=self.sigma,
                                      detach_weights=self.detach_weights)}
        return {"dcl": dcl_loss(z_a, z_b, temperature=self.temperature)}

    def embed(self, batch: Batch) -> Tensor:
        return self.encoder(batch["views"][0])
