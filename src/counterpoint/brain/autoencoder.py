"""A small picture codec: 64 x 64 RGB to a latent of 4 x 8 x 8 and back, trained and shipped with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from counterpoint.brain._weight_files import other_version, read_weights
from counterpoint.core.errors import CounterpointError

SIDE = 64
LATENT = (4, 8, 8)


class PictureAutoencoder(nn.Module):
    """Convolutional autoencoder whose latents have mean 0 and variance 1 in each channel.

    It is trained as a variational autoencoder of fixed variance: Gaussian noise of ``noise`` standard
    deviations is added to the code and the code's square is penalised (the KL divergence to a standard
    Gaussian up to a constant), so that nearby latents decode to nearby pictures. After training the mean and
    standard deviation of each channel are stored and taken out of the latents, as diffusion needs them
    (Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022, section 3.3 and G).

    Parameters
    ----------
    width : int
        Channels at half resolution; twice as many at a quarter, three times at an eighth.

    Attributes
    ----------
    mean, std : Tensor
        ``(4,)`` of the codes of the training pictures.

    Examples
    --------
    >>> codec = PictureAutoencoder(width=8)
    >>> latent = codec.encode(torch.rand(2, 3, 64, 64))
    >>> latent.shape, codec.decode(latent).shape
    (torch.Size([2, 4, 8, 8]), torch.Size([2, 3, 64, 64]))
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.width = width
        one, two, three = width, 2 * width, 3 * width
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, one, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(one, two, 3, 2, padding=1),
            _Residual(two),
            nn.Conv2d(two, three, 3, 2, padding=1),
            _Residual(three),
            nn.SiLU(),
            nn.Conv2d(three, LATENT[0], 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(LATENT[0], three, 3, padding=1),
            _Residual(three),
            _Residual(three),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(three, two, 3, padding=1),
            _Residual(two),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(two, one, 3, padding=1),
            _Residual(one),
            nn.SiLU(),
            nn.Conv2d(one, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )
        for part in (*self.encoder, *self.decoder):
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="linear")
        self.register_buffer("mean", torch.zeros(LATENT[0]))
        self.register_buffer("std", torch.ones(LATENT[0]))

    def code(self, pictures: Tensor) -> Tensor:
        """Latents before their mean and standard deviation are taken out; ``(n, 3, 64, 64)`` in 0..1."""
        return self.encoder(pictures * 2 - 1)

    def encode(self, pictures: Tensor | NDArray[np.uint8]) -> Tensor:
        """Pictures to standardised latents.

        Parameters
        ----------
        pictures : Tensor or ndarray
            ``(n, 3, height, width)``: float in 0..1, or uint8. Other sizes are resized to 64 x 64.

        Returns
        -------
        Tensor
            ``(n, 4, 8, 8)``.

        Raises
        ------
        CounterpointError
            Another shape.
        """
        x = torch.as_tensor(pictures)
        if x.ndim != 4 or x.shape[1] != 3:
            raise CounterpointError(
                f"Pictures of shape {tuple(x.shape)} were given.", "(n, 3, height, width) was expected."
            )
        x = x.to(self.mean.device)
        x = x.float() / 255 if x.dtype == torch.uint8 else x
        if x.shape[-2:] != (SIDE, SIDE):
            x = F.interpolate(x, (SIDE, SIDE), mode="bicubic", antialias=True).clamp(0, 1)
        return (self.code(x) - self.mean.view(1, -1, 1, 1)) / self.std.view(1, -1, 1, 1)

    def decode(self, latents: Tensor) -> Tensor:
        """Standardised latents ``(n, 4, 8, 8)`` to pictures ``(n, 3, 64, 64)``, float in 0..1."""
        codes = latents * self.std.view(1, -1, 1, 1) + self.mean.view(1, -1, 1, 1)
        return self.pictures(codes).clamp(0, 1)

    def pictures(self, codes: Tensor) -> Tensor:
        """Codes of :meth:`code` to pictures, not clipped."""
        return self.decoder(codes) / 2 + 0.5

    def loss(self, pictures: Tensor, *, noise: float = 0.1, penalty: float = 1e-3) -> tuple[Tensor, Tensor]:
        """L1 reconstruction error plus the penalty on the code, and the reconstruction itself.

        Parameters
        ----------
        pictures : Tensor
            ``(n, 3, 64, 64)`` in 0..1.
        noise : float
            Standard deviation of what is added to the code.
        penalty : float
            Weight of the mean square of the code.
        """
        code = self.code(pictures)
        again = self.pictures(code + noise * torch.randn_like(code))
        return F.l1_loss(again, pictures) + penalty * code.square().mean(), again


class _Residual(nn.Module):
    """x + conv(SiLU(conv(SiLU(x)))); the second convolution starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))


def load_autoencoder(folder: str | Path | None = None) -> PictureAutoencoder:
    """The trained codec, frozen, in float32.

    Parameters
    ----------
    folder : path, optional
        With ``autoencoder.safetensors``; by default the one that is shipped.

    Raises
    ------
    CounterpointError
        No such file, or one that does not fit.
    """
    state = read_weights(folder, "autoencoder")
    try:
        model = PictureAutoencoder(width=len(state["encoder.1.bias"]))
        model.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise other_version("autoencoder", error) from error
    return model.requires_grad_(False).eval()
