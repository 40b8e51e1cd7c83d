"""Networks that guess a picture's tokens from noised ones and from what the brain said."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALE = 16.0
"""What cosines are multiplied with before the softmax of :class:`JointPriorNetwork`."""
BUCKETS, MAX_DISTANCE = 32, 128
"""Of the relative position bias."""
ROTARY = 32
"""So many entries of each head are turned by the position, at most."""


class JointPriorNetwork(nn.Module):
    """MindEye's network: one transformer over brain tokens, a time token and noised picture tokens.

    Scotti et al. 2023, after the DALL-E 2 prior of lucidrains/DALLE2-pytorch. All heads share one key and one
    value; logits are 16 times the cosine, plus a bias by distance; queries and keys are turned by their
    position; a learned key and value stand before the sequence. Layer norms have a gain and no offset. Each
    block is attention - norm, then SwiGLU, both with a normalised input and a residual. The last ``tokens``
    outputs, normalised and mapped, are the prediction.

    Parameters
    ----------
    dim, tokens : int
        ``(batch, tokens, dim)`` is the shape of the brain's and of the picture's tokens.
    depth, heads, head_dim : int
        Blocks, heads in each and their width.
    feed_forward : float
        Width of the SwiGLU as a multiple of ``dim``.
    dropout : float
        On attention weights and inside the SwiGLU.
    """

    def __init__(
        self, dim: int, tokens: int, *, depth: int, heads: int, head_dim: int, feed_forward: float, dropout: float
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.time = _TimeToken(dim)
        self.positions = nn.Parameter(torch.randn(tokens, dim) * dim**-0.5)
        self.distance_bias = nn.Embedding(BUCKETS, heads)
        self.blocks = nn.ModuleList(
            _JointBlock(dim, heads=heads, head_dim=head_dim, hidden=int(feed_forward * dim), dropout=dropout)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        length = 2 * tokens + 1
        self.register_buffer("_buckets", _buckets(length), persistent=False)
        self.register_buffer("_turns", _turns(length, min(ROTARY, head_dim)), persistent=False)

    _buckets: Tensor
    _turns: Tensor

    def forward(self, noised: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Predicted clean tokens, like ``noised`` and ``condition`` ``(batch, tokens, dim)`` at times ``t``."""
        x = torch.cat([condition, self.time(t, like=noised), noised + self.positions], 1)
        bias = self.distance_bias(self._buckets).permute(2, 0, 1).to(x.dtype)
        for block in self.blocks:
            x = block(x, bias=bias, turns=self._turns)
        prediction: Tensor = self.out(self.norm(x[:, -self.tokens :]))
        return prediction


