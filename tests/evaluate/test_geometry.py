"""Geometry of clouds against loops, golden vectors, and what rotation and order must not change."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import (
    alignment,
    effective_rank,
    feature_std,
    geometry,
    modality_gap,
    npc_multiplier,
    spectrum,
    uniformity,
)
from counterpoint.objectives import kernel_path

RNG = np.random.default_rng(0)


def unit(z: np.ndarray) -> np.ndarray:
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def naive_uniformity(z: np.ndarray, t: float) -> float:
    rows = unit(z)
    terms = [math.exp(-t * float(((a - b) ** 2).sum())) for a, b in itertools.combinations(rows, 2)]
    return math.log(sum(terms) / len(terms))


@pytest.mark.parametrize("t", [0.5, 2.0, 30.0])
@pytest.mark.parametrize("path", ["dense", "streamed"])
def test_uniformity_is_that_of_a_loop(t: float, path: str) -> None:
    z = RNG.normal(size=(14, 5))
    with kernel_path(path):
        assert float(uniformity(z, t=t)) == pytest.approx(naive_uniformity(z, t), abs=1e-9)


def test_uniformity_streamed_has_the_gradient_of_dense() -> None:
    gradients = []
    for path in ("dense", "streamed"):
        z = torch.from_numpy(np.random.default_rng(1).normal(size=(40, 6))).requires_grad_()
        with kernel_path(path):
            uniformity(z).backward()
        gradients.append(z.grad)
    torch.testing.assert_close(*gradients, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 3.0])
def test_alignment_is_that_of_a_loop(alpha: float) -> None:
    a, b = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 4))
    expected = np.mean([np.linalg.norm(x - y) ** alpha for x, y in zip(unit(a), unit(b), strict=True)])
    assert float(alignment(a, b, alpha=alpha)) == pytest.approx(expected, abs=1e-12)


def test_alignment_has_a_finite_gradient_where_views_coincide() -> None:
    z = torch.eye(3).requires_grad_()
    alignment(z, torch.eye(3), alpha=1.0).backward()
    assert z.grad is not None
    assert bool(torch.isfinite(z.grad).all())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 20), d=st.integers(2, 8))
def test_rotation_and_order_change_nothing(seed: int, n: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    z, other = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    turn, order = np.linalg.qr(rng.normal(size=(d, d)))[0], rng.permutation(n)
    moved, moved_other = z[order] @ turn, other[order] @ turn
    assert float(uniformity(moved)) == pytest.approx(float(uniformity(z)), abs=1e-9)
    assert float(effective_rank(moved)) == pytest.approx(float(effective_rank(z)), abs=1e-9)
    assert float(alignment(moved, moved_other)) == pytest.approx(float(alignment(z, other)), abs=1e-12)
    for name, value in modality_gap(z, other)._asdict().items():
        assert float(modality_gap(moved, moved_other)[name]) == pytest.approx(float(value), abs=1e-9), name


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 20), d=st.integers(1, 8), scale=st.floats(1e-3, 1e3))
def test_rank_lies_between_one_and_the_shorter_side(seed: int, n: int, d: int, scale: float) -> None:
    features = scale * np.random.default_rng(seed).normal(size=(n, d))
    rank = float(effective_rank(features))
    assert 1 - 1e-5 <= rank <= min(n, d) + 1e-9
    assert float(effective_rank(features / scale)) == pytest.approx(rank, rel=1e-9)


@pytest.mark.parametrize("shape", [(300, 12), (12, 300)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rank_by_the_gram_matrix_is_rank_by_singular_values(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], dtype: type
) -> None:
    features = (RNG.normal(size=shape) * np.geomspace(1, 1e-3, shape[1])).astype(dtype)
    direct = spectrum(features)
    monkeypatch.setattr(geometry, "_DIRECT", 0)
    torch.testing.assert_close(spectrum(features), direct, atol=1e-6, rtol=1e-4)
    assert spectrum(features).dtype == direct.dtype
    assert float(effective_rank(np.full(shape, 3.0, dtype))) == pytest.approx(1.0, abs=1e-5)


def test_rank_of_known_clouds() -> None:
    assert float(effective_rank(np.eye(6))) == pytest.approx(6.0, rel=1e-5)
    assert float(effective_rank(np.outer(np.arange(1, 9), np.ones(5)))) == pytest.approx(1.0, abs=1e-5)
    assert float(effective_rank(np.zeros((4, 3)))) == 1.0
    p = np.array([0.5, 0.3, 0.2])
    assert float(effective_rank(np.diag(p), eps=0.0)) == pytest.approx(math.exp(-(p * np.log(p)).sum()))


def test_spectrum_is_numpys_and_sums_to_one() -> None:
    features = RNG.normal(size=(30, 6))
    values = np.linalg.svd(features, compute_uv=False)
    np.testing.assert_allclose(spectrum(features).numpy(), values / values.sum(), atol=1e-12)


def test_rank_has_a_gradient() -> None:
    features = torch.from_numpy(RNG.normal(size=(8, 3))).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: effective_rank(x), (features,))


def test_spread_of_even_and_of_collapsed_features() -> None:
    even = feature_std(RNG.normal(size=(4000, 32)))
    assert float(even.ratio) == pytest.approx(1.0, abs=0.02)
    assert float(even.std) == pytest.approx(1 / math.sqrt(32), rel=0.02)
    rows = unit(RNG.normal(size=(10, 3)))
    assert float(feature_std(5 * rows).std) == pytest.approx(rows.std(axis=0).mean())
    assert float(feature_std(np.full((10, 3), 0.3)).ratio) == pytest.approx(0.0, abs=1e-12)


def test_modality_gap_is_that_of_loops() -> None:
    a, b = RNG.normal(size=(9, 4)) + 1, RNG.normal(size=(9, 4))
    gap = modality_gap(a, b)
    x, y = unit(a), unit(b)
    cross = [math.exp(-2 * ((x[i] - y[j]) ** 2).sum()) for i in range(9) for j in range(9) if i != j]
    mean_x, mean_y = x.mean(0), y.mean(0)
    assert float(gap.cross_uniformity) == pytest.approx(math.log(np.mean(cross)))
    assert float(gap.centroid_distance) == pytest.approx(np.linalg.norm(mean_x - mean_y))
    cosine = mean_x @ mean_y / np.linalg.norm(mean_x) / np.linalg.norm(mean_y)
    assert float(gap.centroid_cosine) == pytest.approx(cosine)
    assert gap[0] is gap["centroid_distance"]
    assert dict(gap._asdict())["uniformity_a"] == gap.uniformity_a


def test_cross_uniformity_of_antipodes() -> None:
    a = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert float(modality_gap(a, -a).cross_uniformity) == pytest.approx(-8.0)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("path", ["dense", "streamed"])
def test_coupling_is_that_of_a_loop(temperature: float, path: str) -> None:
    a, b = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))
    views, expected = [unit(a), unit(b)], []
    for anchor in range(2):
        for i in range(5):
            z = views[anchor][i]
            positive = math.exp(z @ views[1 - anchor][i] / temperature)
            negatives = sum(math.exp(z @ view[j] / temperature) for view in views for j in range(5) if j != i)
            expected.append(1 - positive / (positive + negatives))
    with kernel_path(path):
        found = npc_multiplier(a, b, temperature=temperature)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-10)


def test_coupling_of_perfect_pairs_does_not_cancel() -> None:
    """1 - softmax would round to 0 here; the sigmoid form keeps the value."""
    z = torch.eye(4)
    q = npc_multiplier(z, z, temperature=0.02)
    assert float(q[0]) == pytest.approx(6 * math.exp(-50), rel=1e-3)


def test_coupling_is_the_factor_in_front_of_the_gradient() -> None:
    """Per anchor, the gradient of InfoNCE is q_B times that of the loss without the positive in its denominator."""
    a, b = (torch.from_numpy(RNG.normal(size=(4, 6))).requires_grad_() for _ in range(2))
    z = torch.nn.functional.normalize(torch.cat([a, b]))
    q = npc_multiplier(a.detach(), b.detach(), temperature=0.2)
    for anchor in range(8):
        positive = (anchor + 4) % 8
        logits = z @ z[anchor] / 0.2
        negatives = logits[[i for i in range(8) if i not in (anchor, positive)]]
        decoupled = torch.logsumexp(negatives, 0) - logits[positive]
        coupled = torch.logsumexp(torch.cat([negatives, logits[[positive]]]), 0) - logits[positive]
        gradients = [torch.autograd.grad(loss, (a, b), retain_graph=True) for loss in (coupled, decoupled)]
        for with_positive, without in zip(*gradients, strict=True):
            torch.testing.assert_close(with_positive, q[anchor] * without, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: alignment(x, x[:3]), "z_a has shape"),
        (lambda x: alignment(x, x, alpha=0), "alpha"),
        (lambda x: uniformity(x[:1]), "At least 2"),
        (lambda x: uniformity(x, t=-1), "t is -1"),
        (lambda x: uniformity(x[0]), "shape"),
        (lambda x: effective_rank(x[:0]), "0 rows"),
        (lambda x: modality_gap(x, x[:, :2]), "z_b"),
        (lambda x: npc_multiplier(x[:1], x[:1]), "At least 2"),
        (lambda x: npc_multiplier(x, x, temperature=0), "temperature"),
        (lambda x: uniformity(np.array([["a", "b"]])), "numeric"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(CounterpointError, match=words):
        call(RNG.normal(size=(5, 4)))
