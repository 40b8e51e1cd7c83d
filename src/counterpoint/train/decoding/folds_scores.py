"""Scores of left-out trials by trial and by block, with blocks as the unit that is exchangeable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from counterpoint.evaluate.permutation import matched_permutation_test
from counterpoint.evaluate.statistics import Interval, binomial_interval, bootstrap_interval

TRIAL, BLOCK = "category_accuracy", "block_accuracy"
PERMUTATIONS = 9999


@dataclass(frozen=True)
class Guesses:
    """True categories of left-out trials and blocks, and what each model took them for.

    A block is all left-out trials of one category in one group.

    Attributes
    ----------
    label, group : numpy.ndarray
        ``(trials,)`` int64.
    trials, blocks : dict of str to numpy.ndarray
        Model -> ``(trials,)`` and ``(blocks,)`` guessed labels.
    """

    label: np.ndarray = field(repr=False)
    group: np.ndarray = field(repr=False)
    trials: dict[str, np.ndarray] = field(repr=False)
    blocks: dict[str, np.ndarray] = field(repr=False)

    @property
    def block(self) -> np.ndarray:
        """``(trials,)`` block of each trial."""
        return blocks_of(self.group, self.label)[0]

    @property
    def block_label(self) -> np.ndarray:
        """``(blocks,)`` category of each block."""
        return self.label[blocks_of(self.group, self.label)[1]]

    @property
    def block_group(self) -> np.ndarray:
        """``(blocks,)`` group of each block."""
        return self.group[blocks_of(self.group, self.label)[1]]

    def hits(self, model: str) -> np.ndarray:
        """``(blocks,)`` trials named rightly."""
        return np.bincount(self.block, self.trials[model] == self.label)


def blocks_of(group: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of each trial's block, by group and then by label, and the first trial of each block.

    >>> number, first = blocks_of(np.array([0, 0, 0, 1]), np.array([3, 1, 3, 1]))
    >>> number.tolist(), first.tolist()
    ([1, 0, 1, 2], [1, 0, 3])
    """
    _, first, number = np.unique(np.stack([group, label], 1), axis=0, return_index=True, return_inverse=True)
    return number.reshape(-1), first


def score_guesses(found: Guesses, *, seed: int, group: str, permutations: int = PERMUTATIONS) -> list[dict[str, Any]]:
    """Rows of every model and of chance, by trial and by block.

    Trials of a block share signal and noise, so that they are no independent samples: the interval by trial is a
    bootstrap over blocks, the one by block Wilson's. The p-value permutes categories over the blocks of a group.
    """
    size = np.bincount(found.block)
    rows = []
    for model in found.trials:
        low, high = clustered_interval(found.hits(model), size, seed=seed)
        right, n = int(found.hits(model).sum()), int(size.sum())
        naive = binomial_interval(right, n)
        words = (f"cosine with the mean embedding of each of {len(np.unique(found.label))} categories, leave one "
                 f"{group} out" if model != "logistic" else f"largest of the logistic scores, leave one {group} out")
        trial = (f"{words}; single trials, bootstrap over {len(size)} blocks (Wilson, were trials independent, which "
                 f"they are not: {naive.low:.3f} to {naive.high:.3f})")
        rows.append(_row(TRIAL, model, right / n, Interval(low, high), trial, n, seed)
                    | _significance(found, model, seed, group, permutations, by_block=False))
        right = int((found.blocks[model] == found.block_label).sum())
        average = "logistic scores" if model == "logistic" else "predicted embeddings"
        rows.append(_row(BLOCK, model, right / len(size), binomial_interval(right, len(size)),
                         f"{words}; {average} averaged over the trials of a category in a {group}, Wilson", len(size),
                         seed) | _significance(found, model, seed, group, permutations, by_block=True))
    for metric, labels in ((TRIAL, found.label), (BLOCK, found.block_label)):
        most = float(np.bincount(labels).max() / len(labels))
        rows.append(_row(metric, "chance", most, Interval(most, most), "most frequent category", len(labels), seed))
    return rows


def clustered_interval(hits: np.ndarray, size: np.ndarray, *, seed: int) -> Interval:
    """Percentile bootstrap of ``sum(hits) / sum(size)`` over blocks: whole blocks are drawn.

    >>> low, high = clustered_interval(np.array([9, 0] * 10), np.full(20, 9), seed=0)
    >>> low < 0.32 and high > 0.68  # as for 20 coins, not for 180
    True
    """
    return bootstrap_interval(np.arange(len(size)), seed=seed, statistic=lambda drawn: float(
        hits[drawn.astype(int)].sum() / size[drawn.astype(int)].sum()))


def differences(found: Guesses, *, seed: int, own: str = "decoder") -> list[dict[str, Any]]:
    """The decoder less every other model on the same blocks, with paired bootstrap intervals over blocks."""
    size, rows = np.bincount(found.block), []
    for model in (name for name in found.trials if name != own):
        gain = found.hits(own) - found.hits(model)
        low, high = clustered_interval(gain, size, seed=seed)
        rows.append({"metric": TRIAL, "model": own, "against": model, "value": float(gain.sum() / size.sum()),
                     "low": low, "high": high})
        right = {name: (found.blocks[name] == found.block_label).astype(float) for name in (own, model)}
        low, high = bootstrap_interval(right[own] - right[model], seed=seed)
        rows.append({"metric": BLOCK, "model": own, "against": model,
                     "value": float((right[own] - right[model]).mean()), "low": low, "high": high})
    return rows


def fold_table(found: Guesses, names: dict[int, str]) -> list[dict[str, Any]]:
    """One row per left-out group: trials, blocks, accuracy of every model."""
    rows = []
    for number in np.unique(found.group):
        trials, blocks = found.group == number, found.block_group == number
        row: dict[str, Any] = {"name": names[int(number)], "trials": int(trials.sum()), "blocks": int(blocks.sum())}
        for model in found.trials:
            row[model] = float((found.trials[model] == found.label)[trials].mean())
            row[f"{model}_blocks"] = float((found.blocks[model] == found.block_label)[blocks].mean())
        rows.append(row)
    return rows


def _significance(found: Guesses, model: str, seed: int, group: str, permutations: int, *,
                  by_block: bool) -> dict[str, Any]:
    """p-value of an accuracy when the blocks of a group exchange their categories."""
    blocks = len(found.block_label)
    place, guessed = (np.arange(blocks), found.blocks[model]) if by_block else (found.block, found.trials[model])
    counts = np.zeros((blocks, 1 + max(int(found.label.max()), int(guessed.max()))))
    np.add.at(counts, (place, guessed), 1)  # how often each block was taken for each category
    table = counts[:, found.block_label] * (blocks / len(guessed))
    test = matched_permutation_test(table, num_permutations=permutations, groups=found.block_group, seed=seed)
    return {"p": float(test.p_value), "permutations": permutations,
            "null": f"categories exchanged between the blocks of a {group}"}


def _row(metric: str, model: str, value: float, interval: Interval, protocol: str, n: int,
         seed: int) -> dict[str, Any]:
    return {"metric": metric, "model": model, "value": float(value), "low": interval.low, "high": interval.high,
            "protocol": protocol, "split": "left out", "n": n, "seed": seed}
