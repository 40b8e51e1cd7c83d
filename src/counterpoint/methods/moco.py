"""MoCo: a slowly moving teacher makes the keys; version 2 keeps them in a queue, version 3 in the batch.

Paper: Momentum Contrast for Unsupervised Visual Representation Learning
Authors: He, Kaiming and Fan, Haoqi and Wu, Yuxin and Xie, Saining and Girshick, Ross
Venue: Conference on Computer Vision and Pattern Recognition
Year: 2020
Code: facebookresearch/moco, facebookresearch/moco-v3
Modality: image
Objective: info_nce_queue, moco_v3_loss

Version 2 ("Improved Baselines with Momentum Contrastive Learning", 2020), for query q, its key k+ and the queue::

    L = mean -log exp( q.k+ / T ) / ( exp( q.k+ / T ) + sum_{n in queue} exp( q.n / T ) )

The queue starts random and is filled with keys after the loss, so the loss rises at first. Version 3 ("An Empirical
Study of Training Self-Supervised Vision Transformers", 2021) drops the queue: predicted queries of one view meet the
teacher's keys of the other view, both ways, scaled by 2 T.

Keys are encoded in ``key_groups`` shuffled groups of the batch, where the authors shuffle samples across GPUs, so that
batch norm does not give a query away (:class:`counterpoint.base.keys.KeyQueue`). The authors' v3 code moves the teacher
before the keys are made, ours after the optimiser step, which is the same but for the first.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from counterpoint.base.ema import Ema
from counterpoint.base.gather import gather
from counterpoint.base.keys import KeyQueue
from counterpoint.base.learner import Learner
from counterpoint.core.errors import CounterpointError
from counterpoint.core.typing import Batch
from counterpoint.encoders.heads import Predictor, Projector
from counterpoint.encoders.image import Encoder
from counterpoint.objectives.instance import info_nce_queue, moco_v3_loss


class MoCo(Learner):
    """Query network, teacher, and a queue (version 2) or a predictor (version 3).

    Parameters
    ----------
    encoder : Encoder
    version : {2, 3}
    temperature : float
        0.2 in version 2 and for version 3's transformers; 1.0 for version 3's ResNet-50.
    momentum : float
        Of the teacher: 0.999 constant in version 2; in version 3 the start (0.99) of a cosine up to 1.
    queue : int
        Entries; 65,536 for ImageNet. More than an epoch of keys hurts on small data.
    key_groups : int
        Groups of the batch whose keys are encoded apart (version 2).
    hidden, dim : int
        Projector (and predictor).
    """

    def __init__(self, encoder: Encoder, *, version: Literal[2, 3] = 2, temperature: float = 0.2,
                 momentum: float = 0.999, queue: int = 65536, key_groups: int = 8, hidden: int = 2048,
                 dim: int = 128) -> None:
        super().__init__(encoder)
        if version not in (2, 3):
            raise CounterpointError(f"MoCo version {version}.", "2 (queue) or 3 (no queue).", "--method.version 2")
        self.version, self.temperature = version, temperature
        old = version == 2
        self.projector = Projector(encoder.dim, hidden=hidden, dim=dim, norm="none" if old else "batch",
                                   last_norm="none" if old else "plain", bias=old)
        student = nn.Sequential(self.encoder, self.projector)
        self.keys = KeyQueue(student, dim=dim, momentum=momentum, entries=queue, groups=key_groups) if old else None
        self.teacher = nn.Identity() if old else Ema(student, momentum=momentum, schedule="cosine")
        self.predictor = nn.Identity() if old else Predictor(dim, hidden=hidden)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        view_a, view_b = batch["views"]
        if self.keys is not None:
            query, key = self.projector(self.encoder(view_a)), self.keys(view_b)
            loss = info_nce_queue(query, key, self.keys.entries, temperature=self.temperature)
            self.keys.push(key)
            return {"info_nce": loss}
        head = nn.Sequential(self.encoder, self.projector, self.predictor)
        queries = [gather(head(view)) for view in (view_a, view_b)]
        keys = [gather(self.teacher(view)) for view in (view_a, view_b)]
        return {"moco_v3": moco_v3_loss(*queries, *keys, temperature=self.temperature)}

    def embed(self, batch: Batch) -> Tensor:
        return self.encoder(batch["views"][0])
