"""SimCLR: the two views of a picture find each other among all views of the batch.

Paper: A Simple Framework for Contrastive Learning of Visual Representations
Authors: Chen, Ting and Kornblith, Simon and Norouzi, Mohammad and Hinton, Geoffrey
Venue: International Conference on Machine Learning
Year: 2020
Code: google-research/simclr
Modality: image
Objective: nt_xent

For the 2B stacked unit embeddings with temperature T (paper eq. 1)::

    L = mean_i [ -s(i, p(i)) / T + log sum_{k != i} exp( s(i, k) / T ) ]

Parts: encoder, projector Linear-BN-ReLU-Linear. Features are taken before the projector (paper section 4.2).
The authors' code adds the means of the two halves, exactly twice this value: halve the rate of plain SGD quoted
from it; LARS and AdamW do not notice.
"""

from __future__ import annotations

from torch import Tensor

from counterpoint.base.gather import gather
from counterpoint.base.learner import Learner
from counterpoint.core.typing import Batch
from counterpoint.encoders.heads import Projector
from counterpoint.encoders.image import Encoder
from counterpoint.objectives.instance import nt_xent


class SimCLR(Learner):
    """Encoder and projector, trained with :func:`counterpoint.objectives.nt_xent`.

    Parameters
    ----------
    encoder : Encoder
    temperature : float
        T: 0.1 for ImageNet, 0.5 for CIFAR-10 in the paper.
    hidden : int
        Width of the projector's hidden layer.
    dim : int
        Length of the projected embedding.
    """

    def __init__(self, encoder: Encoder, *, temperature: float = 0.1, hidden: int = 2048, dim: int = 128) -> None:
        super().__init__(encoder)
        self.temperature = temperature
        self.projector = Projector(encoder.dim, hidden=hidden, dim=dim)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        z_a, z_b = (gather(self.projector(self.encoder(view))) for view in batch["views"])
        return {"nt_xent": nt_xent(z_a, z_b, temperature=self.temperature)}

    def embed(self, batch: Batch) -> Tensor:
        return self.encoder(batch["views"][0])
