"""Pictures from embeddings without a download: a small flow in the latents of :class:`PictureAutoencoder`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from counterpoint.brain._flow import Velocity, check_sampling, start_latents
from counterpoint.brain._weight_files import other_version, read_weights
from counterpoint.brain.autoencoder import LATENT, SIDE, PictureAutoencoder, load_autoencoder
from counterpoint.core.errors import CounterpointError


class LatentGenerator(nn.Module):
    """Conditional flow matching in the latent space of a picture autoencoder.

    A point on the straight path from noise ``e`` to a latent ``x`` is ``x_t = (1 - t) e + t x``; the network
    predicts ``v = x - e`` from ``x_t``, ``t`` and the embedding, and sampling follows ``v`` from t = 0 to 1
    (Lipman et al., "Flow Matching for Generative Modeling", 2023, equations 22-23 with sigma_min 0; Liu et
    al., "Flow Straight and Fast", 2023). The embedding enters twice: through a perceptron that predicts the
    mean latent, which the convolutional network gets as four further channels, and as scale and shift of its
    blocks. Classifier-free guidance (Ho and Salimans, 2021) with the embedding left out in training at
    random.

    Parameters
    ----------
    autoencoder : PictureAutoencoder
        The frozen codec.
    dim : int
        Length of the embeddings.
    width : int
        Channels at 8 x 8 places; twice as many at 4 x 4.
    hidden : int
        Width of the perceptron.

    Attributes
    ----------
    mean, std : Tensor
        ``(dim,)`` of the training pictures' embeddings.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, autoencoder: PictureAutoencoder, *, dim: int = 1280, width: int = 64, hidden: int = 768
    ) -> None:
        super().__init__()
        self.autoencoder, self.dim = autoencoder, dim
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))
        self.reader = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.LayerNorm(hidden),
            nn.SiLU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, hidden),
            nn.LayerNorm(hidden),
            nn.SiLU(),
            nn.Dropout(0.1),
        )
        self.to_mean = nn.Linear(hidden, math.prod(LATENT))
        self.null = nn.Parameter(torch.zeros(hidden))
        self.network = Velocity(width=width, condition=hidden)

    def standardise(self, embedding: Tensor) -> Tensor:
        """Embeddings with the training pictures' mean and standard deviation taken out."""
        return (embedding - self.mean) / self.std

    def expected_latent(self, embedding: Tensor | NDArray[np.floating[Any]]) -> Tensor:
        """The perceptron's guess ``(n, 4, 8, 8)``: the mean over all pictures with this embedding, so blurred."""
        with torch.no_grad():
            return self._condition(self._embedding(embedding))[1]

    def loss(self, embedding: Tensor, latents: Tensor, *, noise: float = 0.3, drop: float = 0.15) -> Tensor:
        """Flow-matching error plus the perceptron's squared error.

        Parameters
        ----------
        embedding : Tensor
            ``(n, dim)``.
        latents : Tensor
            ``(n, 4, 8, 8)`` standardised.
        noise : float
            Standard deviation of noise on the standardised embeddings, uniform in 0..``noise`` for each
            picture: embeddings decoded from a brain are not exact.
        drop : float
            Share of pictures whose embedding is left out.
        """
        scale = noise * torch.rand(len(latents), 1, device=latents.device)
        seen = self.standardise(embedding)
        condition, mean = self._condition(seen + scale * torch.randn_like(seen), standardised=True)
        gone = torch.rand(len(latents), device=latents.device) < drop
        time = torch.sigmoid(torch.randn(len(latents), device=latents.device))
        start = torch.randn_like(latents)
        point = torch.lerp(start, latents, time.view(-1, 1, 1, 1))
        given, expected = self._hide(condition, mean.detach(), gone)
        velocity = self.network(point, time, given, expected)
        return F.mse_loss(velocity, latents - start) + F.mse_loss(mean, latents)

    @torch.no_grad()
    def sample(
        self,
        embedding: Tensor | NDArray[np.floating[Any]],
        *,
        low_level: Tensor | NDArray[np.floating[Any]] | None = None,
        strength: float = 1.0,
        samples: int = 1,
        steps: int = 20,
        guidance: float = 2.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Latents ``(n, samples, 4, 8, 8)``; arguments as :meth:`generate`."""
        check_sampling(strength=strength, samples=samples, steps=steps, given=low_level is not None)
        seen = self._embedding(embedding).repeat_interleave(samples, 0)
        shape = (len(seen), *LATENT)
        x = torch.randn(shape, generator=generator, device=generator.device if generator else "cpu").to(seen)
        first = 0.0
        if low_level is not None:
            start = start_latents(low_level, len(seen) // samples).to(seen).repeat_interleave(samples, 0)
            first = 1 - strength
            x = torch.lerp(x, start, first) if strength else start
        condition, mean = self._condition(seen)
        count = math.ceil(steps * (1 - first) - 1e-9)
        times = torch.linspace(first, 1, count + 1)
        for now, after in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
            x = x + (after - now) * self._guided(x, now, condition, mean, guidance=guidance)
        return x.unflatten(0, (-1, samples))

    def generate(
        self,
        embedding: Tensor | NDArray[np.floating[Any]],
        *,
        low_level: Tensor | NDArray[np.floating[Any]] | None = None,
        strength: float = 1.0,
        samples: int = 1,
        steps: int = 20,
        guidance: float = 2.0,
        generator: torch.Generator | None = None,
        batch: int = 64,
    ) -> NDArray[np.uint8]:
        """Draw pictures for embeddings.

        Parameters
        ----------
        embedding : Tensor or ndarray
            ``(n, dim)`` or ``(n, 1, dim)``, as ``PictureTarget()`` gives them: not normalised.
        low_level : Tensor or ndarray, optional
            ``(n, 4, 8, 8)`` latents as :meth:`PictureAutoencoder.encode` gives them, to start from.
        strength : float
            1 ignores ``low_level``, 0 returns it; between, the path starts at t = 1 - strength.
        samples : int
            Pictures for each embedding.
        steps : int
            Euler steps of the whole path.
        guidance : float
            1 is the conditional flow; more moves further away from the unconditional one.
        generator : torch.Generator, optional
            Source of the noise; by default the global one.
        batch : int
            Latents decoded at a time.

        Returns
        -------
        ndarray
            ``(n, samples, 3, 64, 64)`` uint8.

        Raises
        ------
        CounterpointError
            Shapes that do not fit, or a strength outside 0..1.
        """
        latents = self.sample(embedding, low_level=low_level, strength=strength, samples=samples, steps=steps,
                              guidance=guidance, generator=generator)
        return self.paint(latents, batch=batch)

    @torch.no_grad()
    def paint(self, latents: Tensor, *, batch: int = 64) -> NDArray[np.uint8]:
        """Latents ``(..., 4, 8, 8)`` to uint8 pictures ``(..., 3, 64, 64)``."""
        flat = latents.reshape(-1, *LATENT)
        parts = [self.autoencoder.decode(part) for part in flat.split(batch)] or [
            torch.empty(0, 3, SIDE, SIDE)
        ]
        pixels = (torch.cat(parts) * 255).round().to(torch.uint8).cpu().numpy()
        return pixels.reshape(*latents.shape[:-3], 3, SIDE, SIDE)

    def _embedding(self, embedding: Tensor | NDArray[np.floating[Any]]) -> Tensor:
        x = torch.as_tensor(embedding)
        if x.ndim == 3 and x.shape[1] == 1:
            x = x[:, 0]
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise CounterpointError(
                f"Embeddings of shape {tuple(x.shape)} were given.",
                f"(n, {self.dim}) was expected, as PictureTarget() gives them.",
                "PictureTarget().embed(images)",
            )
        return x.to(self.mean)

    def _condition(self, embedding: Tensor, *, standardised: bool = False) -> tuple[Tensor, Tensor]:
        read = self.reader(embedding if standardised else self.standardise(embedding))
        return read, self.to_mean(read).unflatten(1, LATENT)

    def _hide(self, condition: Tensor, mean: Tensor, gone: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(gone[:, None], self.null, condition), mean * ~gone.view(-1, 1, 1, 1)

    def _guided(self, x: Tensor, now: float, condition: Tensor, mean: Tensor, *, guidance: float) -> Tensor:
        time = torch.full((len(x),), now, device=x.device, dtype=x.dtype)
        if guidance == 1:
            return self.network(x, time, condition, mean)
        gone = torch.ones(len(x), dtype=torch.bool, device=x.device)
        free_condition, free_mean = self._hide(condition, mean, gone)
        pairs = ([x, x], [time, time], [condition, free_condition], [mean, free_mean])
        both = self.network(*(torch.cat(pair) for pair in pairs))
        given, free = both.chunk(2)
        return free + guidance * (given - free)


def load_generator(folder: str | Path | None = None) -> LatentGenerator:
    """The trained generator with its autoencoder, frozen, in float32.

    Parameters
    ----------
    folder : path, optional
        With ``autoencoder.safetensors`` and ``generator.safetensors``; by default those that are shipped,
        trained on scenes of cut-out photographs with EfficientNet-Lite0 embeddings (see the card beside
        them).

    Raises
    ------
    CounterpointError
        A missing or damaged file.
    """
    state = read_weights(folder, "generator")
    codec = load_autoencoder(folder)
    try:
        hidden, dim = state["reader.0.weight"].shape
        model = LatentGenerator(codec, dim=dim, width=len(state["network.place"]), hidden=hidden)
        model.load_state_dict(state | {f"autoencoder.{key}": value for key, value in codec.state_dict().items()})
    except (KeyError, RuntimeError) as error:
        raise other_version("generator", error) from error
    return model.requires_grad_(False).eval()
