"""A plain convolutional network that two CPU cores can train."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from counterpoint.encoders.encoder import Encoder
from counterpoint.encoders.pooling import Pool


class ConvNet(Encoder):
    """Convolution, batch normalisation, ReLU, ``depth`` times; channels double where resolution halves.

    Channels are ``w, w, 2w, 2w, 4w, 4w, ...``. With the small stem the second and the fourth convolution have
    stride 2, so maps have a quarter of the picture's side (28 to 7, rounded up); the standard stem also
    strides in the first one (an eighth). Weights are kept channels-last and inputs are brought to that
    layout, which is the faster one on CPUs and on GPUs with tensor cores; widths that are multiples of 16
    suit bfloat16.

    Parameters
    ----------
    channels : int
        Channels of the pictures.
    width : int
        w, channels of the first convolution.
    depth : int
        Number of convolutions, 4 or more.
    small_stem : bool
        Whether the first convolution keeps the resolution.
    pool : str
        See :class:`~counterpoint.encoders.pooling.Pool`.

    Attributes
    ----------
    dim : int
        Length of the vectors that the network returns.

    Examples
    --------
    >>> import torch
    >>> encoder = ConvNet(channels=1, width=16, pool="grid")
    >>> encoder(torch.zeros(2, 1, 28, 28)).shape, encoder.maps(torch.zeros(2, 1, 28, 28)).shape
    (torch.Size([2, 256]), torch.Size([2, 64, 7, 7]))
    """

    def __init__(
        self, *, channels: int, width: int = 32, depth: int = 5, small_stem: bool = True, pool: str = "mean"
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        incoming = channels
        for position in range(depth):
            outgoing = width * (1, 1, 2, 2, 4)[min(position, 4)]
            stride = 2 if position in (1, 3) or (position == 0 and not small_stem) else 1
            layers += [
                nn.Conv2d(incoming, outgoing, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(outgoing),
                nn.ReLU(inplace=True),
            ]
            incoming = outgoing
        self.layers = nn.Sequential(*layers)
        self.pool = Pool(pool)
        self.dim = incoming * self.pool.factor
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)

    def maps(self, x: Tensor) -> Tensor:
        """``(batch, channels, height, width)`` to the last map ``(batch, 4 width, height/4, width/4)``."""
        return self.layers(x.contiguous(memory_format=torch.channels_last))

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, height, width)`` to ``(batch, dim)``."""
        return self.pool(self.maps(x))
