"""What holds for every objective: the equations as loops, invariances, precision, errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import counterpoint.objectives as objectives
from counterpoint.objectives import kernel_path
from tests.objectives import references
from tests.objectives.conftest import assert_same, draw, outcome

BATCH, DIM = 6, 5
PAIRED = ("nt_xent", "info_nce", "dcl_loss", "dclw_loss", "clip")
FOURFOLD = ("moco_v3_loss", "simsiam_loss", "byol_loss")


def labels_of(batch: int) -> Tensor:
    """Two or three samples of a class and one alone."""
    return torch.tensor([0, 0, 7, 7, 7, -3, 9, 9])[:batch]


def inputs_of(name: str, *, batch: int = BATCH, seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Any]:
    """Positional arguments for an objective."""

    def rows(n: int) -> Tensor:
        return draw(batch, DIM, seed=seed * 10 + n, dtype=dtype)

    if name == "sup_con_loss":
        return [draw(2, batch, DIM, seed=seed, dtype=dtype), labels_of(batch)]
    if name == "info_nce_queue":
        queue = torch.nn.functional.normalize(draw(9, DIM, seed=seed + 5, dtype=dtype).detach(), dim=1)
        return [rows(0), rows(1), queue]
    if name in FOURFOLD:
        return [rows(n) for n in range(4)]
    if name == "clip_distill":
        return [rows(0), rows(1), *(draw(batch, 3, seed=n, dtype=dtype) for n in (2, 3))]
    return [rows(0), rows(1)]


def temperature_of(value: float) -> Tensor:
    """As a tensor that learns."""
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


TEMPERED = (*PAIRED, "info_nce_queue", "moco_v3_loss", "siglip", "sup_con_loss", "clip_distill")
ALL = (*TEMPERED, "simsiam_loss", "byol_loss", "barlow_twins_loss")


def expected_outcome(name: str, inputs: list[Any], temperature: Tensor) -> Any:
    """The loop's value and gradients."""
    reference = getattr(references, name)
    if name == "siglip":
        bias = torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)
        return outcome(reference, inputs, temperature=temperature, bias=bias)
    if name == "clip_distill":
        return outcome(lambda *x, temperature: reference(*x, temperature, 0.2), inputs, temperature=temperature)
    return outcome(reference, inputs, temperature=temperature)


@pytest.mark.parametrize("temperature", [0.02, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("name", TEMPERED)
def test_equation(name: str, temperature: float, path: str) -> None:
    """Value and gradients, the temperature's and the bias's among them, equal the loop's."""
    inputs, learned = inputs_of(name), temperature_of(temperature)
    keywords: dict[str, Any] = {"temperature": learned}
    if name == "siglip":
        keywords["bias"] = torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)
    if name == "clip_distill":
        keywords["teacher_temperature"] = 0.2
    assert_same(outcome(getattr(objectives, name), inputs, **keywords), expected_outcome(name, inputs, learned))


@pytest.mark.parametrize("name", ["simsiam_loss", "byol_loss", "barlow_twins_loss"])
def test_equation_without_temperature(name: str) -> None:
    """The same for those that have none."""
    inputs = inputs_of(name)
    assert_same(outcome(getattr(objectives, name), inputs), outcome(getattr(references, name), inputs))


@pytest.mark.parametrize("name", ALL)
def test_batch_of_two(name: str, path: str) -> None:
    """The smallest batch with a negative."""
    inputs = inputs_of(name, batch=2)
    got = outcome(getattr(objectives, name), inputs)
    assert all(bool(torch.isfinite(x).all()) for x in [got[0], *got[1]])


@pytest.mark.parametrize("temperature", [0.005, 0.01, 10.0])
@pytest.mark.parametrize("name", TEMPERED)
def test_float32_at_extreme_temperatures(name: str, temperature: float, path: str) -> None:
    """Logits of 200 leave float32 finite and close to float64, also for pairs that point away from each other."""
    exact = inputs_of(name, batch=8)
    with torch.no_grad():
        exact[0][0 if exact[0].ndim == 2 else (0, 0)] = -exact[1][0] if exact[1].ndim == 2 else -exact[0][1, 0]
    single = [x.detach().float().requires_grad_(x.requires_grad) if x.is_floating_point() else x for x in exact]
    function = getattr(objectives, name)
    wide, narrow = (outcome(function, x, temperature=temperature) for x in (exact, single))
    for x, y in zip([wide[0], *wide[1]], [narrow[0], *narrow[1]], strict=True):
        assert y.dtype == torch.float32
        scale = max(1.0, float(x.abs().max()))
        assert float((x - y.double()).abs().max()) <= 1e-4 * scale


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(ALL), seed=st.integers(0, 50), forced=st.sampled_from(["dense", "streamed"]))
def test_order_of_samples(name: str, seed: int, forced: str) -> None:
    """The loss does not know the order of the batch."""
    inputs = inputs_of(name, seed=seed)
    order = torch.randperm(BATCH, generator=torch.Generator().manual_seed(seed))
    shuffled = [x[:, order] if x.ndim == 3 else x[order] if len(x) == BATCH else x for x in inputs]
    with kernel_path(forced):
        torch.testing.assert_close(getattr(objectives, name)(*shuffled), getattr(objectives, name)(*inputs))


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from([n for n in ALL if n != "barlow_twins_loss"]),
    seed=st.integers(0, 50),
    power=st.floats(-3, 3),
    forced=st.sampled_from(["dense", "streamed"]),
)
def test_lengths_of_rows(name: str, seed: int, power: float, forced: str) -> None:
    """Only directions count (the queue is unit by contract and left alone)."""
    inputs = inputs_of(name, seed=seed)
    factors = 10.0 ** (power * torch.rand(BATCH, 1, generator=torch.Generator().manual_seed(seed)).double())
    scaled = [x * factors if x.is_floating_point() and x.shape[-2] == BATCH else x for x in inputs]
    with kernel_path(forced):
        torch.testing.assert_close(getattr(objectives, name)(*scaled), getattr(objectives, name)(*inputs))


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(ALL), seed=st.integers(0, 50))
def test_rotation(name: str, seed: int) -> None:
    """Turning the space changes nothing, except for Barlow Twins, which is about axes."""
    if name in ("barlow_twins_loss", "clip_distill"):
        return
    inputs = inputs_of(name, seed=seed)
    turn = torch.linalg.qr(draw(DIM, DIM, seed=seed).detach())[0]
    turned = [x @ turn if x.is_floating_point() else x for x in inputs]
    torch.testing.assert_close(getattr(objectives, name)(*turned), getattr(objectives, name)(*inputs))


