"""Does a decoder that was trained on perception carry over to what is only imagined?"""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.base.decoder import Decoder
from counterpoint.brain.ridge import RidgeDecoder
from counterpoint.evaluate.permutation import matched_permutation_test
from counterpoint.train.decoding.predictions import predict, target_of
from counterpoint.train.decoding.scores import Row, matched_row, score_embeddings
from counterpoint.train.decoding.use import unit
from counterpoint.train.decoding.world import World

SHUFFLES, LEVEL = 100, 0.05


def imagery_rows(learner: Decoder, world: World, number: int, ridge: RidgeDecoder) -> list[Row]:
    """Retrieval of imagined pictures, the matched permutation test, and its false-positive rate on shuffled matches.

    Texts take part where the decoder has a head for them (WAVE's test compares with the text that was imagined);
    otherwise pictures.
    """
    person, seed = world.people[number], learner.settings.seed
    ids = imagined(world, number)
    found = predict(learner, person, ids, sample=False, seed=seed)
    as_text = "text" in found and world.targets.text is not None
    pred = found["text"] if as_text else found["retrieval"]
    target = target_of(world, ids, text=as_text)
    rows = score_embeddings(found["retrieval"], target_of(world, ids), model="decoder", seed=seed, candidates=300,
                            chance=True)
    rows += score_embeddings(ridge.predict(person.mean(ids)), target_of(world, ids), model="ridge", seed=seed,
                             candidates=300)
    rows = [{**row, "metric": f"imagery_{row['metric']}"} for row in rows if "top1" in row["metric"]]
    rows.append(matched_row(pred, target, metric="imagery_p", model="decoder", seed=seed))
    flat = target[:, :pred.shape[1]] if target.ndim == 3 else target
    rate = false_positives(unit(pred) @ unit(flat).T, seed=seed)
    rows.append({**rows[-1], "metric": "imagery_false_positives", "value": rate, "low": rate, "high": rate,
                 "protocol": f"share of {SHUFFLES} shuffled matchings with p < {LEVEL}; {LEVEL} is right"})
    return [{**row, "split": "imagery"} for row in rows]


def imagined(world: World, number: int) -> np.ndarray:
    """Stimulus ids that a person imagined and whose picture or text is known; fewer than five are none."""
    person = world.people[number]
    if "imagery" not in person.data.split:
        return np.zeros(0, np.int64)
    ids = np.intersect1d(person.stimuli("imagery"), world.targets.ids)
    return ids if len(ids) >= 5 else ids[:0]


def false_positives(similarity: np.ndarray, *, seed: int) -> float:
    """Share of random matchings that the test calls significant."""
    rng, n = np.random.default_rng(seed), len(similarity)
    values: list[Any] = [matched_permutation_test(similarity[:, rng.permutation(n)], num_permutations=999,
                                                  seed=int(rng.integers(2**31))).p_value for _ in range(SHUFFLES)]
    return float(np.mean(np.asarray(values) < LEVEL))
