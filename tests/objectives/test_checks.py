"""Wrong inputs of every objective are the caller's error, named before any work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import counterpoint.objectives as objectives
from counterpoint.core.errors import CounterpointError
from tests.objectives.test_objectives import ALL, PAIRED, TEMPERED, inputs_of


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda x: [x[0][..., :3], *x[1:]], id="narrow"),
        pytest.param(lambda x: [x[0][..., :-1, :], *x[1:]], id="short"),
        pytest.param(lambda x: [x[0].long(), *x[1:]], id="integers"),
        pytest.param(lambda x: [x[0].flatten(), *x[1:]], id="flat"),
        pytest.param(lambda x: ["rows", *x[1:]], id="text"),
    ],
)
def test_wrong_shapes(name: str, change: Callable[[list[Any]], list[Any]]) -> None:
    """Named with their shapes before any work."""
    changed = change(inputs_of(name))
    if name == "sup_con_loss" and isinstance(changed[0], Tensor) and changed[0].shape[-1] == 3:
        return  # a narrower embedding is a legal one here
    with pytest.raises(CounterpointError) as caught:
        getattr(objectives, name)(*changed)
    assert "expected" in str(caught.value) or "must" in str(caught.value) or "Embeddings" in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [0.0, -1.0, float("nan"), float("inf"), "hot", True, torch.tensor(-0.1), torch.tensor([0.1, 0.2]), torch.tensor(1)],
)
@pytest.mark.parametrize("name", TEMPERED)
def test_wrong_temperature(name: str, value: Any) -> None:
    """Not above 0, not finite, not one number."""
    with pytest.raises(CounterpointError, match="temperature"):
        getattr(objectives, name)(*inputs_of(name), temperature=value)


@pytest.mark.parametrize("name", [*PAIRED, "siglip", "moco_v3_loss", "clip_distill", "barlow_twins_loss"])
def test_batch_of_one(name: str) -> None:
    """Has no negatives."""
    with pytest.raises(CounterpointError, match="A batch of 1"):
        getattr(objectives, name)(*inputs_of(name, batch=1))
