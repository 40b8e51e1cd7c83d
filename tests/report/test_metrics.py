"""Names, directions and printed values of metrics."""

from __future__ import annotations

import math

import pytest

from counterpoint.report.metrics import (
    candidates_of,
    draws_of,
    lower_is_better,
    metric_name,
    p_text,
    permutations_of,
    show,
)
from counterpoint.report.run import Score

RETRIEVAL = Score("brain_to_image_top1", "decoder", 0.632, protocol="cosine, 300 candidates, 30 draws; interval")


def test_direction_and_candidates_are_said_in_words() -> None:
    assert metric_name(RETRIEVAL) == "brain to image, top 1 of 300"
    assert metric_name("image_to_brain_top5") == "image to brain, top 5"
    assert metric_name("brain_to_caption_top1") == "brain to caption, top 1"
    assert draws_of(RETRIEVAL) == 30
    every = Score("brain_to_image_top1", "decoder", 0.5, protocol="cosine, all 120 items are candidates; Wilson")
    assert (candidates_of(every), draws_of(every)) == (120, 0)
    semantic = Score("n_way_top1", "decoder", 0.5, protocol="50-way over ImageNet classes")
    assert metric_name(semantic) == "semantic, top 1 of 50"


def test_what_was_recorded_comes_before_the_protocol() -> None:
    row = Score("brain_to_image_top1", "decoder", 0.5, protocol="300 candidates", candidates=50, draws=7)
    assert (candidates_of(row), draws_of(row)) == (50, 7)
    tested = Score("permutation_p", "decoder", 1e-4, protocol="cosine 0.2 against 9,999 re-pairings of the same")
    assert permutations_of(tested) == 9999


@pytest.mark.parametrize("metric", ["effnet", "swav_distance", "frechet", "permutation_p"])
def test_less_is_better_is_marked(metric: str) -> None:
    assert lower_is_better(metric)
    assert metric_name(metric).endswith("↓")


@pytest.mark.parametrize("metric", ["brain_to_image_top1", "ssim", "two_way", "knn", "effective_rank"])
def test_more_is_better_is_not_marked(metric: str) -> None:
    assert not lower_is_better(metric)
    assert "↓" not in metric_name(metric)


def test_only_shares_are_printed_in_per_cent() -> None:
    assert show(RETRIEVAL) == "63.2 %"
    for metric in ("pixcorr", "ssim", "correlation", "swav", "permutation_p", "variance_ratio"):
        assert show(Score(metric, "decoder", 0.25)) == "0.25"


def test_p_values_keep_their_digits() -> None:
    assert [p_text(value) for value in (1e-4, 0.004, 0.05, 0.5)] == [
        "p = 0.0001", "p = 0.004", "p = 0.050", "p = 0.50",
    ]  # fmt: skip
    assert math.isnan(Score.read({"metric": "x", "p": None}).p)
