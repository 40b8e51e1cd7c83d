"""The brain decoder: a learner that turns responses of several people into the embedding of what they saw."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterpoint.base.gather import gather
from counterpoint.base.learner import Learner, step_seed
from counterpoint.brain.mixing import draw_mix, mixco
from counterpoint.core.typing import Batch
from counterpoint.encoders.brain_network import BrainNetwork


class Decoded(NamedTuple):
    """What a decoder says about responses; entries that it does not have are None.

    Attributes
    ----------
    retrieval : ``(batch, tokens, dim)`` compared with pictures by cosine.
    backbone : ``(batch, tokens, dim)`` before the head of retrieval; what a prior is conditioned on.
    prior : ``(batch, tokens, dim)`` a sample of the picture's embedding given the response.
    latent : ``(batch, channels, height, width)`` low-level picture latent.
    text : ``(batch, dim)`` unit embedding that is compared with captions.
    """

    retrieval: Tensor
    backbone: Tensor | None = None
    prior: Tensor | None = None
    latent: Tensor | None = None
    text: Tensor | None = None


def half_cosine(start: float, end: float, share: float) -> float:
    """From ``start`` to ``end`` on a half cosine as ``share`` goes from 0 to 1.

    >>> half_cosine(1.0, 3.0, 0.5)
    2.0
    """
    return end + (start - end) * (1 + math.cos(math.pi * min(max(share, 0.0), 1.0))) / 2


class Decoder(Learner, ABC):
    """A learner over batches with ``responses``, ``subject`` and ``target``.

    A system holds its heads and answers ``terms``, and ``decode`` for use. Responses are varied in training as the
    recipe's views say, with a generator of seed, step and rank.

    Parameters
    ----------
    encoder : BrainNetwork
        From responses to ``(batch, tokens, dim)``.
    """

    def __init__(self, encoder: BrainNetwork) -> None:
        super().__init__(encoder)
        self.tokens, self.dim = encoder.tokens, encoder.dim
        self.target_mean: Any
        self.target_scale: Any
        self.target_rotation: Any
        self.shared_frozen = False

    @abstractmethod
    def decode(self, batch: Batch, *, generator: torch.Generator | None = None, sample: bool = True) -> Decoded:
        """Predictions in evaluation mode; ``sample`` says whether a prior, where there is one, is drawn from."""

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, tokens * dim)`` unit embeddings that are compared with pictures."""
        return functional.normalize(self.decode(batch, sample=False).retrieval.flatten(1), dim=1)

    def tokens_of(self, batch: Batch) -> Tensor:
        """Output of the network for every person's responses, in the order of the batch."""
        found: Tensor = self.encoder(batch["responses"], batch["subject"])
        return found

    def own_parts(self) -> list[nn.Module]:
        """Parts that belong to one person each; a system with further ones adds them."""
        return [self.encoder.own]

    def freeze_shared(self) -> None:
        """Train nothing but the people's own parts; what is shared stays in evaluation mode, without dropout."""
        own = {id(parameter) for part in self.own_parts() for parameter in part.parameters()}
        for parameter in self.parameters():
            parameter.requires_grad_(id(parameter) in own)
        self.shared_frozen = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Decoder:
        """Training mode; with a frozen shared part only for the people's own parts."""
        super().train(mode and not self.shared_frozen)
        if self.shared_frozen:
            self.training = mode
            for part in self.own_parts():
                part.train(mode)
        return self

    @property
    def progress(self) -> float:
        """Share of the optimiser steps that are done."""
        return self.global_step / self.total_steps if self.total_steps and self._trainer is not None else 0.0

    def step_generator(self, salt: int = 0, *, common: bool = False) -> torch.Generator:
        """A generator that depends on seed, step, rank and ``salt`` alone; a ``common`` one not on the rank."""
        rank = 0 if common else self.global_rank
        seed = step_seed(self.settings.seed + 1_000_003 * salt, self.batches_seen, rank)
        return torch.Generator().manual_seed(seed)

    def mixed(self, batch: Batch, *, alpha: float, probability: float) -> tuple[Batch, Tensor, Tensor]:
        """The batch with voxels mixed within each person (MixCo), and permutation and shares over all processes."""
        sizes = [len(x) for x in batch["responses"]]
        mix = draw_mix(sum(sizes), alpha=alpha, probability=probability, groups=sizes,
                       generator=self.step_generator(), device=batch["target"].device)
        responses, betas, start = [], [], 0
        for x in batch["responses"]:
            part = slice(start, start + len(x))
            found = mixco(x, mix.permutation[part] - start, mix.betas[part].to(x), mix.selected[part])
            responses.append(found.mixed)
            betas.append(found.betas)
            start += len(x)
        permutation = gather(mix.permutation + self.global_rank * sum(sizes))
        return cast(Batch, {**batch, "responses": responses}), permutation, gather(torch.cat(betas))

    def make_views(self, batch: Batch) -> Batch:
        """The batch with its responses varied: noise, entries set to zero, time points in another order."""
        views, generator = self.settings.views, self.step_generator()
        if not (views.noise or views.drop_entries or views.shuffle_time):
            return batch
        return cast(Batch, {**batch, "responses": [self._vary(x, views, generator) for x in batch["responses"]]})

    @staticmethod
    def _vary(x: Tensor, views: Any, generator: torch.Generator) -> Tensor:
        if views.shuffle_time and x.ndim == 3:
            order = torch.rand(x.shape[:2], generator=generator).argsort(1).to(x.device)
            x = x.gather(1, order[..., None].expand_as(x))
        if views.drop_entries:
            x = x * (torch.rand(x.shape, generator=generator) >= views.drop_entries).to(x)
        if views.noise:
            x = x + views.noise * torch.randn(x.shape, generator=generator).to(x)
        return x
