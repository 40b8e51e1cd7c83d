"""A transformer over a run of brain activity that only looks back: whole-brain parcels, in seconds."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError


class CausalBrainEncoder(nn.Module):
    """Parcels over time to one vector: ``(batch, time, in_dim)`` and their seconds to ``(batch, dim)``.

    Wang et al. 2024 (WAVE, arXiv 2411.07121), after athms/learning-from-brains (Thomas et al. 2022). Each row is
    mapped, normalised and joined by an embedding of its second, so that recordings of different repetition
    times go together; GPT-2 blocks follow. A learned row, put in behind the last real one before the mapping,
    gathers the answer. Pre-train with :meth:`csm_loss`.

    Parameters
    ----------
    in_dim, dim, depth, heads : int
        Parcels, width, blocks and heads in each; ``dim`` is a multiple of ``heads``.
    dropout : float
        After the embedding, on attention weights and in the blocks.
    max_seconds, step : float
        Times are rounded to a multiple of ``step`` and lie below ``max_seconds``. One more embedding is for
        the learned row, which has no time.

    Examples
    --------
    >>> encoder = CausalBrainEncoder(30, 16, depth=1, heads=2)
    >>> seconds = torch.arange(5) * 2.0
    >>> encoder(torch.randn(4, 5, 30), seconds).shape
    torch.Size([4, 16])
    """

    def __init__(
        self,
        in_dim: int = 1024,
        dim: int = 768,
        depth: int = 4,
        heads: int = 12,
        *,
        dropout: float = 0.1,
        max_seconds: float = 300.0,
        step: float = 0.2,
    ) -> None:
        super().__init__()
        if min(in_dim, dim, depth, heads) < 1 or dim % heads:
            raise CounterpointError(
                f"in_dim {in_dim}, dim {dim}, depth {depth} and heads {heads} were asked for.",
                "1 or more of each is needed, and dim a multiple of heads.",
            )
        if not 0 < step <= max_seconds:
            raise CounterpointError(
                f"max_seconds is {max_seconds} and step {step}.", "0 < step <= max_seconds was expected."
            )
        self.in_dim, self.dim, self.step = in_dim, dim, step
        self.num_times = round(max_seconds / step)
        self.cls_row = nn.Parameter(torch.randn(in_dim) * 0.02)
        self.mask_row = nn.Parameter(torch.randn(in_dim) * 0.02)
        self.embed = nn.Sequential(nn.Linear(in_dim, dim), nn.LayerNorm(dim), nn.Dropout(dropout))
        self.time = nn.Embedding(self.num_times + 1, dim)
        self.blocks = nn.ModuleList(_Block(dim, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.to_row = nn.Linear(dim, in_dim)
        nn.init.normal_(self.time.weight, std=0.02)

    def forward(self, x: Tensor, times: Tensor, mask: Tensor | None = None) -> Tensor:
        """The vector at the learned row.

        Parameters
        ----------
        x : Tensor
            ``(batch, time, in_dim)``, z-scored, padded on the right where runs differ in length.
        times : Tensor
            ``(batch, time)`` or ``(time,)``: when each row was recorded, in seconds.
        mask : Tensor, optional
            ``(batch, time)`` bool, True where a row is real; all are by default. Nothing depends on what
            stands in the other rows.

        Returns
        -------
        Tensor
            ``(batch, dim)``.

        Raises
        ------
        CounterpointError
            Shapes that do not fit, times outside the range, padding that is not on the right.
        """
        x, index, lengths = self._prepared(x, times, mask)
        x, index = F.pad(x, (0, 0, 0, 1)), F.pad(index, (0, 1))
        here = torch.arange(x.shape[1], device=x.device) == lengths.unsqueeze(1)
        x = torch.where(here.unsqueeze(2), self.cls_row.to(x.dtype), x)
        return self._at(self._encoded(x, index.masked_fill(here, self.num_times)), lengths)

    def predict_row(self, x: Tensor, times: Tensor, position: Tensor, mask: Tensor | None = None) -> Tensor:
        """Guess the row at ``position`` ``(batch,)``, a real one, from the rows before it: ``(batch, in_dim)``."""
        x, index, lengths = self._prepared(x, times, mask)
        if x.device.type == "cpu" and not bool(((position >= 0) & (position < lengths)).all()):
            raise CounterpointError("A position lies outside its run.", "Positions of real rows were expected.")
        return self._predicted(x, index, position)

    def csm_loss(
        self, x: Tensor, times: Tensor, mask: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        r"""Causal sequence modelling: the mean absolute error of one hidden row, told from its past.

        .. math:: L = \mathrm{mean} \lvert \hat{x}_t - x_t \rvert, \qquad
                  \hat{x}_t = f(x_0, \dots, x_{t-1}, \mathrm{mask}), \quad t \ge 1 \text{ at random}

        Parameters
        ----------
        x, times, mask
            As in :meth:`forward`; two real rows or more per sample.
        generator : torch.Generator, optional
            For the same rows again.

        Returns
        -------
        Tensor
            Scalar.
        """
        x, index, lengths = self._prepared(x, times, mask)
        if lengths.device.type == "cpu" and int(lengths.min()) < 2:
            raise CounterpointError("A run has fewer than 2 rows.", "One to guess and one before it are needed.")
        home = x.device if generator is None else generator.device
        chance = torch.rand(len(x), generator=generator, device=home).to(x.device)
        position = 1 + (chance * (lengths - 1)).long()
        target = x[torch.arange(len(x), device=x.device), position]
        return (self._predicted(x, index, position) - target).abs().mean()

    def _predicted(self, x: Tensor, index: Tensor, position: Tensor) -> Tensor:
        """Rows behind the position need not be cut off: no row looks ahead."""
        here = torch.arange(x.shape[1], device=x.device) == position.unsqueeze(1)
        masked = torch.where(here.unsqueeze(2), self.mask_row.to(x.dtype), x)
        row: Tensor = self.to_row(self._at(self._encoded(masked, index), position))
        return row

    def _encoded(self, x: Tensor, index: Tensor) -> Tensor:
        hidden: Tensor = self.embed(x) + self.time(index)
        for block in self.blocks:
            hidden = block(hidden)
        return hidden

    def _at(self, hidden: Tensor, position: Tensor) -> Tensor:
        rows: Tensor = self.norm(hidden[torch.arange(len(hidden), device=hidden.device), position])
        return rows

    def _prepared(self, x: Tensor, times: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Rows with zeros for padding, indices of their times, and how many are real; values checked on the CPU."""
        if x.ndim != 3 or x.shape[2] != self.in_dim or x.shape[1] == 0:
            raise CounterpointError(
                f"x has shape {tuple(x.shape)}.", f"(batch, time, {self.in_dim}) was expected: parcels over time."
            )
        shape = x.shape[:2]
        if times.shape not in (shape, shape[1:]) or (mask is not None and mask.shape != shape):
            raise CounterpointError(
                f"times have shape {tuple(times.shape)}{'' if mask is None else f' and mask {tuple(mask.shape)}'}.",
                f"{tuple(shape)} was expected: one second per row of x.",
            )
        times = times.to(x.device).expand(shape)
        if mask is None:
            real = torch.ones(shape, dtype=torch.bool, device=x.device)
        else:
            real = mask.to(x.device, torch.bool)
        index = (times / self.step).round().nan_to_num().long().masked_fill(~real, 0)
        if x.device.type == "cpu":
            self._check(index, real)
        # Zeros, because attention multiplies even what it does not look at: 0 times NaN is NaN
        return x.masked_fill(~real.unsqueeze(2), 0.0), index, real.sum(1)

    def _check(self, index: Tensor, real: Tensor) -> None:
        if not 0 <= int(index.min()) <= int(index.max()) < self.num_times:
            first, last = int(index.min()) * self.step, int(index.max()) * self.step
            raise CounterpointError(
                f"times run from {first:g} to {last:g} seconds.",
                f"They lie in 0 to below {self.num_times * self.step:g}: count from the start of the run or window.",
                "times - times.amin(1, keepdim=True)",
            )
        if bool((real[:, 1:] & ~real[:, :-1]).any()):
            raise CounterpointError("The mask has real rows behind padding.", "Padding stands on the right.")


class _Block(nn.Module):
    """GPT-2's: normalised attention to the past, then normalised GELU layers, each added."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.Linear(dim, 3 * dim)
        self.back = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(dropout))
        self.feed = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(approximate="tanh"),
            nn.Linear(4 * dim, dim),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.attention(self.norm(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        drop = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(query, key, value, dropout_p=drop, is_causal=True)
        x = x + self.back(seen.transpose(1, 2).flatten(2))
        result: Tensor = x + self.feed(x)
        return result
