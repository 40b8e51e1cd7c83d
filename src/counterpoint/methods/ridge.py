"""Ridge: the linear decoder that every other has to beat, solved in closed form for each person.

Paper: Ridge Regression: Biased Estimation for Nonorthogonal Problems
Authors: Hoerl, Arthur E. and Kennard, Robert W.
Venue: Technometrics
Year: 1970
Code: gallantlab/himalaya
Modality: brain
Objective: RidgeDecoder

For the standardised responses X of a person (averaged over showings) and the embeddings Y of the pictures::

    W = argmin || X W - Y ||^2 + sum_j a_j || W_j ||^2

with a penalty a_j of its own for every entry of the embedding, chosen by 5-fold cross-validation on training pictures.
On small and mostly linear data it is ahead of every network, and the first to run on a new data set. Nothing is
trained by gradient (``epochs`` is 0); with more epochs the map is refined by its squared error, unpenalised but for
weight decay.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from counterpoint.base.decoder import Decoded, Decoder
from counterpoint.brain.ridge import RidgeDecoder
from counterpoint.core.errors import CounterpointError
from counterpoint.core.typing import Batch
from counterpoint.encoders.brain_network import BrainNetwork


class Ridge(Decoder):
    """One linear map per person.

    Parameters
    ----------
    encoder : BrainNetwork
        Of kind ``linear``.
    smallest, largest : float
        Range of penalties, on a logarithmic grid.
    penalties : int
        How many of them.
    """

    def __init__(self, encoder: BrainNetwork, *, smallest: float = 1.0, largest: float = 1e7,
                 penalties: int = 15) -> None:
        super().__init__(encoder)
        if encoder.kind != "linear":
            raise CounterpointError(f"Ridge is a linear map; the encoder is {encoder.kind}.", "",
                                    "--encoder.name linear")
        if not 0 < smallest <= largest or penalties < 1:
            raise CounterpointError(f"Penalties from {smallest} to {largest}, {penalties} of them.",
                                    "A rising range above 0 was expected.")
        self.alphas = torch.logspace(math.log10(smallest), math.log10(largest), penalties).tolist()

    def solve(self, samples: Any) -> None:
        """Fit every person's map to the mean responses of training pictures, or to single trials (``repeats`` all)."""
        for number, person in enumerate(samples.people):
            single = samples.repeats == "all"  # every showing is a sample of its own
            x = samples.response(number, np.arange(samples.counts[number])) if single else \
                person.mean(samples.stimuli[number])
            y = samples.targets.picture[samples.pictures[number]].reshape(len(x), -1)
            found = RidgeDecoder(self.alphas).fit(x, y)
            layer = self.encoder.people.maps[person.name]
            with torch.no_grad():
                weights = torch.from_numpy(found.weights.T.copy())
                layer.weight.copy_(weights)
                layer.bias.copy_(torch.from_numpy(found.y_mean) - weights @ torch.from_numpy(found.x_mean))

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        return {"squared_error": self.dim * (self.tokens_of(batch) - batch["target"]).square().mean()}

    def decode(self, batch: Batch, *, generator: torch.Generator | None = None, sample: bool = True) -> Decoded:
        return Decoded(self.tokens_of(batch))
