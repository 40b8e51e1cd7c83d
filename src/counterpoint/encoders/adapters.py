"""One shallow adapter per subject in front of one deep decoder that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders._subjects import Subjects


class SubjectAdapter(nn.Module):
    """A subject's voxels into the shared space: ``(batch, in_dim)`` to ``(batch, hidden_dim)``.

    Linear - LayerNorm - GELU - Dropout, then residual blocks of the same kind. Liu et al. 2024 (STTM, arXiv
    2403.06361).

    Parameters
    ----------
    in_dim, hidden_dim, num_blocks : int
        Voxels, width of the shared space, residual blocks.
    dropout, block_dropout : float
        After the first layer and in the blocks.

    Examples
    --------
    >>> import torch
    >>> adapter = SubjectAdapter(50, 8)
    >>> adapter(torch.randn(4, 50)).shape, sorted(adapter.state_dict())[:2]
    (torch.Size([4, 8]), ['blocks.0.linear.bias', 'blocks.0.linear.weight'])
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int = 4096,
        num_blocks: int = 1,
        *,
        dropout: float = 0.5,
        block_dropout: float = 0.15,
    ) -> None:
        super().__init__()
        if in_dim < 1 or hidden_dim < 1 or num_blocks < 0:
            raise CounterpointError(
                f"{in_dim} voxels, {hidden_dim} hidden and {num_blocks} blocks were asked for.",
                "1 or more voxels and hidden entries are needed.",
            )
        self.in_linear = nn.Linear(in_dim, hidden_dim)
        self.in_norm = nn.LayerNorm(hidden_dim)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(_Block(hidden_dim, block_dropout) for _ in range(num_blocks))

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, in_dim)`` to ``(batch, hidden_dim)``."""
        x = self.dropout(F.gelu(self.in_norm(self.in_linear(x))))
        for block in self.blocks:
            x = block(x)
        return x


class CrossSubjectDecoder(nn.Module):
    """STTM's decoder: adapters per subject, then residual blocks and a narrow token head for all.

    Liu et al. 2024 (arXiv 2403.06361), YulongBonjour/STTM. The head makes tokens of a small width, lets them
    look at each other once and widens each, in place of one layer to all entries of all tokens. For a new
    subject: :meth:`add_subject`, :meth:`freeze_shared`, and train what still asks for a gradient.

    Parameters
    ----------
    in_dims : mapping of str to int
        Voxels of each subject; any non-empty name will do.
    hidden_dim, adapter_blocks, shared_blocks : int
        Width of the shared space and residual blocks on either side.
    tokens, dim : int
        Of the target.
    token_width, heads, attention_width : int
        Width of tokens in the head, heads of their attention and the joint width of its queries and keys.
    dropout, block_dropout, attention_dropout : float
        In the adapters' first layer, everywhere else, and on attention weights.

    Examples
    --------
    >>> import torch
    >>> decoder = CrossSubjectDecoder({"one": 30, "two": 20}, hidden_dim=16, tokens=3, dim=8,
    ...                               token_width=8, heads=2, attention_width=8)
    >>> decoder(torch.randn(4, 30), "one").shape
    torch.Size([4, 3, 8])
    """

    def __init__(
        self,
        in_dims: Mapping[str, int],
        *,
        hidden_dim: int = 4096,
        adapter_blocks: int = 1,
        shared_blocks: int = 4,
        tokens: int = 257,
        dim: int = 768,
        token_width: int = 128,
        heads: int = 8,
        attention_width: int = 768,
        dropout: float = 0.5,
        block_dropout: float = 0.15,
        attention_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if heads < 1 or attention_width % heads:
            raise CounterpointError(
                f"An attention width of {attention_width} cannot be shared by {heads} heads.",
                "The width must be a multiple of the number of heads.",
            )
        self.hidden_dim, self.tokens, self.dim = hidden_dim, tokens, dim
        self._adapter = {"num_blocks": adapter_blocks, "dropout": dropout, "block_dropout": block_dropout}
        self._frozen = False
        self.adapters = Subjects()
        self.shared = nn.Sequential(*(_Block(hidden_dim, block_dropout) for _ in range(shared_blocks)))
        self.head = _TokenHead(
            hidden_dim,
            shape=(tokens, token_width, dim),
            heads=heads,
            width=attention_width,
            dropouts=(block_dropout, attention_dropout),
        )
        for name, in_dim in in_dims.items():
            self.add_subject(name, in_dim)

    @property
    def subjects(self) -> list[str]:
        """Their names."""
        return self.adapters.names()

    def add_subject(self, name: str, in_dim: int) -> None:
        """Make an adapter for a new subject, on the decoder's device; the optimiser has to be told of it."""
        settings: dict[str, Any] = self._adapter
        adapter = SubjectAdapter(in_dim, self.hidden_dim, **settings)
        weight = next(self.head.parameters())
        self.adapters.add(name, adapter.to(weight.device, weight.dtype))

    def freeze_shared(self, frozen: bool = True) -> None:
        """Keep everything but the adapters as it is: no gradients, and no dropout even after ``train()``."""
        self._frozen = frozen
        for part in (self.shared, self.head):
            part.requires_grad_(not frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> CrossSubjectDecoder:
        """As for any module, except that a frozen shared part stays in evaluation mode."""
        super().train(mode)
        if self._frozen:
            self.shared.eval()
            self.head.eval()
        return self

    def hidden(self, x: Tensor | Sequence[Tensor], subject: str | Sequence[str]) -> Tensor:
        """The ``(batch, hidden_dim)`` feature that all subjects share, before it becomes tokens."""
        feature: Tensor = self.shared(self.adapters(x, subject))
        return feature

    def forward(self, x: Tensor | Sequence[Tensor], subject: str | Sequence[str]) -> Tensor:
        """Voxels to tokens.

        Parameters
        ----------
        x : Tensor or sequence of Tensor
            ``(batch, voxels)`` of one subject, or one tensor per subject.
        subject : str or sequence of str
            Its name, or as many names; samples come out in this order.

        Returns
        -------
        Tensor
            ``(batch, tokens, dim)``.
        """
        tokens: Tensor = self.head(self.hidden(x, subject))
        return tokens


class _Block(nn.Module):
    """``x + Dropout(GELU(LN(Linear(x))))``."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.dropout(F.gelu(self.norm(self.linear(x))))
        return x + added


class _TokenHead(nn.Module):
    """LN - GELU - Linear to narrow tokens, self-attention among them, each widened by two layers."""

    def __init__(
        self,
        hidden: int,
        *,
        shape: tuple[int, int, int],
        heads: int,
        width: int,
        dropouts: tuple[float, float],
    ) -> None:
        super().__init__()
        self.tokens, narrow, dim = shape
        self.heads, (dropout, self.attention_dropout) = heads, dropouts
        self.to_tokens = nn.Sequential(nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, self.tokens * narrow))
        self.norm = nn.LayerNorm(narrow)
        self.attention = nn.Linear(narrow, 3 * width)
        self.back = nn.Linear(width, narrow)
        self.dropout = nn.Dropout(dropout)
        self.widen = nn.Sequential(
            nn.LayerNorm(narrow),
            nn.Linear(narrow, 2 * dim),
            nn.LayerNorm(2 * dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * dim, dim),
        )

    def forward(self, feature: Tensor) -> Tensor:
        x = self.to_tokens(feature).unflatten(1, (self.tokens, -1))
        query, key, value = self.attention(self.norm(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        drop = self.attention_dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(query, key, value, dropout_p=drop)
        x = x + self.dropout(self.back(seen.transpose(1, 2).flatten(2)))
        tokens: Tensor = self.widen(x)
        return tokens
