"""What every decoder has: mixing within people, variations of responses, frozen shared parts, two processes as one."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import distributed, multiprocessing

from counterpoint.base.decoder import Decoder, half_cosine
from counterpoint.brain.spec import BrainViews

from .decoders import batch, decoder, part

PLAIN: dict[str, Any] = {"mix_share": 0.0, "mix_probability": 0.0, "prior_weight": 0.0, "hidden": 16}
SYSTEMS: dict[str, dict[str, Any]] = {
    "mindeye": PLAIN,
    "sttm": {**PLAIN, "kind": "adapter", "text_dim": 5, "random_weights": False},
    "ridge": {"kind": "linear"},
    "wave": {"kind": "causal", "text_dim": 5, "tokens": 1, "prior_weight": 0.0},
}


def made(name: str) -> tuple[Decoder, Any]:
    settings = SYSTEMS[name]
    shape = {"tokens": settings.get("tokens", 2), "text_dim": settings.get("text_dim", 0)}
    learner = decoder(name, **settings).double().eval()  # evaluation mode: WAVE's dropout is not a setting
    return learner, batch(**shape, series=name == "wave", dtype=torch.float64)


def loss_of(learner: Decoder, data: Any) -> torch.Tensor:
    return torch.stack(list(learner.terms(learner.make_views(data)).values())).sum()


def worker(rank: int, port: int, results: str) -> None:
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    found = {}
    for name in SYSTEMS:
        learner, whole = made(name)
        loss = loss_of(learner, part(whole, rank, 2))
        loss.backward()
        loss = loss.detach()
        distributed.all_reduce(loss)
        gradients = {}
        for key, parameter in learner.named_parameters():
            if parameter.grad is not None:
                distributed.all_reduce(parameter.grad)
                gradients[key] = parameter.grad / 2  # what distributed data parallel does: average
        found[name] = (loss / 2, gradients)
    if rank == 0:
        torch.save(found, results)
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def of_two_processes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = str(tmp_path_factory.mktemp("two") / "found.pt")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(worker, args=(port, path), nprocs=2)
    found: dict[str, Any] = torch.load(path, weights_only=True)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_two_processes_equal_one(name: str, of_two_processes: dict[str, Any]):
    learner, whole = made(name)
    loss = loss_of(learner, whole)
    loss.backward()
    found, gradients = of_two_processes[name]
    torch.testing.assert_close(found, loss.detach(), rtol=1e-9, atol=1e-12)
    mine = {key: parameter.grad for key, parameter in learner.named_parameters() if parameter.grad is not None}
    assert mine.keys() == gradients.keys()
    for key, gradient in mine.items():
        torch.testing.assert_close(gradients[key], gradient, rtol=1e-7, atol=1e-11, msg=key)


def test_mixing_stays_within_a_person():
    learner, data = decoder(**PLAIN), batch(50)
    mixed, permutation, betas = learner.mixed(data, alpha=0.5, probability=0.7)
    start = 0
    for x, y in zip(data["responses"], mixed["responses"], strict=True):
        rows = slice(start, start + len(x))
        here, share = permutation[rows] - start, betas[rows, None]
        assert sorted(here.tolist()) == list(range(len(x)))
        torch.testing.assert_close(y, share * x + (1 - share) * x[here])
        start += len(x)
    assert 0.1 < (betas == 1).float().mean() < 0.6
    assert mixed["target"] is data["target"]


def test_mixing_depends_on_the_step_and_can_be_drawn_again():
    learner, data = decoder(**PLAIN), batch(20)
    first, again = (learner.mixed(data, alpha=0.5, probability=1.0)[1] for _ in range(2))
    assert torch.equal(first, again)
    learner.batches_seen = 1
    assert not torch.equal(learner.mixed(data, alpha=0.5, probability=1.0)[1], first)


def test_a_common_generator_is_the_same_on_every_process(monkeypatch: pytest.MonkeyPatch):
    learner = decoder(**PLAIN)
    draws = {}
    for rank in (0, 1):
        monkeypatch.setattr(type(learner), "global_rank", rank)
        draws[rank] = [torch.rand(1, generator=learner.step_generator(2, common=common)).item()
                       for common in (False, True)]
    assert draws[0][0] != draws[1][0]
    assert draws[0][1] == draws[1][1]


def test_responses_are_varied_as_the_views_say_and_targets_are_not():
    data = batch(60)
    assert decoder(**PLAIN).make_views(data) is data
    noisy = decoder(**PLAIN, views=BrainViews(noise=0.5)).make_views(data)
    change = noisy["responses"][0] - data["responses"][0]
    assert 0.45 < float(change.std()) < 0.55
    dropped = decoder(**PLAIN, views=BrainViews(drop_entries=0.3)).make_views(data)["responses"][0]
    zero = dropped == 0
    assert 0.22 < zero.float().mean() < 0.38
    assert torch.equal(dropped[~zero], data["responses"][0][~zero])
    assert noisy["target"] is data["target"]
    series = batch(6, series=True)
    shuffled = decoder("wave", **SYSTEMS["wave"], views=BrainViews(shuffle_time=True)).make_views(series)
    for x, y in zip(series["responses"], shuffled["responses"], strict=True):
        assert not torch.equal(x, y)
        assert torch.equal(x.sum(2).sort(1).values, y.sum(2).sort(1).values)


def test_what_is_shared_can_be_frozen_and_stays_in_evaluation_mode():
    learner = decoder(**PLAIN)
    learner.freeze_shared()
    own = {id(parameter) for parameter in learner.encoder.own.parameters()}
    assert own == {id(parameter) for parameter in learner.parameters() if parameter.requires_grad}
    learner.train()
    assert learner.training
    assert learner.encoder.own.training
    assert not learner.projector.training
    assert not learner.encoder.shared.training
    learner.eval()
    assert not learner.encoder.own.training


def test_embeddings_are_of_unit_length():
    learner, data = decoder(**PLAIN).eval(), batch()
    z = learner.embed(data)
    assert z.shape == (8, 16)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(8))


@given(start=st.floats(-5, 5), end=st.floats(-5, 5), share=st.floats(-1, 2))
def test_half_cosine_lies_between_its_ends(start: float, end: float, share: float):
    value = half_cosine(start, end, share)
    assert min(start, end) - 1e-9 <= value <= max(start, end) + 1e-9
    assert half_cosine(start, end, 0) == pytest.approx(start)
    assert half_cosine(start, end, 1) == pytest.approx(end)
