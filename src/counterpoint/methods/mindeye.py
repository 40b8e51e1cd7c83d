"""MindEye: one backbone, a contrastive head that finds the picture and a diffusion prior that draws it again.

Paper: Reconstructing the Mind's Eye: fMRI-to-Image with Contrastive Learning and Diffusion Priors
Authors: Scotti, Paul S. and Banerjee, Atmadeep and Goode, Jimmie and Shabalin, Stepan and others
Venue: Advances in Neural Information Processing Systems
Year: 2023
Code: MedARC-AI/fMRI-reconstruction-NSD
Modality: brain
Objective: bimixco, soft_clip, soft_contrastive_distillation

For unit projector outputs p_i and picture embeddings t_i, flattened over tokens, S_ij = p_i . t_j / T::

    BiMixCo   -1/(2B) sum_ij Q_ij [ log softmax_j(S)_ij + log softmax_i(S)_ij ],
              Q_ij = b_i [i = j] + (1 - b_i) [j = k_i]
    SoftCLIP  -1/(2B) sum_ij W_ij [ log softmax_j(S)_ij + log softmax_j(S^T)_ij ],  W_ij = softmax_j(t_i . t_j / T)
    prior     mean || f(x_t, t, backbone) - sqrt(d) t ||^2
    L = contrastive + 30 prior (+ 0.5 low level)

BiMixCo, on voxels mixed within each person (b from Beta(0.15, 0.15) for half of them), for the first third of the
steps, then SoftCLIP while T rises from 0.004 to 0.0075 on a half cosine. The prior sees the mixed voxels and the
unmixed picture, as in the authors' code. The same file is MindEye2 (Scotti et al., 2024, ICML; MedARC-AI/MindEyeV2):
with several people each has a linear layer of its own and everything after it is shared; ``encoder.name`` mixer has
its blocks, and the low-level branch sits on the backbone with weight 0.5.

Where the authors' code differs: it overwrites the weight of a sample that is mixed with itself (added here), and its
permutations of several people all point at the first (offset here). Its "forward" retrieval is picture to brain.
"""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.base.decoder import Decoded, Decoder, half_cosine
from counterpoint.base.gather import gather
from counterpoint.brain.prior import DiffusionPrior
from counterpoint.core.typing import Batch
from counterpoint.encoders.brain import TokenProjector
from counterpoint.encoders.brain_network import BrainNetwork
from counterpoint.encoders.latent import LatentBranch
from counterpoint.objectives.soft_targets import bimixco, soft_clip, soft_contrastive_distillation

LATENT_SCALE = 0.18215  # of Stable Diffusion's latents; the weight 1 / 0.18215 of the paper's L1 term


