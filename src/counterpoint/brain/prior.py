"""The diffusion prior: pictures' embeddings drawn from what the brain said."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from counterpoint.brain.diffusion import DiffusionSchedule
from counterpoint.brain.prior_networks import CrossPriorNetwork, JointPriorNetwork
from counterpoint.core.errors import CounterpointError


class DiffusionPrior(nn.Module):
    r"""Draws picture tokens given brain tokens, by taking noise away in steps.

    .. math:: L = \mathrm{mean} \lVert f(x_t, t, c) - x_0 \rVert^2, \qquad
              x_0 = \sqrt{d}\, \mathrm{target}, \quad
              x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon

    A regression to the mean answers with an average of all pictures that fit; this answers with one of them.
    Ramesh et al. 2022 (DALL-E 2), Eq. 2; Scotti et al. 2023 (MindEye), section 3.3, with
    MedARC-AI/fMRI-reconstruction-NSD's settings as defaults. The factor :math:`\sqrt{d}` gives tokens of unit
    length entries of unit variance.

    Parameters
    ----------
    dim, tokens : int
        ``(batch, tokens, dim)`` is the shape of targets and conditions.
    depth, heads, head_dim : int
        Blocks of the network, heads in each and their width.
    num_timesteps : int
        Steps of the cosine schedule.
    condition_drop, image_drop : float
        In training: chance, per sample, that the condition or the noised picture gives way to learned tokens.
    network : {"joint", "cross"}
        MindEye's transformer over all tokens, or STTM's decoder that looks at the brain tokens.
    token_mask : tuple of float
        ``"cross"`` only: smallest and largest share of brain tokens taken away in training, drawn per batch,
        which tokens per sample; STTM (0.60, 0.65). One token at least stays.
    feed_forward, dropout : float
        See :class:`~counterpoint.brain.JointPriorNetwork`.

    Raises
    ------
    CounterpointError
        A setting without meaning.

    Examples
    --------
    >>> prior = DiffusionPrior(dim=16, tokens=1, depth=1, heads=2, head_dim=8, num_timesteps=4)
    >>> target, condition = torch.randn(3, 1, 16), torch.randn(3, 1, 16)
    >>> prior.loss(target, condition).shape, prior.sample(condition).shape
    (torch.Size([]), torch.Size([3, 1, 16]))
    """

    def __init__(
        self,
        *,
        dim: int,
        tokens: int,
        depth: int = 6,
        heads: int = 12,
        head_dim: int = 64,
        num_timesteps: int = 100,
        condition_drop: float = 0.2,
        image_drop: float = 0.2,
        network: Literal["joint", "cross"] = "joint",
        token_mask: tuple[float, float] = (0.0, 0.0),
        feed_forward: float = 4.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_settings(
            {"dim": dim, "tokens": tokens, "depth": depth, "heads": heads, "head_dim": head_dim},
            {"condition_drop": condition_drop, "image_drop": image_drop, "dropout": dropout},
        )
        low, high = token_mask
        if network not in ("joint", "cross"):
            raise CounterpointError(f'No network called "{network}".', 'Known: "joint", "cross".')
        if not 0.0 <= low <= high < 1.0 or (high > 0 and network == "joint"):
            raise CounterpointError(
                f'token_mask is {token_mask} with the network "{network}".',
                "Two rising shares below 1 were expected, (0, 0) for the joint network.",
                'network="cross"',
            )
        self.dim, self.tokens, self.token_mask = dim, tokens, (low, high)
        self.condition_drop, self.image_drop = condition_drop, image_drop
        self.schedule = DiffusionSchedule(num_timesteps)
        self.null_condition = nn.Parameter(torch.randn(tokens, dim))
        self.null_image = nn.Parameter(torch.randn(tokens, dim))
        kind = JointPriorNetwork if network == "joint" else CrossPriorNetwork
        self.network: JointPriorNetwork | CrossPriorNetwork = kind(
            dim, tokens, depth=depth, heads=heads, head_dim=head_dim, feed_forward=feed_forward, dropout=dropout
        )

    def loss(self, target: Tensor, condition: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error of the predicted clean tokens, in the scaled space: a scalar.

        Parameters
        ----------
        target, condition : Tensor
            ``(batch, tokens, dim)`` of pictures and of the brain. Both receive gradients if they ask for one.
        generator : torch.Generator, optional
            For the same times, noise and drops again (dropout layers follow torch's own).
        """
        self._check(target=target, condition=condition)
        x_start, batch = target * self.dim**0.5, len(target)
        draw = _Draw(generator, target)
        t = (draw.uniform(batch) * self.schedule.num_timesteps).long()
        x_t = self.schedule.q_sample(x_start, t, draw.normal(x_start.shape))
        kept = None
        if self.training:
            condition = self._dropped(condition, self.null_condition, draw.uniform(batch) < self.condition_drop)
            x_t = self._dropped(x_t, self.null_image, draw.uniform(batch) < self.image_drop)
            kept = self._kept(batch, draw)
        return (self._predict(x_t, t, condition, kept) - x_start).square().mean()

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        *,
        guidance: float = 1.0,
        start: Tensor | None = None,
        strength: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        r"""One draw per condition, by the steps of Ho et al. 2020, Algorithm 2; call ``eval()`` before.

        Parameters
        ----------
        condition : Tensor
            ``(batch, tokens, dim)`` of the brain.
        guidance : float
            g in :math:`f_\emptyset + g\,(f_c - f_\emptyset)` (Ho and Salimans 2022): 1 is plain, 0 ignores
            the condition, more exaggerates it. The noised tokens stay in both; the authors' code puts
            learned ones in their place in the second, which loses the state of the draw.
        start : Tensor, optional
            ``(batch, tokens, dim)`` tokens to begin from in place of noise.
        strength : float
            In 0..1, with ``start``: the share of the steps taken. 0 returns ``start``, 1 forgets all but its
            last trace.
        generator : torch.Generator, optional
            For the same draw again.

        Returns
        -------
        Tensor
            ``(batch, tokens, dim)``, in the scale of the targets.
        """
        self._check(condition=condition)
        if not 0.0 <= strength <= 1.0 or (start is None and strength < 1.0):
            raise CounterpointError(
                f"strength is {strength}{' without a start' if start is None else ''}.",
                "It lies in 0..1; below 1 it needs tokens to start from.",
            )
        draw = _Draw(generator, condition)
        steps, scale = round(strength * self.schedule.num_timesteps), self.dim**0.5
        x = draw.normal(condition.shape)
        if start is not None:
            self._check(start=start, condition=condition)
            if steps == 0:
                return start.clone()
            x = self.schedule.q_sample(start * scale, self._time(steps - 1, start), x)
        for step in reversed(range(steps)):
            t = self._time(step, x)
            posterior = self.schedule.q_posterior(self._guided(x, t, condition, guidance), x, t)
            x = posterior.mean
            if step:
                x = x + (0.5 * posterior.log_variance).exp() * draw.normal(x.shape)
        return x / scale

    def _guided(self, x: Tensor, t: Tensor, condition: Tensor, guidance: float) -> Tensor:
        if guidance == 1.0:
            return self._predict(x, t, condition)
        null = self.null_condition.to(condition.dtype).expand_as(condition)
        both = self._predict(torch.cat([x, x]), torch.cat([t, t]), torch.cat([condition, null]))
        with_condition, without = both.chunk(2)
        return without + guidance * (with_condition - without)

    def _predict(self, x: Tensor, t: Tensor, condition: Tensor, kept: Tensor | None = None) -> Tensor:
        network = self.network
        prediction: Tensor = (
            network(x, t, condition) if isinstance(network, JointPriorNetwork) else network(x, t, condition, kept)
        )
        return prediction

    def _time(self, step: int, like: Tensor) -> Tensor:
        return torch.full((len(like),), step, dtype=torch.long, device=like.device)

    @staticmethod
    def _dropped(x: Tensor, null: Tensor, drop: Tensor) -> Tensor:
        return torch.where(drop.view(-1, 1, 1), null.to(x.dtype), x)

    def _kept(self, batch: int, draw: _Draw) -> Tensor | None:
        low, high = self.token_mask
        if high == 0.0:
            return None
        share = low + (high - low) * float(draw.uniform(1))
        keep = max(1, round((1.0 - share) * self.tokens))
        return draw.uniform(batch, self.tokens).argsort(1)[:, :keep]

    def _check(self, **tokens: Tensor) -> None:
        batches = {len(value) for value in tokens.values() if value.ndim}
        for name, value in tokens.items():
            if value.ndim != 3 or value.shape[1:] != (self.tokens, self.dim) or len(batches) > 1:
                raise CounterpointError(
                    f"{name} has shape {tuple(value.shape)}.",
                    f"(batch, {self.tokens}, {self.dim}) was expected, the same batch for all.",
                )


class _Draw:
    """Random numbers from a generator wherever it lives, in the dtype and on the device of a tensor."""

    def __init__(self, generator: torch.Generator | None, like: Tensor) -> None:
        self.generator, self.device, self.dtype = generator, like.device, like.dtype
        self.home = like.device if generator is None else generator.device

    def normal(self, shape: tuple[int, ...] | torch.Size) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.home).to(self.device, self.dtype)

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator, device=self.home).to(self.device)


def _check_settings(sizes: dict[str, int], shares: dict[str, float]) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise CounterpointError(f"{name} is {size}.", "1 or more is needed.")
    for name, share in shares.items():
        if not 0.0 <= share < 1.0:
            raise CounterpointError(f"{name} is {share}.", "A share from 0 to below 1 was expected.")