@pytest.mark.parametrize("name", ["nt_xent", "dcl_loss", "dclw_loss", "clip", "siglip"])
def test_views_may_be_swapped(name: str, path: str) -> None:
    """Symmetric objectives."""
    a, b = inputs_of(name)
    torch.testing.assert_close(getattr(objectives, name)(a, b), getattr(objectives, name)(b, a))


@pytest.mark.parametrize("name", ALL)
def test_bfloat16(name: str, path: str) -> None:
    """Half-precision embeddings: the work is in float32, so only the inputs' own rounding is lost."""
    rounded = inputs_of(name, batch=8, dtype=torch.bfloat16)
    got = outcome(getattr(objectives, name), rounded)
    wide = [x.detach().double() if x.is_floating_point() else x for x in rounded]
    assert got[0].dtype == torch.float32
    assert all(g.dtype == torch.bfloat16 for g in got[1])
    torch.testing.assert_close(got[0].double(), getattr(objectives, name)(*wide), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_gradcheck(name: str, path: str) -> None:
    """Against finite differences."""
    inputs = inputs_of(name, batch=4)
    constants = {"moco_v3_loss": 2, "simsiam_loss": 2, "byol_loss": 2, "info_nce_queue": 1, "clip_distill": 2}
    for x in inputs[constants.get(name, 2) :]:
        x.requires_grad_(False)
    keywords = {"detach_weights": False} if name == "dclw_loss" else {}
    assert torch.autograd.gradcheck(lambda *x: getattr(objectives, name)(*x, **keywords), inputs)


@pytest.mark.parametrize("name", ALL)
def test_duplicated_samples(name: str, path: str) -> None:
    """Rows that occur twice, and rows that are zero, leave value and gradient finite."""
    inputs = inputs_of(name)
    with torch.no_grad():
        for x in inputs:
            if x.is_floating_point():
                x[..., 1, :] = x[..., 0, :]
                x[..., 2, :] = 0.0
    got = outcome(getattr(objectives, name), inputs)
    assert all(bool(torch.isfinite(x).all()) for x in [got[0], *got[1]])


@pytest.mark.parametrize("name", ALL)
def test_inputs_are_left_as_they_were(name: str, path: str) -> None:
    """Nothing is normalised in place."""
    inputs = inputs_of(name)
    before = [x.detach().clone() for x in inputs]
    getattr(objectives, name)(*inputs).backward()
    assert all(torch.equal(x, y) for x, y in zip(inputs, before, strict=True))


def test_temperature_may_be_a_parameter_of_one_entry() -> None:
    """A shape of (1,) is as good as 0-d."""
    a, b = inputs_of("clip")
    learned = torch.nn.Parameter(torch.tensor([0.2]))
    value = objectives.clip(a, b, temperature=learned)
    value.backward()
    assert value.dtype == torch.float64
    assert learned.grad is not None
    assert learned.grad.shape == (1,)
