"""BYOL: predict what a slowly moving teacher sees in the other view, without any negatives.

Paper: Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning
Authors: Grill, Jean-Bastien and Strub, Florian and Altché, Florent and Tallec, Corentin and Richemond, Pierre H.
Venue: Advances in Neural Information Processing Systems
Year: 2020
Code: google-deepmind/deepmind-research (byol)
Modality: image
Objective: byol_loss

For unit predictions p and teacher embeddings t of the two views (paper eqs. 2 and 3)::

    L = mean [ ||p_a - t_b||^2 + ||p_b - t_a||^2 ]

the teacher constant and moved after each optimiser step with m_k = 1 - (1 - m_0)(cos(pi k / K) + 1) / 2. The two views
come from unlike distributions (blur 1.0 / 0.1, solarise 0 / 0.2).
"""

from __future__ import annotations

from torch import Tensor, nn

from counterpoint.base.ema import Ema
from counterpoint.base.learner import Learner
from counterpoint.core.typing import Batch
from counterpoint.encoders.heads import Predictor, Projector
from counterpoint.encoders.image import Encoder
from counterpoint.objectives.predictive import byol_loss


class BYOL(Learner):
    """Encoder, projector, predictor, and a teacher of encoder and projector.

    Parameters
    ----------
    encoder : Encoder
    momentum : float
        Start of the teacher's momentum; 0.97 / 0.99 / 0.99 / 0.996 for 40 / 100 / 300 / 1000 epochs.
    hidden, dim : int
        Projector and predictor.
    """

    def __init__(self, encoder: Encoder, *, momentum: float = 0.996, hidden: int = 4096, dim: int = 256) -> None:
        super().__init__(encoder)
        self.projector = Projector(encoder.dim, hidden=hidden, dim=dim)
        self.predictor = Predictor(dim, hidden=hidden)
        self.teacher = Ema(nn.Sequential(self.encoder, self.projector), momentum=momentum, schedule="cosine")

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        predictions = [self.predictor(self.projector(self.encoder(view))) for view in batch["views"]]
        targets = [self.teacher(view) for view in batch["views"]]
        return {"byol": byol_loss(*predictions, *targets)}

    def embed(self, batch: Batch) -> Tensor:
        return self.encoder(batch["views"][0])