class CrossPriorNetwork(nn.Module):
    """STTM's network: a transformer decoder whose queries are picture tokens and whose memory is the brain.

    Liu et al. 2024 (arXiv 2403.06361), YulongBonjour/STTM: blocks of self-attention, attention to the brain
    and GELU layers, each followed by a residual and a layer norm; learned positions on both sides. A linear
    map is added at the end, because a prediction that leaves a layer norm cannot be shorter when less is
    known.

    Parameters
    ----------
    dim, tokens, depth, heads, head_dim, feed_forward, dropout
        As in :class:`JointPriorNetwork`. The authors' sizes are 768, 257, 6, 12, 64, 4.0 and 0.
    """

    def __init__(
        self, dim: int, tokens: int, *, depth: int, heads: int, head_dim: int, feed_forward: float, dropout: float
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.time = _TimeToken(dim)
        self.positions = nn.Parameter(torch.randn(tokens, dim) * dim**-0.5)
        self.condition_positions = nn.Parameter(torch.randn(tokens, dim) * dim**-0.5)
        self.blocks = nn.ModuleList(
            _CrossBlock(dim, heads=heads, head_dim=head_dim, hidden=int(feed_forward * dim), dropout=dropout)
            for _ in range(depth)
        )
        self.out = nn.Linear(dim, dim)

    def forward(self, noised: Tensor, t: Tensor, condition: Tensor, kept: Tensor | None = None) -> Tensor:
        """Predicted clean tokens; ``kept`` ``(batch, some)`` are the positions of the brain tokens to use."""
        memory = condition + self.condition_positions
        if kept is not None:
            memory = memory.gather(1, kept.unsqueeze(2).expand(-1, -1, memory.shape[2]))
        x = torch.cat([self.time(t, like=noised), noised + self.positions], 1)
        for block in self.blocks:
            x = block(x, memory)
        prediction: Tensor = self.out(x[:, 1:])
        return prediction


class _TimeToken(nn.Module):
    """Sines and cosines of the time through a small network: ``(batch,)`` to ``(batch, 1, dim)``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        rates = torch.exp(torch.arange((dim + 1) // 2) * (-math.log(10000.0) / max((dim + 1) // 2 - 1, 1)))
        self.register_buffer("_rates", rates, persistent=False)
        wide = 2 * dim
        self.layers = nn.Sequential(
            nn.Linear(dim, wide), nn.SiLU(), nn.Linear(wide, wide), nn.SiLU(), nn.Linear(wide, dim)
        )

    _rates: Tensor

    def forward(self, t: Tensor, *, like: Tensor) -> Tensor:
        angles = t.to(self._rates.dtype).unsqueeze(1) * self._rates
        waves = torch.cat([angles.sin(), angles.cos()], 1)[:, : like.shape[2]]
        token: Tensor = self.layers(waves.to(like.dtype))
        return token.unsqueeze(1)


class _JointBlock(nn.Module):
    """Attention with one shared key and value, then SwiGLU."""

    def __init__(self, dim: int, *, heads: int, head_dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.head_dim, self.dropout = heads, head_dim, dropout
        self.norm = nn.LayerNorm(dim, bias=False)
        self.query = nn.Linear(dim, heads * head_dim, bias=False)
        self.key_value = nn.Linear(dim, 2 * head_dim, bias=False)
        self.null = nn.Parameter(torch.randn(2, head_dim))
        self.back = nn.Linear(heads * head_dim, dim, bias=False)
        self.back_norm = nn.LayerNorm(dim, bias=False)
        self.feed_norm = nn.LayerNorm(dim, bias=False)
        self.feed_in = nn.Linear(dim, 2 * hidden, bias=False)
        self.feed_drop = nn.Dropout(dropout)
        self.feed_out = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor, *, bias: Tensor, turns: Tensor) -> Tensor:
        x = x + self._attend(self.norm(x), bias, turns)
        value, gate = self.feed_in(self.feed_norm(x)).chunk(2, 2)
        fed: Tensor = self.feed_out(self.feed_drop(value * F.silu(gate)))
        return x + fed

    def _attend(self, x: Tensor, bias: Tensor, turns: Tensor) -> Tensor:
        batch, length, _ = x.shape
        query = self.query(x).view(batch, length, self.heads, self.head_dim).transpose(1, 2)
        key, value = self.key_value(x).unsqueeze(1).chunk(2, 3)
        null_key, null_value = self.null.to(key.dtype).expand(batch, 1, 2, -1).split(1, 2)
        query = F.normalize(_turned(query, turns), dim=3)
        key = F.normalize(torch.cat([null_key, _turned(key, turns)], 2), dim=3)
        value = torch.cat([null_value, value], 2)
        everyone = (batch, self.heads, length + 1, self.head_dim)
        seen = F.scaled_dot_product_attention(
            query,
            key.expand(everyone),
            value.expand(everyone),
            attn_mask=bias.to(query.dtype),
            dropout_p=self.dropout if self.training else 0.0,
            scale=SCALE,
        )
        result: Tensor = self.back_norm(self.back(seen.transpose(1, 2).flatten(2)))
        return result


class _CrossBlock(nn.Module):
    """Self-attention, attention to the memory, GELU layers; a layer norm after each residual."""

    def __init__(self, dim: int, *, heads: int, head_dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.own = _Attention(dim, heads=heads, head_dim=head_dim, dropout=dropout)
        self.other = _Attention(dim, heads=heads, head_dim=head_dim, dropout=dropout)
        self.feed = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dim), nn.Dropout(dropout)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = self.norms[0](x + self.own(x, x))
        x = self.norms[1](x + self.other(x, memory))
        result: Tensor = self.norms[2](x + self.feed(x))
        return result


class _Attention(nn.Module):
    """Many heads whose joint width need not be that of the tokens."""

    def __init__(self, dim: int, *, heads: int, head_dim: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(dim, heads * head_dim)
        self.key_value = nn.Linear(dim, 2 * heads * head_dim)
        self.back = nn.Linear(heads * head_dim, dim)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        query = self.query(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        key, value = self.key_value(memory).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, dropout_p=self.dropout if self.training else 0.0)
        result: Tensor = self.back(seen.transpose(1, 2).flatten(2))
        return result


def _buckets(length: int) -> Tensor:
    """``(length, length + 1)``: how far a key lies behind the query; exact to 15, then in logarithmic steps.

    As in the authors' code, keys ahead of the query share bucket 0, and the learned key in front moves all
    others on by one.
    """
    behind = (torch.arange(length).unsqueeze(1) - torch.arange(length + 1)).clamp(min=0)
    exact = BUCKETS // 2
    far = torch.log(behind.clamp(min=1) / exact) / math.log(MAX_DISTANCE / exact) * (BUCKETS - exact)
    return torch.where(behind < exact, behind, (exact + far.long()).clamp(max=BUCKETS - 1))


def _turns(length: int, width: int) -> Tensor:
    """``(2, length, width)``: cosines and sines of position times rate; pairs of entries share a rate."""
    width -= width % 2
    rates = 10000.0 ** (-torch.arange(0, width, 2) / max(width, 1))
    angles = torch.outer(torch.arange(length).float(), rates).repeat_interleave(2, 1)
    return torch.stack([angles.cos(), angles.sin()])


def _turned(x: Tensor, turns: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021): entries 2k and 2k + 1 turned in their plane; the rest stays."""
    cos, sin = turns.to(x.dtype)
    head, rest = x.split([cos.shape[1], x.shape[3] - cos.shape[1]], 3)
    even, odd = head.unflatten(3, (-1, 2)).unbind(4)
    crossed = torch.stack([-odd, even], 4).flatten(3)
    return torch.cat([head * cos + crossed * sin, rest], 3)
