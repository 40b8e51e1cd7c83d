"""From one subject's voxels to the tokens of a picture: the wide networks of MindEye and MindEye2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders._subjects import Subjects


class BrainMLP(nn.Module):
    """A wide network on voxels: ``(batch, in_dim)`` to ``(batch, tokens, dim)``.

    ``"residual"`` is MindEye's (Scotti et al. 2023): Linear - LayerNorm - GELU - Dropout, residual blocks of
    the same with another dropout, Linear to all tokens. ``"mixer"`` is MindEye2's (Scotti et al. 2024): Linear,
    residual blocks LayerNorm - Linear - GELU - Dropout - Linear, Linear to all tokens. MindEye2's second block
    mixes along a sequence of length 1, where layer normalisation leaves a constant: the last offset has it.

    Parameters
    ----------
    in_dim : int or None
        Voxels. None for a network without a first layer, which takes ``(batch, hidden)`` from a layer per
        subject such as :class:`SubjectRidge`.
    hidden, blocks : int
        Width and number of blocks.
    tokens, dim : int
        Of the target. At 257 x 768 and 4096 hidden the last layer has 808 million weights.
    dropout, block_dropout : float
        After the first layer (``"residual"`` only) and inside the blocks.
    kind : {"residual", "mixer"}

    Examples
    --------
    >>> import torch
    >>> BrainMLP(100, hidden=32, blocks=2, tokens=3, dim=8)(torch.randn(4, 100)).shape
    torch.Size([4, 3, 8])
    """

    def __init__(
        self,
        in_dim: int | None,
        *,
        hidden: int = 4096,
        blocks: int = 4,
        tokens: int = 257,
        dim: int = 768,
        dropout: float = 0.5,
        block_dropout: float = 0.15,
        kind: Literal["residual", "mixer"] = "residual",
    ) -> None:
        super().__init__()
        sizes = {"hidden": hidden, "tokens": tokens, "dim": dim, **({} if in_dim is None else {"in_dim": in_dim})}
        for name, size in sizes.items():
            if size < 1:
                raise CounterpointError(f"{name} is {size}.", "1 or more is needed.")
        if kind not in ("residual", "mixer"):
            raise CounterpointError(f'No kind called "{kind}".', 'Known: "residual", "mixer".')
        self.in_dim, self.tokens, self.dim, self.width = in_dim, tokens, dim, hidden
        self.first: nn.Module = nn.Identity()
        if in_dim is not None:
            self.first = nn.Linear(in_dim, hidden)
            if kind == "residual":
                self.first = nn.Sequential(self.first, nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(dropout))
        self.blocks = nn.ModuleList(_block(kind, hidden, block_dropout) for _ in range(blocks))
        self.to_tokens = nn.Linear(hidden, tokens * dim)

    def hidden(self, x: Tensor) -> Tensor:
        """``(batch, in_dim)`` voxels to the ``(batch, hidden)`` feature before the tokens."""
        return self._through_blocks(self.first(x))

    def body(self, features: Tensor) -> Tensor:
        """``(batch, hidden)`` of a first layer kept elsewhere to ``(batch, tokens, dim)``."""
        tokens: Tensor = self.to_tokens(self._through_blocks(features))
        return tokens.unflatten(1, (self.tokens, self.dim))

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, in_dim)``, or ``(batch, hidden)`` where ``in_dim`` is None, to ``(batch, tokens, dim)``."""
        return self.body(self.first(x))

    def _through_blocks(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return x


class TokenProjector(nn.Sequential):
    """MindEye's projector, on every token alone: ``(..., dim)`` to ``(..., dim)``.

    LN - GELU - Linear - LN - GELU - Linear - LN - GELU - Linear (Scotti et al. 2023, section 3.2). Its output
    serves retrieval, its input the prior: one vector does not do both well.

    Parameters
    ----------
    dim, hidden : int
        Width of the tokens and between the linear maps.

    Examples
    --------
    >>> import torch
    >>> TokenProjector(8, hidden=16)(torch.randn(4, 3, 8)).shape
    torch.Size([4, 3, 8])
    """

    def __init__(self, dim: int, *, hidden: int = 2048) -> None:
        if dim < 1 or hidden < 1:
            raise CounterpointError(f"dim is {dim} and hidden {hidden}.", "1 or more of each is needed.")
        parts: list[nn.Module] = []
        for width, wider in ((dim, hidden), (hidden, hidden), (hidden, dim)):
            parts += [nn.LayerNorm(width), nn.GELU(), nn.Linear(width, wider)]
        super().__init__(*parts)
        self.dim = dim


class SubjectRidge(nn.Module):
    """MindEye2's first layer: a linear map per subject into a space that all share.

    Scotti et al. 2024, section 2.1: give it weight decay (1e-2 there) and it is a ridge regression learned
    together with what follows.

    Parameters
    ----------
    in_dims : mapping of str to int
        Voxels of each subject.
    hidden : int
        Width of the shared space.

    Examples
    --------
    >>> import torch
    >>> ridge = SubjectRidge({"sub-01": 30, "sub-02": 20}, hidden=8)
    >>> ridge.add_subject("sub-03", 25)
    >>> ridge([torch.randn(4, 30), torch.randn(2, 25)], ["sub-01", "sub-03"]).shape
    torch.Size([6, 8])
    """

    def __init__(self, in_dims: Mapping[str, int], hidden: int = 4096) -> None:
        super().__init__()
        self.hidden = hidden
        self.maps = Subjects()
        for name, in_dim in in_dims.items():
            self.add_subject(name, in_dim)

    @property
    def subjects(self) -> list[str]:
        """Their names."""
        return self.maps.names()

    def add_subject(self, name: str, in_dim: int) -> None:
        """Make a map for a new subject, where the others are; the optimiser has to be told of it."""
        if in_dim < 1 or self.hidden < 1:
            raise CounterpointError(f"{in_dim} voxels and {self.hidden} hidden.", "1 or more of each is needed.")
        self.maps.add(name, nn.Linear(in_dim, self.hidden))

    def forward(self, x: Tensor | Sequence[Tensor], subject: str | Sequence[str]) -> Tensor:
        """``(batch, voxels)`` of a subject, or a list of them with a list of names, to ``(batch, hidden)``."""
        shared: Tensor = self.maps(x, subject)
        return shared


def _block(kind: str, hidden: int, dropout: float) -> nn.Module:
    if kind == "mixer":
        return nn.Sequential(
            nn.LayerNorm(hidden),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
        )
    return nn.Sequential(nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(dropout))
