"""From stimulus ids to the trials that show them."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError


class Showings:
    """Trials of every stimulus, found without searching the trial table again."""

    def __init__(self, stimulus_id: np.ndarray) -> None:
        self.order = np.argsort(stimulus_id, kind="stable")
        self.ids, self.start, self.count = np.unique(stimulus_id[self.order], return_index=True, return_counts=True)

    def trials(self, ids: Any, who: str) -> np.ndarray:
        """``(n, repeats)`` trials, padded with -1."""
        wanted = np.asarray(ids, dtype=np.int64).reshape(-1)
        place = np.minimum(np.searchsorted(self.ids, wanted), max(0, len(self.ids) - 1))
        missing = self.ids[place] != wanted if len(self.ids) else np.ones(len(wanted), bool)
        if missing.any():
            raise CounterpointError(f"Stimulus {wanted[missing][0]} was never shown to {who}.",
                                    f"Ids {self.ids[:1]}..{self.ids[-1:]} were.")
        count = self.count[place]
        number = np.arange(int(count.max()) if len(count) else 0)
        at = np.minimum(self.start[place][:, None] + number, len(self.order) - 1)
        return np.where(number < count[:, None], self.order[at], -1)
