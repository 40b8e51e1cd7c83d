"""SimSiam: a predictor and a stopped gradient are enough; no negatives, no teacher.

Paper: Exploring Simple Siamese Representation Learning
Authors: Chen, Xinlei and He, Kaiming
Venue: Conference on Computer Vision and Pattern Recognition
Year: 2021
Code: facebookresearch/simsiam
Modality: image
Objective: simsiam_loss

For predictions p and projections z of the two views, sg stopping the gradient (paper eqs. 3 and 4)::

    L = -1/2 [ mean cos(p_a, sg z_b) + mean cos(p_b, sg z_a) ]          in -1..1

A loss near -1 within an epoch is collapse, which the loss alone cannot tell from success: watch the spread of the
embeddings. The predictor keeps its rate while everything else follows the cosine (paper section 4.2, the authors'
``--fix-pred-lr``). ``stop_gradient=False`` is the paper's failing control (section 4.1).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from counterpoint.base.learner import Learner
from counterpoint.core.typing import Batch
from counterpoint.encoders.heads import Predictor, Projector
from counterpoint.encoders.image import Encoder
from counterpoint.objectives.predictive import simsiam_loss


class SimSiam(Learner):
    """Encoder, three-layer projector, bottleneck predictor.

    Parameters
    ----------
    encoder : Encoder
    hidden : int
        Width of the projector, and length of its output.
    bottleneck : int
        Hidden width of the predictor, a quarter of ``hidden`` in the paper.
    stop_gradient : bool
    """

    constant_rate = ("predictor.",)

    def __init__(self, encoder: Encoder, *, hidden: int = 2048, bottleneck: int = 512,
                 stop_gradient: bool = True) -> None:
        super().__init__(encoder)
        self.stop_gradient = stop_gradient
        self.projector = Projector(encoder.dim, layers=3, hidden=hidden, dim=hidden, last_norm="plain", bias=False)
        self.predictor = Predictor(hidden, hidden=bottleneck)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        z_a, z_b = (self.projector(self.encoder(view)) for view in batch["views"])
        p_a, p_b = self.predictor(z_a), self.predictor(z_b)
        if self.stop_gradient:
            return {"simsiam": simsiam_loss(p_a, p_b, z_a, z_b)}
        both = functional.cosine_similarity(p_a, z_b) + functional.cosine_similarity(p_b, z_a)
        return {"without_stop_gradient": -both.mean() / 2}

    def embed(self, batch: Batch) -> Tensor:
        return self.encoder(batch["views"][0])
