"""The ridge decoder against himalaya itself, scikit-learn, and the two ways to solve it against each other."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from counterpoint.brain.ridge import ALPHAS, FOLDS, RidgeDecoder
from counterpoint.core.errors import CounterpointError

himalaya = pytest.importorskip("himalaya")


def sample(n: int, voxels: int, entries: int = 6, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n + 20, voxels)).astype(np.float32) + 2.0
    y = x @ rng.normal(size=(voxels, entries)) / np.sqrt(voxels) + rng.normal(size=(n + 20, entries)) + 5.0
    return x[:n], y[:n].astype(np.float32), x[n:]


@pytest.mark.parametrize(("n", "voxels"), [(80, 12), (40, 90)])
def test_equals_himalaya_called_directly(n: int, voxels: int):
    from himalaya.kernel_ridge import KernelRidgeCV
    from himalaya.ridge import RidgeCV

    x, y, new = sample(n, voxels)
    centred, mean = x - x.mean(0), y.mean(0)
    direct = RidgeCV(alphas=ALPHAS, cv=FOLDS, fit_intercept=False) if n > voxels else \
        KernelRidgeCV(alphas=ALPHAS, cv=FOLDS, kernel="linear")
    direct.fit(centred, y - mean)
    found = RidgeDecoder().fit(x, y)
    np.testing.assert_allclose(found.predict(new), direct.predict(new - x.mean(0)) + mean, atol=1e-4)
    np.testing.assert_array_equal(found.model.best_alphas_, direct.best_alphas_)


@pytest.mark.parametrize(("n", "voxels"), [(80, 12), (40, 90)])
@pytest.mark.parametrize("alpha", [1.0, 100.0])
def test_equals_scikit_learn_at_a_fixed_penalty(n: int, voxels: int, alpha: float):
    x, y, new = sample(n, voxels)
    found, reference = RidgeDecoder([alpha]).fit(x, y), Ridge(alpha=alpha).fit(x.astype(float), y)
    np.testing.assert_allclose(found.predict(new), reference.predict(new), atol=1e-4)
    np.testing.assert_allclose(found.weights, reference.coef_.T, atol=1e-4)


def test_primal_equals_dual(monkeypatch: pytest.MonkeyPatch):
    """Zero voxels change nothing but which side is the smaller one."""
    x, y, new = sample(40, 30)
    wide = [np.concatenate([one, np.zeros((len(one), 30), np.float32)], axis=1) for one in (x, new)]
    primal, dual = RidgeDecoder([30.0]).fit(x, y), RidgeDecoder([30.0]).fit(wide[0], y)
    assert hasattr(primal.model, "coef_")
    assert hasattr(dual.model, "dual_coef_")
    np.testing.assert_allclose(primal.predict(new), dual.predict(wide[1]), atol=1e-4)
    np.testing.assert_allclose(primal.weights, dual.weights[:30], atol=1e-4)


def test_every_entry_has_its_own_penalty():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(100, 10))
    y = np.stack([x[:, 0] * 3, rng.normal(size=100)], axis=1)
    easy, noise = RidgeDecoder().fit(x, y).model.best_alphas_
    assert easy < noise


def test_shapes_of_targets_and_series_are_kept():
    x, y, new = sample(40, 12)
    found = RidgeDecoder([10.0]).fit(x.reshape(40, 3, 4), y.reshape(40, 2, 3))
    assert found.predict(new.reshape(20, 3, 4)).shape == (20, 2, 3)
    np.testing.assert_allclose(found.predict(new.reshape(20, 3, 4)).reshape(20, 6),
                               RidgeDecoder([10.0]).fit(x, y).predict(new), atol=1e-5)


def test_what_cannot_be_fitted_is_refused():
    x, y, _ = sample(40, 12)
    with pytest.raises(CounterpointError, match="40 responses and 39 targets"):
        RidgeDecoder().fit(x, y[1:])
    with pytest.raises(CounterpointError, match="9 responses and 9 targets"):
        RidgeDecoder().fit(x[:9], y[:9])
    with pytest.raises(CounterpointError, match="has not been fitted"):
        RidgeDecoder().predict(x)
