"""Scores in words: what a metric is called, which way is better, and how its value is printed."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterpoint.report.run import Score

_NAMES = {
    "knn": "kNN",
    "linear": "linear probe",
    "retrieval_r1": "retrieval R@1",
    "retrieval_r5": "retrieval R@5",
    "retrieval_r10": "retrieval R@10",
    "two_way": "two-way identification",
    "category_accuracy": "category accuracy",
    "correlation": "voxelwise correlation",
    "brain_correlation": "brain correlation",
    "r2": "R²",
    "pixcorr": "PixCorr",
    "ssim": "SSIM",
    "alex2": "AlexNet(2), two-way",
    "alex5": "AlexNet(5), two-way",
    "inception": "Inception, two-way",
    "clip": "CLIP, two-way",
    "effnet": "EffNet-B distance",
    "swav": "SwAV distance",
    "frechet": "Fréchet distance",
    "variance_ratio": "variance ratio",
    "permutation_p": "permutation p",
    "same_class_top1": "most similar other picture of the same class",
}
_LOWER = ("effnet", "swav", "frechet", "fid", "lpips", "permutation_p")
_NO_SHARE = ("correlation", "brain_correlation", "r2", "rsa", "pixcorr", "ssim", "variance_ratio", *_LOWER)
PICTURE_METRICS = ("pixcorr", "ssim", "alex2", "alex5", "inception", "clip", "effnet", "swav")
_RETRIEVAL = re.compile(r"([a-z]+)_to_([a-z]+)_(?:top|r)(\d+)")
_SEMANTIC = re.compile(r"n_way_top(\d+)")
_CANDIDATES = re.compile(r"(\d[\d,]*) (?:candidates|items are candidates)|(\d+)-way")
_DRAWS = re.compile(r"(\d+) draws")
_PERMUTATIONS = re.compile(r"(\d[\d,]*) (?:re-pairings|permutations)")


def is_any(metric: str, stems: tuple[str, ...]) -> bool:
    """Whether a metric is one of ``stems``, alone or with a suffix (``effnet``, ``effnet_distance``)."""
    return any(metric == stem or metric.startswith(stem + "_") for stem in stems)


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value is the better one.

    >>> lower_is_better("swav_distance"), lower_is_better("ssim")
    (True, False)
    """
    return is_any(metric, _LOWER)


def may_be_share(metric: str) -> bool:
    """Whether a value of 0.5 may be printed as 50 %: correlations and distances may not."""
    return not is_any(metric, _NO_SHARE)


def metric_name(metric: str | Score, candidates: int = 0) -> str:
    """How a metric is called in print; an arrow marks one of which less is better.

    Parameters
    ----------
    metric : str or Score
        With a score, the number of candidates is read from it or its protocol.
    candidates : int
        Of how many one is to be named; 0 leaves it out.

    Examples
    --------
    >>> metric_name("knn"), metric_name("few_label_10"), metric_name("swav")
    ('kNN', 'few label 10', 'SwAV distance ↓')
    >>> metric_name("brain_to_image_top1", 300)
    'brain to image, top 1 of 300'
    """
    if not isinstance(metric, str):
        return metric_name(metric.metric, candidates or candidates_of(metric))
    of = f" of {candidates:,}" if candidates else ""
    if found := _RETRIEVAL.fullmatch(metric):
        return f"{found[1]} to {found[2]}, top {found[3]}{of}"
    if found := _SEMANTIC.fullmatch(metric):
        return f"semantic, top {found[1]}{of}"
    stem = metric if metric in _NAMES else metric.removesuffix("_distance").removesuffix("_two_way")
    return _NAMES.get(stem, metric.replace("_", " ")) + (" ↓" if lower_is_better(metric) else "")


def candidates_of(score: Score) -> int:
    """Of how many candidates one is to be named: as recorded, else as the protocol says, else 0."""
    if score.candidates:
        return score.candidates
    found = _CANDIDATES.search(score.protocol)
    return int((found[1] or found[2]).replace(",", "")) if found else 0


def draws_of(score: Score) -> int:
    """Over how many draws of candidates a score is a mean: as recorded, else as the protocol says, else 0."""
    found = _DRAWS.search(score.protocol)
    return score.draws or (int(found[1]) if found else 0)


def permutations_of(score: Score) -> int:
    """How many permutations stand behind a p-value: as recorded, else as the protocol says, else 0."""
    found = _PERMUTATIONS.search(score.protocol)
    return score.permutations or (int(found[1].replace(",", "")) if found else 0)


def percent(value: float) -> str:
    """A share as ``87.9 %``."""
    return f"{100 * value:.1f} %"


def show(score: Score) -> str:
    """The value of a score, in per cent where it is a share."""
    return percent(score.value) if score.is_share else f"{score.value:.4g}"


def interval(score: Score) -> str:
    """The interval of a score, or an empty text."""
    if not (math.isfinite(score.low) and math.isfinite(score.high)) or score.low == score.high:
        return ""
    scale, digits = (100, 1) if score.is_share else (1, 3)
    return f"{scale * score.low:.{digits}f} to {scale * score.high:.{digits}f}"


def p_text(p: float) -> str:
    """A p-value as it is printed in a sentence.

    >>> p_text(0.0001), p_text(0.0412), p_text(0.3)
    ('p = 0.0001', 'p = 0.041', 'p = 0.30')
    """
    return f"p = {p:.2g}" if p < 0.0095 else f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"
