"""Tokens, the first token and the caption, in both stages."""

from __future__ import annotations

import pytest
import torch

from counterpoint.core.errors import CounterpointError
from counterpoint.objectives import sttm_alignment
from tests.objectives.conftest import draw
from tests.objectives.test_soft_targets import FIXED, naive_bimixco, naive_soft_clip, shares


def test_the_soft_stage_is_three_loops() -> None:
    """With the published temperature and weight."""
    p, t, y = draw(6, 3, 4), draw(6, 3, 4, seed=1), draw(6, 4, seed=2)
    got = sttm_alignment(p, t, y)
    fine, image, text = (naive_soft_clip(a, b, 0.004) for a, b in ((p, t), (p[:, 0], t[:, 0]), (p[:, 0], y)))
    for value, expected in zip(got, (fine + 0.2 * (image + text), fine, image, text), strict=True):
        torch.testing.assert_close(value, expected)


def test_the_mixed_stage_is_three_loops_with_one_mixture() -> None:
    """And its own defaults; fixed points included."""
    p, t, y, betas = draw(6, 3, 4), draw(6, 3, 4, seed=1), draw(6, 4, seed=2), shares()
    got = sttm_alignment(p, t, y, FIXED, betas)
    pairs = ((p, t), (p[:, 0], t[:, 0]), (p[:, 0], y))
    fine, image, text = (naive_bimixco(a, b, FIXED, betas, 0.006) for a, b in pairs)
    for value, expected in zip(got, (fine + 0.5 * (image + text), fine, image, text), strict=True):
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("mixture", [(), (FIXED, shares())], ids=["soft", "mixed"])
def test_targets_are_constants(mixture: tuple[torch.Tensor, ...]) -> None:
    """In both stages; the brain learns through all tokens."""
    p, t, y = draw(6, 3, 4), draw(6, 3, 4, seed=1), draw(6, 4, seed=2)
    sttm_alignment(p, t, y, *mixture).total.backward()
    assert t.grad is None
    assert y.grad is None
    assert p.grad is not None
    assert bool((p.grad.flatten(2).norm(dim=2) > 0).all())


def test_settings_given_are_settings_used() -> None:
    """Weight 0 leaves the tokens alone; a temperature holds for all terms."""
    p, t, y = draw(6, 3, 4), draw(6, 3, 4, seed=1), draw(6, 4, seed=2)
    terms = sttm_alignment(p, t, y, temperature=0.1, global_weight=0.0)
    assert float(terms.total.detach()) == float(terms.fine.detach())
    torch.testing.assert_close(terms.global_text, naive_soft_clip(p[:, 0], y, 0.1))


def test_shapes_that_do_not_fit_are_refused() -> None:
    """Captions of another width, tokens without an axis, half a mixture."""
    p, t, y = draw(6, 3, 4), draw(6, 3, 4, seed=1), draw(6, 4, seed=2)
    with pytest.raises(CounterpointError, match="z_text"):
        sttm_alignment(p, t, draw(6, 5))
    with pytest.raises(CounterpointError, match=r"\(batch, tokens, dim\)"):
        sttm_alignment(p[:, 0], t, y)
    with pytest.raises(CounterpointError, match="betas is missing"):
        sttm_alignment(p, t, y, FIXED)
