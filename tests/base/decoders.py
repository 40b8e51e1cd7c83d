"""A small decoder and a batch of two people for the tests of this folder."""

from __future__ import annotations

from typing import Any

import torch

from counterpoint.base.decoder import Decoder
from counterpoint.base.recipe import Recipe
from counterpoint.brain.spec import BrainData, BrainEncoder, BrainViews
from counterpoint.core.discovery import method_class

INPUTS = {"ann": 12, "bob": 7}


def decoder(name: str = "mindeye", *, kind: str = "mlp", tokens: int = 2, dim: int = 8, text_dim: int = 0,
            views: BrainViews | None = None, seed: int = 0, **method: Any) -> Decoder:
    """A system at its first weights, without dropout."""
    torch.manual_seed(seed)
    encoder = BrainEncoder(kind, hidden=16, blocks=1, dropout=0.0, block_dropout=0.0, token_width=8,
                           attention_width=8, heads=2)
    inputs = {"ann": 12, "bob": 12} if kind == "causal" else INPUTS
    built = encoder.build(inputs=inputs, tokens=tokens, dim=dim, text_dim=text_dim)
    found: Decoder = method_class(name)(built, **method)
    found.attach(Recipe(data=BrainData(batch_size=4), encoder=encoder, views=views or BrainViews(), name=name,
                        seed=seed), None)
    return found


def batch(size: int = 4, *, tokens: int = 2, dim: int = 8, text_dim: int = 0, series: bool = False,
          dtype: torch.dtype = torch.float32) -> Any:
    """``size`` samples of both people, person after person."""
    generator = torch.Generator().manual_seed(7)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    shapes = [(5, 12), (5, 12)] if series else [(12,), (7,)]
    found = {"index": torch.arange(2 * size), "responses": [draw(size, *shape) for shape in shapes],
             "subject": ["ann", "bob"], "target": draw(2 * size, tokens, dim), "latent": draw(2 * size, 4, 8, 8)}
    if text_dim:
        found["text"] = torch.nn.functional.normalize(draw(2 * size, text_dim), dim=1)
    return found


def part(whole: Any, rank: int, world: int) -> Any:
    """What one of several processes would get: its share of every person, in the order of people."""
    size = len(whole["responses"][0])
    share = torch.arange(size).chunk(world)[rank]
    rows = torch.cat([share + number * size for number in range(2)])
    return {key: value if key == "subject" else [x[share] for x in value] if key == "responses" else value[rows]
            for key, value in whole.items()}