class MindEye(Decoder):
    """Backbone, projector, prior, and on request a low-level branch.

    Parameters
    ----------
    encoder : BrainNetwork
    contrastive_weight, prior_weight, low_level_weight : float
        Of the three parts; a part with weight 0 is not built. The paper has 1, 30 and 0 (its low-level network is
        separate), MindEye2 has 1, 30 and 0.5.
    regression_weight : float
        Of the mean squared error between backbone and target: the plain alternative to both heads, for comparisons.
    mix_share : float
        Share of the steps with BiMixCo.
    alpha, mix_probability : float
        Beta parameter of the mixing and the share of samples that are mixed.
    temperature, soft_start, soft_end : float
        Of BiMixCo, and of SoftCLIP at its beginning and end.
    hidden : int
        Width of the projector.
    prior_depth, prior_heads, timesteps, drop, guidance
        The prior; see :class:`counterpoint.brain.DiffusionPrior`.
    low_level_hidden, low_level_width : int
        Width of the low-level branch, and channels of its convolutions.
    map_dim, distillation_temperature : int, float
        Width of its map tokens for the auxiliary loss (that of the views' maps; 0: none), and that loss's temperature.
    """

    def __init__(self, encoder: BrainNetwork, *, contrastive_weight: float = 1.0, prior_weight: float = 30.0,
                 low_level_weight: float = 0.0, regression_weight: float = 0.0, mix_share: float = 0.33,
                 alpha: float = 0.15, mix_probability: float = 0.5, temperature: float = 0.006,
                 soft_start: float = 0.004, soft_end: float = 0.0075, hidden: int = 2048, prior_depth: int = 6,
                 prior_heads: int = 12, timesteps: int = 100, drop: float = 0.2, guidance: float = 1.0,
                 low_level_hidden: int = 512, low_level_width: int = 128, map_dim: int = 0,
                 distillation_temperature: float = 0.075) -> None:
        super().__init__(encoder)
        self.contrastive_weight, self.regression_weight = contrastive_weight, regression_weight
        self.prior_weight, self.low_level_weight = prior_weight, low_level_weight
        self.mix_share, self.alpha, self.mix_probability = mix_share, alpha, mix_probability
        self.temperature, self.soft_start, self.soft_end = temperature, soft_start, soft_end
        self.guidance, self.distillation_temperature = guidance, distillation_temperature
        self.projector = TokenProjector(self.dim, hidden=hidden) if contrastive_weight else None
        self.prior = DiffusionPrior(dim=self.dim, tokens=self.tokens, depth=prior_depth, heads=prior_heads,
                                    num_timesteps=timesteps, condition_drop=drop, image_drop=drop) \
            if prior_weight else None
        self.low_level = LatentBranch(
            self.tokens * self.dim, hidden=low_level_hidden, blocks=2, map_dim=map_dim or None,
            widths=(low_level_width, low_level_width // 2)) if low_level_weight else None

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        mixing = self.progress < self.mix_share and self.mix_probability > 0
        permutation = betas = None
        if mixing:
            batch, permutation, betas = self.mixed(batch, alpha=self.alpha, probability=self.mix_probability)
        tokens, target = self.tokens_of(batch), batch["target"]
        found: dict[str, Tensor] = {}
        if self.projector is not None:
            z_a, z_b = gather(self.projector(tokens)), gather(target)
            loss = bimixco(z_a, z_b, permutation, betas, temperature=self.temperature) if mixing else \
                soft_clip(z_a, z_b, temperature=self.soft_temperature)
            found["bimixco" if mixing else "soft_clip"] = self.contrastive_weight * loss
        if self.prior is not None:
            loss = self.prior.loss(target, tokens, generator=self.step_generator(1))
            found["prior"] = self.prior_weight * loss
        if self.regression_weight:
            found["regression"] = self.regression_weight * self.dim * (tokens - target).square().mean()
        if self.low_level is not None:
            found["low_level"] = self.low_level_weight * self._low_level(self.low_level, tokens, batch)
        return found

    def decode(self, batch: Batch, *, generator: torch.Generator | None = None, sample: bool = True) -> Decoded:
        tokens = self.tokens_of(batch)
        prior = latent = None
        if sample and self.prior is not None:
            prior = self.prior.sample(tokens, guidance=self.guidance, generator=generator)
        if sample and self.low_level is not None:
            latent = self.low_level(tokens.flatten(1)).latent
        return Decoded(tokens if self.projector is None else self.projector(tokens), tokens, prior, latent)

    @property
    def soft_temperature(self) -> float:
        """SoftCLIP's temperature at this step, on a half cosine."""
        share = (self.progress - self.mix_share) / max(1 - self.mix_share, 1e-9)
        return half_cosine(self.soft_start, self.soft_end, share)

    def _low_level(self, branch: LatentBranch, tokens: Tensor, batch: Batch) -> Tensor:
        """L1 on latents, and the soft contrast of map tokens where the branch has them."""
        guess = branch(tokens.flatten(1))
        loss = (guess.latent - batch["latent"]).abs().mean() / LATENT_SCALE
        if guess.maps is not None:
            rows = [x.flatten(0, 1).float() for x in (guess.maps, batch["maps"], batch["maps_varied"])]
            loss = loss + 0.1 * soft_contrastive_distillation(*rows, temperature=self.distillation_temperature)
        return loss
