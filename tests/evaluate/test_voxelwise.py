"""Voxelwise scores against NumPy and himalaya, in double precision, with NaN refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.evaluate import voxelwise, voxelwise_correlation, voxelwise_r2

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voxelwise, "_COLUMNS", 3)


def responses() -> tuple[np.ndarray, np.ndarray]:
    y = RNG.normal(size=(40, 7))
    return y, y + RNG.normal(size=y.shape) * np.arange(7)


def test_scores_are_those_of_a_loop() -> None:
    y, pred = responses()
    np.testing.assert_allclose(
        voxelwise_correlation(y, pred), [np.corrcoef(y[:, v], pred[:, v])[0, 1] for v in range(7)])  # fmt: skip
    expected = [1 - ((y[:, v] - pred[:, v]) ** 2).sum() / ((y[:, v] - y[:, v].mean()) ** 2).sum() for v in range(7)]
    np.testing.assert_allclose(voxelwise_r2(y, torch.from_numpy(pred)), expected)


def test_scores_are_himalayas() -> None:
    scoring = pytest.importorskip("himalaya.scoring")
    y, pred = responses()
    y[:, 2] = pred[:, 4] = 1.5
    y[:, 5] = 0.1
    np.testing.assert_allclose(voxelwise_correlation(y, pred), scoring.correlation_score(y, pred), atol=1e-10)
    live = y.std(0) > 1e-12
    np.testing.assert_allclose(voxelwise_r2(y, pred)[live], scoring.r2_score(y, pred)[live], atol=1e-10)
    assert voxelwise_r2(y, pred)[~live].tolist() == [0, 0]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), shift=st.floats(-1000, 1000))
def test_affine_changes(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    y, pred = rng.normal(size=(15, 4)), rng.normal(size=(15, 4))
    np.testing.assert_allclose(
        voxelwise_correlation(y, scale * pred + shift), voxelwise_correlation(y, pred), atol=1e-7)  # fmt: skip
    np.testing.assert_allclose(voxelwise_correlation(y, -pred), -voxelwise_correlation(y, pred), atol=1e-12)
    np.testing.assert_allclose(
        voxelwise_r2(scale * y + shift, scale * pred + shift), voxelwise_r2(y, pred), rtol=1e-6)  # fmt: skip


def test_single_precision_is_summed_in_double() -> None:
    y = (RNG.normal(size=(500, 5)) + 3000).astype(np.float32)
    pred = (RNG.normal(size=(500, 5)) + 3000).astype(np.float32)
    exact = [np.corrcoef(y[:, v].astype(np.float64), pred[:, v].astype(np.float64))[0, 1] for v in range(5)]
    found = voxelwise_correlation(y, pred)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, exact, atol=1e-10)


def test_the_mean_scores_zero_and_worse_is_negative() -> None:
    y, _ = responses()
    np.testing.assert_allclose(voxelwise_r2(y, np.broadcast_to(y.mean(0), y.shape)), 0, atol=1e-12)
    assert (voxelwise_r2(y, -y) < 0).all()
    assert (voxelwise_correlation(y, np.broadcast_to(y.mean(0), y.shape)) == 0).all()


@pytest.mark.parametrize("score", [voxelwise_correlation, voxelwise_r2])
def test_what_does_not_fit_is_named(score: Any) -> None:
    y, pred = responses()
    pred[4, 6] = np.nan
    with pytest.raises(CounterpointError, match=r"y_pred holds 1 NaN .* stimulus 4, voxel 6"):
        score(y, pred)
    with pytest.raises(CounterpointError, match="must be equal"):
        score(y, y[:, :3])
    with pytest.raises(CounterpointError, match="At least 2"):
        score(y[:1], y[:1])
    with pytest.raises(CounterpointError, match=r"\(stimulus, voxel\)"):
        score(y[0], y[0])
