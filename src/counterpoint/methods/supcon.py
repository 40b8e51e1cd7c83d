"""SupCon: every sample of the same class is a positive.

Paper: Supervised Contrastive Learning
Authors: Khosla, Prannay and Teterwak, Piotr and Wang, Chen and Sarna, Aaron and Tian, Yonglong and Isola, Phillip
Venue: Advances in Neural Information Processing Systems
Year: 2020
Code: HobbitLong/SupContrast
Modality: image
Objective: sup_con_loss

For anchor i among the V B views, P(i) the other views of its class (paper eq. 2, the mean outside the logarithm)::

    L = mean_i -(T / T_base) mean_{p in P(i)} [ s(i, p) / T - log sum_{k != i} exp( s(i, k) / T ) ]

Anchors without a positive add nothing and stay in the mean, as in the authors' code; with two views of each sample
there are none. ``base_temperature`` only scales the loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.base.gather import gather
from counterpoint.base.learner import Learner
from counterpoint.core.typing import Batch
from counterpoint.encoders.heads import Projector
from counterpoint.encoders.image import Encoder
from counterpoint.objectives.supervised import sup_con_loss


class SupCon(Learner):
    """Encoder and projector, trained with labels.

    Parameters
    ----------
    encoder : Encoder
    temperature, base_temperature : float
    hidden, dim : int
        Projector.
    """

    needs_labels = True

    def __init__(self, encoder: Encoder, *, temperature: float = 0.1, base_temperature: float = 0.07,
                 hidden: int = 2048, dim: int = 128) -> None:
        super().__init__(encoder)
        self.temperature, self.base_temperature = temperature, base_temperature
        self.projector = Projector(encoder.dim, hidden=hidden, dim=dim, norm="none")

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        views = torch.stack([gather(self.projector(self.encoder(view))) for view in batch["views"]])
        return {"sup_con": sup_con_loss(views, gather(batch["label"]), temperature=self.temperature,
                                        base_temperature=self.base_temperature)}

    def embed(self, batch: Batch) -> Tensor:
        return self.encoder(batch["views"][0])
