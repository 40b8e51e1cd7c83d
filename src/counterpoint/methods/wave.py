"""WAVE: the whole brain as a sequence of parcels, aligned with picture and text, then read by a prior.

Paper: Decoding Visual Experience and Mapping Semantics through Whole-Brain Analysis Using fMRI Foundation Models
Authors: Wang, Yanchen and Turnbull, Adam and Xiang, Tiange and Xu, Yunlong and Zhou, Sa and others
Venue: arXiv preprint arXiv:2411.07121
Year: 2024
Code: PPWangyc/WAVE
Modality: brain
Objective: trimodal_contrastive

With the unit embeddings u of a trial, v of its picture and w of its text, and two learned scales::

    L_iv = 1/2 [ CE(e^{s1} u v^T) + CE(e^{s1} v u^T) ],   L_it the same with w and s2,   L = (L_iv + L_it) / 2

A trial is a few time points of every parcel, embedded with their time in seconds, read in order by a causal
transformer whose last entry stands for the trial. Three stages share the steps: on request pre-training, in which a
point of the series is foretold from those before it (L1); then the contrast; then a second copy of the encoder is
trained by the prior's loss alone (weight 30), from the unprojected feature. Retrieval uses the first copy.

Text and picture networks of different widths meet the trial through a projection each. The authors' prompt learner is
left out: as released it casts its output to token ids and encodes without gradient, so nothing in it is trained.
Repeated pictures within a batch are false negatives, as in the authors' code.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterpoint.base.decoder import Decoded, Decoder
from counterpoint.base.gather import gather
from counterpoint.brain.prior import DiffusionPrior
from counterpoint.core.errors import CounterpointError
from counterpoint.core.typing import Batch
from counterpoint.encoders.brain_network import BrainNetwork
from counterpoint.objectives.image_text import clip
from counterpoint.objectives.trimodal import trimodal_contrastive


class WAVE(Decoder):
    """Sequence encoder, projections, learned temperatures, and a prior behind a second encoder.

    Parameters
    ----------
    encoder : BrainNetwork
        Of kind ``causal``.
    pretrain_share, contrast_share : float
        Shares of the steps for pre-training and for the contrast; the rest trains the prior.
    temperature : float
        Where both learned temperatures begin.
    text : bool
        Align with captions too; without, only pictures.
    prior_weight : float
        30 in the paper; with 0 there is no prior, and the contrast has the rest of the steps too.
    prior_depth, prior_heads, timesteps, drop, guidance
        The prior.
    """

    staged = True
    copied: Tensor

    def __init__(self, encoder: BrainNetwork, *, pretrain_share: float = 0.0, contrast_share: float = 0.6,
                 temperature: float = 0.07, text: bool = True, prior_weight: float = 30.0, prior_depth: int = 6,
                 prior_heads: int = 12, timesteps: int = 100, drop: float = 0.2, guidance: float = 1.0) -> None:
        super().__init__(encoder)
        if encoder.kind != "causal":
            raise CounterpointError(f"WAVE reads time series of parcels; the encoder is {encoder.kind}.",
                                    "Estimates of single trials have no time axis.", "--encoder.name causal")
        if text and not encoder.text_dim:
            raise CounterpointError("WAVE aligns with captions, and the recipe names no text network.", "",
                                    "--views.text minilm, or --method.text false")
        self.pretrain_share, self.contrast_share = pretrain_share, contrast_share
        self.text, self.prior_weight, self.guidance = text, prior_weight, guidance
        self.to_picture = nn.Linear(encoder.hidden, self.dim)
        same = not text or encoder.text_dim == self.dim
        self.to_text = None if same else nn.Linear(encoder.hidden, encoder.text_dim)
        self.log_scales = nn.Parameter(torch.full((2,), math.log(1 / temperature)))
        if prior_weight:
            self.painter = copy.deepcopy(encoder)
            self.prior = DiffusionPrior(dim=self.dim, tokens=self.tokens, depth=prior_depth, heads=prior_heads,
                                        num_timesteps=timesteps, condition_drop=drop, image_drop=drop)
            self.register_buffer("copied", torch.zeros((), dtype=torch.bool))

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        done = self.progress
        if done < self.pretrain_share:
            return {"csm": self.encoder.sequence_loss(batch["responses"], generator=self.step_generator(1))}
        if done < self.contrast_share or not self.prior_weight:
            return {"trimodal" if self.text else "clip": self._contrast(batch)}
        if not self.copied:
            self.painter.load_state_dict(self.encoder.state_dict())
            self.copied.fill_(True)
        loss = self.prior.loss(batch["target"], self.painter(batch["responses"], batch["subject"]),
                               generator=self.step_generator(1))
        return {"prior": self.prior_weight * loss}

    def _contrast(self, batch: Batch) -> Tensor:
        pooled = self.encoder.pooled(batch["responses"])
        heat = torch.exp(-self.log_scales)
        z_a, z_b = gather(self.to_picture(pooled)), gather(batch["target"][:, 0])
        if not self.text:
            return clip(z_a, z_b, temperature=heat[0])
        z_c = gather(batch["text"])
        if self.to_text is None:
            return trimodal_contrastive(z_a, z_b, z_c, temperature_ab=heat[0], temperature_ac=heat[1])
        return (clip(z_a, z_b, temperature=heat[0]) + clip(gather(self.to_text(pooled)), z_c, temperature=heat[1])) / 2

    def decode(self, batch: Batch, *, generator: torch.Generator | None = None, sample: bool = True) -> Decoded:
        pooled = self.encoder.pooled(batch["responses"])
        head = self.to_text or self.to_picture
        text = functional.normalize(head(pooled), dim=1) if self.text else None
        backbone = prior = None
        if self.prior_weight:
            backbone = self.painter(batch["responses"], batch["subject"])
            if sample:
                prior = self.prior.sample(backbone, guidance=self.guidance, generator=generator)
        return Decoded(self.to_picture(pooled)[:, None], backbone, prior, None, text)
