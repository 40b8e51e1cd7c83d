"""STTM: one decoder for everybody behind a shallow adapter for each person, taught by pictures and captions.

Paper: See Through Their Minds: Learning Transferable Neural Representation from Cross-Subject fMRI
Authors: Liu, Yulong and Ma, Yongqiang and Zhu, Guibo and Jing, Haodong and Zheng, Nanning
Venue: arXiv preprint arXiv:2403.06361
Year: 2024
Code: YulongBonjour/STTM
Modality: brain
Objective: sttm_alignment, bimixco, soft_clip

With all projected tokens p, its first token c, the picture's tokens t, its first token i and a caption y::

    L_con = A(p, t) + w [ A(c, i) + A(c, y) ]
    L     = a_1 L_con + 30 a_2 L_prior,   (a_1, a_2) = softmax of two fresh standard normals at every step

A is BiMixCo (T = 0.006, w = 0.5) for the first 35 % of the steps, one mixture for the three terms; then SoftCLIP
(T from 0.004 to 0.006 on a half cosine, w = 0.2) over the people of the batch and of all processes. The prior looks
at the unprojected tokens, of which 60 to 65 % are taken away in training. A caption network of another width than the
picture network meets c through a linear map.

A new person costs a new adapter: start from a run (``--init-from``) with ``freeze_shared``; the shared part then stays
in evaluation mode, as dropout in it would only add noise. The authors' "smoothing" (twelve samples a person for the
first three epochs of the second stage) is left out. Training data are averages over showings (``data.repeats`` mean).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterpoint.base.decoder import Decoded, Decoder, half_cosine
from counterpoint.base.gather import gather
from counterpoint.brain.prior import DiffusionPrior
from counterpoint.core.errors import CounterpointError
from counterpoint.core.typing import Batch
from counterpoint.encoders.brain import SubjectRidge, TokenProjector
from counterpoint.encoders.brain_network import BrainNetwork
from counterpoint.encoders.latent import LatentBranch
from counterpoint.objectives.soft_targets import bimixco, soft_clip
from counterpoint.objectives.subject_alignment import sttm_alignment


class STTM(Decoder):
    """Adapters, shared decoder, projector and prior; on request a pixel branch.

    Parameters
    ----------
    encoder : BrainNetwork
        Of kind ``adapter`` in the paper; any other works.
    text_weight : float
        Of the caption term within the global ones; 0 leaves it out.
    prior_weight, low_level_weight : float
        30 in the paper; a part with weight 0 is not built.
    random_weights : bool
        Weigh contrast and prior at random at every step, as the authors do.
    mix_share, alpha, mix_probability : float
        First stage.
    temperature, soft_start, soft_end : float
        Of the first stage, and of the second at its beginning and end.
    global_mixed, global_soft : float
        w in the two stages.
    hidden, low_level_hidden : int
        Widths of the projector and of the pixel branch.
    prior_depth, prior_heads, timesteps, drop, guidance
        The prior.
    token_mask : tuple of float
        Smallest and largest share of brain tokens taken away from the prior in training.
    caption_probe : bool
        The caption term fits its linear map to what the network says and teaches the network nothing: what captions
        can be told from when nobody taught them.
    freeze_shared : bool
        Train only the people's own adapters.
    """

    def __init__(self, encoder: BrainNetwork, *, text_weight: float = 1.0, prior_weight: float = 30.0,
                 low_level_weight: float = 0.0, random_weights: bool = True, mix_share: float = 0.35,
                 alpha: float = 0.15, mix_probability: float = 0.5, temperature: float = 0.006,
                 soft_start: float = 0.004, soft_end: float = 0.006, global_mixed: float = 0.5,
                 global_soft: float = 0.2, hidden: int = 2048, prior_depth: int = 6, prior_heads: int = 12,
                 low_level_hidden: int = 512, timesteps: int = 100, drop: float = 0.2, guidance: float = 1.0,
                 token_mask: tuple[float, float] = (0.60, 0.65), caption_probe: bool = False,
                 freeze_shared: bool = False) -> None:
        super().__init__(encoder)
        self.text_weight, self.prior_weight, self.low_level_weight = text_weight, prior_weight, low_level_weight
        self.random_weights, self.guidance, self.caption_probe = random_weights, guidance, caption_probe
        self.mix_share, self.alpha, self.mix_probability = mix_share, alpha, mix_probability
        self.temperature, self.soft_start, self.soft_end = temperature, soft_start, soft_end
        self.global_mixed, self.global_soft = global_mixed, global_soft
        self.projector = TokenProjector(self.dim, hidden=hidden)
        width = encoder.text_dim
        if text_weight and not width:
            raise CounterpointError("STTM's caption term needs captions, and the recipe names no text network.", "",
                                    "--views.text minilm, or --method.text_weight 0")
        self.to_text = nn.Linear(self.dim, width) if text_weight and width != self.dim else nn.Identity()
        self.prior = DiffusionPrior(
            dim=self.dim, tokens=self.tokens, depth=prior_depth, heads=prior_heads, num_timesteps=timesteps,
            condition_drop=drop, image_drop=drop, network="cross", token_mask=token_mask) if prior_weight else None
        if low_level_weight:  # adapters of its own, guided by the high level's feature, either of them droppable
            self.low_people = SubjectRidge(encoder.inputs, low_level_hidden)
            self.low_level = LatentBranch(None, hidden=low_level_hidden, guidance_dim=encoder.hidden,
                                          block_dropout=0.15, brain_drop=0.4)
        if freeze_shared:
            self.freeze_shared()

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        mixture: tuple[Tensor, ...] = ()
        if self.progress < self.mix_share and self.mix_probability > 0:
            batch, *mixture = self.mixed(batch, alpha=self.alpha, probability=self.mix_probability)  # type: ignore
        tokens = self.tokens_of(batch)
        weights = torch.full((2,), 0.5)
        if self.random_weights and self.prior is not None:
            weights = torch.randn(2, generator=self.step_generator(2, common=True)).softmax(0)
        contrast = self._contrast(gather(self.projector(tokens)), batch, mixture)
        scale = float(weights[0]) if self.prior is not None else 1.0
        found = {name: scale * value for name, value in contrast.items()}
        if self.prior is not None:
            loss = self.prior.loss(batch["target"], tokens, generator=self.step_generator(1))
            found["prior"] = float(weights[1]) * self.prior_weight * loss
        if self.low_level_weight:
            latent = self.latent_of(batch)
            found["low_level"] = self.low_level_weight * (latent - batch["latent"]).abs().mean()
        return found

    def own_parts(self) -> list[nn.Module]:
        return [self.encoder.own, *([self.low_people] if self.low_level_weight else [])]

    def latent_of(self, batch: Batch) -> Tensor:
        """The pixel branch: a person's own layer, guided by the shared feature, to a picture latent."""
        low = self.low_people(list(batch["responses"]), list(batch["subject"]))
        guidance = self.encoder.features(batch["responses"], batch["subject"])
        latent: Tensor = self.low_level(low, guidance, generator=self.step_generator(3)).latent
        return latent

    def _contrast(self, z: Tensor, batch: Batch, mixture: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The alignment terms, already weighted."""
        target, weight = gather(batch["target"]), self.global_mixed if mixture else self.global_soft
        heat = self.temperature if mixture else self.soft_temperature
        text = gather(batch["text"]) if self.text_weight else None
        if text is not None and text.shape[1] == self.dim and self.text_weight == 1.0 and not self.caption_probe:
            found = sttm_alignment(z, target, text, *mixture, temperature=heat, global_weight=weight)
            return {"fine": found.fine, "global_image": weight * found.global_image,
                    "global_text": weight * found.global_text}
        align = bimixco if mixture else soft_clip
        terms = {"fine": align(z, target, *mixture, temperature=heat),
                 "global_image": weight * align(z[:, 0], target[:, 0], *mixture, temperature=heat)}
        if text is not None:
            said = self.to_text(z[:, 0].detach() if self.caption_probe else z[:, 0])
            terms["global_text"] = self.text_weight * weight * align(said, text, *mixture, temperature=heat)
        return terms

    @property
    def soft_temperature(self) -> float:
        """SoftCLIP's temperature at this step."""
        return half_cosine(self.soft_start, self.soft_end, (self.progress - self.mix_share) / (1 - self.mix_share))

    def decode(self, batch: Batch, *, generator: torch.Generator | None = None, sample: bool = True) -> Decoded:
        tokens = self.tokens_of(batch)
        retrieval = self.projector(tokens)
        prior = latent = text = None
        if sample and self.prior is not None:
            prior = self.prior.sample(tokens, guidance=self.guidance, generator=generator)
        if sample and self.low_level_weight:
            latent = self.latent_of(batch)
        if self.text_weight:
            text = functional.normalize(self.to_text(retrieval[:, 0]), dim=1)
        return Decoded(retrieval, tokens, prior, latent, text)
