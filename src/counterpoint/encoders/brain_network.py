"""One network for the responses of several people: a part for each of them, and a part they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.encoders.adapters import CrossSubjectDecoder
from counterpoint.encoders.brain import BrainMLP, SubjectRidge
from counterpoint.encoders.causal import CausalBrainEncoder

KINDS = ("mlp", "mixer", "adapter", "causal", "linear")


class BrainNetwork(nn.Module):
    """Responses of people with different voxels to picture tokens of one shape.

    Parameters
    ----------
    inputs : mapping of str to int
        Voxels (or parcels) of every person, by name.
    kind : "mlp", "mixer", "adapter", "causal" or "linear"
        See :class:`counterpoint.brain.spec.BrainEncoder`.
    tokens, dim : int
        Shape of a target.
    text_dim : int
        Width of caption embeddings, for heads that meet them; 0: there are none.
    hidden, blocks, dropout, block_dropout, adapter_blocks, token_width, attention_width, heads
        See there.
    t_r : float
        Seconds between time points, for ``causal``.
    """

    def __init__(self, inputs: Mapping[str, int], *, kind: str, tokens: int, dim: int, text_dim: int = 0,
                 hidden: int = 256, blocks: int = 2, dropout: float = 0.5, block_dropout: float = 0.15,
                 adapter_blocks: int = 1, token_width: int = 128, attention_width: int = 256, heads: int = 4,
                 t_r: float = 2.0) -> None:
        super().__init__()
        self.inputs, self.kind, self.tokens, self.dim = dict(inputs), kind, tokens, dim
        self.text_dim, self.hidden, self.t_r = text_dim, hidden, t_r
        if kind in ("mlp", "mixer"):
            self.people: Any = SubjectRidge(self.inputs, hidden)
            self.enter = nn.Sequential(nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(dropout)) if kind == "mlp" \
                else nn.Identity()
            self.shared: Any = BrainMLP(
                None, hidden=hidden, blocks=blocks, tokens=tokens, dim=dim, dropout=dropout,
                block_dropout=block_dropout, kind="residual" if kind == "mlp" else "mixer")
        elif kind == "adapter":
            self.shared = CrossSubjectDecoder(
                self.inputs, hidden_dim=hidden, adapter_blocks=adapter_blocks, shared_blocks=blocks, tokens=tokens,
                dim=dim, token_width=token_width, attention_width=attention_width, heads=heads, dropout=dropout,
                block_dropout=block_dropout)
        elif kind == "causal":
            self.shared = CausalBrainEncoder(one_width(self.inputs), hidden, depth=blocks, heads=heads)
            self.out = nn.Linear(hidden, tokens * dim)
        elif kind == "linear":
            self.people = SubjectRidge(self.inputs, tokens * dim)
        else:
            raise unknown("brain network", kind, KINDS, "--encoder.name mlp")

    @property
    def own(self) -> nn.Module:
        """The people's own parts."""
        part: nn.Module = self.shared.adapters if self.kind == "adapter" else getattr(self, "people", nn.Identity())
        return part

    def forward(self, responses: Sequence[Tensor], subjects: Sequence[str]) -> Tensor:
        """``(batch, tokens, dim)`` for the people's responses one after the other."""
        self._check(responses, subjects)
        if self.kind == "adapter":
            found: Tensor = self.shared(list(responses), list(subjects))
            return found
        if self.kind == "causal":
            return self.out(self.pooled(responses)).unflatten(1, (self.tokens, self.dim))
        hidden = self.people(list(responses), list(subjects))
        if self.kind == "linear":
            return hidden.unflatten(1, (self.tokens, self.dim))
        entered: Tensor = self.shared.body(self.enter(hidden))
        return entered

    def features(self, responses: Sequence[Tensor], subjects: Sequence[str]) -> Tensor:
        """``(batch, hidden)``: the shared feature before it becomes tokens."""
        if self.kind == "causal":
            return self.pooled(responses)
        self._check(responses, subjects)
        if self.kind == "adapter":
            found: Tensor = self.shared.hidden(list(responses), list(subjects))
            return found
        if self.kind == "linear":
            raise CounterpointError("A linear map has no hidden feature.", "", "--encoder.name mlp")
        hidden: Tensor = self.shared.hidden(self.enter(self.people(list(responses), list(subjects))))
        return hidden

    def pooled(self, responses: Sequence[Tensor]) -> Tensor:
        """The sequence encoder's ``(batch, hidden)`` feature, before any projection."""
        x = torch.cat(list(responses))
        found: Tensor = self.shared(x, self.times(x))
        return found

    def sequence_loss(self, responses: Sequence[Tensor], *, generator: torch.Generator | None = None) -> Tensor:
        """L1 of a time point foretold from those before it (causal sequence modelling)."""
        x = torch.cat(list(responses))
        found: Tensor = self.shared.csm_loss(x, self.times(x), generator=generator)
        return found

    def times(self, x: Tensor) -> Tensor:
        """``(batch, time)`` seconds of the time points."""
        return (torch.arange(x.shape[1], device=x.device, dtype=torch.float32) * self.t_r).expand(len(x), -1)

    def add_subject(self, name: str, in_dim: int) -> None:
        """A fresh part for a further person."""
        if self.kind == "causal":
            raise CounterpointError("A sequence encoder has no part of its own for a person.",
                                    "It reads anybody with the same parcels.")
        (self.shared if self.kind == "adapter" else self.people).add_subject(name, in_dim)
        self.inputs[name] = in_dim

    def _check(self, responses: Sequence[Tensor], subjects: Sequence[str]) -> None:
        for x, name in zip(responses, subjects, strict=True):
            self.check_person(name, x.shape[-1])

    def check_person(self, name: str, voxels: int) -> None:
        """Refuse a person who has no part here, or other voxels than in training; sequences are read of anybody."""
        if name not in self.inputs and self.kind != "causal":
            raise unknown("person in this model", name, self.inputs, "counterpoint decode fit ... --init-from RUN")
        expected = self.inputs[name] if name in self.inputs else one_width(self.inputs)
        if voxels != expected:
            raise CounterpointError(f"{name} has {voxels} voxels, the model reads {expected}.",
                                    "The same mask and regions as in training were expected.")


def one_width(inputs: Mapping[str, int]) -> int:
    """The number of parcels that everybody has."""
    widths = set(inputs.values())
    if len(widths) != 1:
        raise CounterpointError(f"People have {sorted(widths)} parcels.",
                                "A sequence encoder reads the same parcels of everybody.")
    return widths.pop()
