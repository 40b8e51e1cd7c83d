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

Batch norm would let a query recognise its key by shared batch statistics; the authors shuffle samples across GPUs.
On any number of devices we encode the keys in ``key_groups`` shuffled groups of the batch instead. The authors' v3
code moves the teacher before the keys are made, ours after the optimiser step, which is the same but for the first.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from counterpoint.base.ema import Ema
from counterpoint.base.gather import gather
from counterpoint.base.learner import Learner
from counterpoint.base.queue import FeatureQueue
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
        self.version, self.temperature, self.key_groups = version, temperature, key_groups
        old = version == 2
        self.projector = Projector(encoder.dim, hidden=hidden, dim=dim, norm="none" if old else "batch",
                                   last_norm="none" if old else "plain", bias=old)
        self.teacher = Ema(nn.Sequential(self.encoder, self.projector), momentum=momentum,
                           schedule="constant" if old else "cosine")
        self.queue = FeatureQueue(queue, dim) if old else None
        self.predictor = nn.Identity() if old else Predictor(dim, hidden=hidden)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        view_a, view_b = batch["views"]
        if self.queue is not None:
            query, key = self.projector(self.encoder(view_a)), self.keys(view_b)
            loss = info_nce_queue(query, key, self.queue.entries, temperature=self.temperature)
            self.queue.push(key)
            return {"info_nce": loss}
        head = nn.Sequential(self.encoder, self.projector, self.predictor)
        queries = [gather(head(view)) for view in (view_a, view_b)]
        keys = [gather(self.teacher(view)) for view in (view_a, view_b)]
        return {"moco_v3": moco_v3_loss(*queries, *keys, temperature=self.temperature)}

    def keys(self, view: Tensor) -> Tensor:
        """Teacher embeddings ``(batch, dim)``, encoded in shuffled groups with batch statistics of their own."""
        order = torch.randperm(len(view), device=view.device)
        groups = min(self.key_groups, len(view) // 2) or 1
        keys = torch.cat([self.teacher(part) for part in view[order].chunk(groups)])
        return keys[order.argsort()]

    def embed(self, batch: Batch) -> Tensor:
        return self.encoder(batch["views"][0])
