"""Heads that sit on encoders: projector, predictor, prototypes.

The heads of the published systems are settings of these three (d: length of the encoder's vectors)::

    SimCLR     Projector(d, hidden=2048, dim=128)                                  Linear-BN-ReLU-Linear
               Projector(d, hidden=2048, dim=128, last_norm="batch", bias=False)   with a last BN
    MoCo v2    Projector(d, hidden=d, dim=128, norm="none")                        Linear-ReLU-Linear
    SupCon     the same as MoCo v2
    MoCo v3    Projector(d, hidden=4096, dim=256, last_norm="plain", bias=False)
               Predictor(256, hidden=4096, bias=False)                             ViT: last_norm="plain"
    SimSiam    Projector(d, layers=3, hidden=2048, dim=2048, last_norm="plain", bias=False)
               Predictor(2048, hidden=512)
    BYOL       Projector(d, hidden=4096, dim=256)
               Predictor(256, hidden=4096)
    Barlow     Projector(d, layers=3, hidden=8192, dim=8192, bias=False)
    SwAV       Projector(d, hidden=2048, dim=128)
               Prototypes(128, 3000)
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError

Norm = Literal["batch", "plain", "layer", "none"]
NORMS = ("batch", "plain", "layer", "none")


class Projector(nn.Sequential):
    """Linear maps with normalisation and ReLU between them: ``(batch, features)`` to ``(batch, dim)``.

    Parameters
    ----------
    features : int
        Length of the incoming vectors.
    layers : int
        Number of linear maps, 1 or more.
    hidden : int
        Width between them.
    dim : int
        Length of the outgoing vectors.
    norm : str
        After each hidden map: ``"batch"``, ``"plain"`` (batch normalisation without gain and offset),
        ``"layer"`` or ``"none"``.
    last_norm : str
        The same, after the last map.
    bias : bool
        Whether the last map has an offset. Hidden maps have one only where no normalisation follows,
        because batch normalisation takes it off again.

    Examples
    --------
    >>> [type(part).__name__ for part in Projector(64, hidden=32, dim=8)]
    ['Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    """

    def __init__(
        self,
        features: int,
        *,
        layers: int = 2,
        hidden: int = 2048,
        dim: int = 128,
        norm: Norm = "batch",
        last_norm: Norm = "none",
        bias: bool = True,
    ) -> None:
        for key, value in {"features": features, "layers": layers, "hidden": hidden, "dim": dim}.items():
            if value < 1:
                raise CounterpointError(f"The head's {key} is {value}.", "1 or more is needed.")
        parts: list[nn.Module] = []
        for _ in range(layers - 1):
            parts += [
                nn.Linear(features, hidden, bias=norm == "none"),
                *_norm(norm, hidden),
                nn.ReLU(inplace=True),
            ]
            features = hidden
        super().__init__(*parts, nn.Linear(features, dim, bias=bias), *_norm(last_norm, dim))
        self.dim = dim


class Predictor(Projector):
    """A projector from a space to itself, which guesses the other view's embedding (BYOL, SimSiam, MoCo v3).

    Examples
    --------
    >>> Predictor(128, hidden=32)(torch.zeros(4, 128)).shape
    torch.Size([4, 128])
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int = 512,
        layers: int = 2,
        norm: Norm = "batch",
        last_norm: Norm = "none",
        bias: bool = True,
    ) -> None:
        super().__init__(
            dim, layers=layers, hidden=hidden, dim=dim, norm=norm, last_norm=last_norm, bias=bias
        )


class Prototypes(nn.Module):
    """Learnable cluster centres as unit rows (SwAV, facebookresearch/swav).

    Call :meth:`normalise_` before every forward pass and :meth:`freeze_` between the backward pass and the
    optimiser step, as the authors' training loop does: rows are brought to unit length in place, outside
    the graph, so that the objective's gradient is that of the plain product.

    Parameters
    ----------
    dim : int
        Length of the embeddings.
    num_prototypes : int
        Number of rows.
    frozen_steps : int
        Steps during which the gradient is dropped (313 at batch 4096 and 5005 at batch 256 in the paper's
        runs).

    Examples
    --------
    >>> prototypes = Prototypes(4, 10)
    >>> prototypes(torch.ones(2, 4)).shape
    torch.Size([2, 10])
    """

    def __init__(self, dim: int, num_prototypes: int, *, frozen_steps: int = 0) -> None:
        super().__init__()
        if dim < 1 or num_prototypes < 1:
            raise CounterpointError(
                f"{num_prototypes} prototypes of length {dim} were asked for.", "1 or more of each is needed."
            )
        self.weight = nn.Parameter(torch.empty(num_prototypes, dim))
        self.frozen_steps = frozen_steps
        nn.init.normal_(self.weight)
        self.normalise_()

    def forward(self, z: Tensor) -> Tensor:
        """``(batch, dim)`` unit embeddings to ``(batch, num_prototypes)`` cosine scores."""
        return z @ self.weight.T

    @torch.no_grad()
    def normalise_(self) -> None:
        """Bring every row to unit length in place, without gradient."""
        self.weight.copy_(F.normalize(self.weight, dim=1))

    def freeze_(self, step: int) -> bool:
        """Drop the gradient while ``step``, counted from 0, is below ``frozen_steps``; whether it did."""
        if step < self.frozen_steps:
            self.weight.grad = None
            return True
        return False


def _norm(kind: str, width: int) -> list[nn.Module]:
    if kind not in NORMS:
        raise CounterpointError(f'"{kind}" is no normalisation of a head.', f"Known: {', '.join(NORMS)}.")
    if kind == "none":
        return []
    return [nn.LayerNorm(width)] if kind == "layer" else [nn.BatchNorm1d(width, affine=kind == "batch")]
