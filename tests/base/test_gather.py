"""Two processes against one on the joined batch: values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from counterpoint.base.gather import gather
from counterpoint.objectives.decoupled import dcl_loss
from counterpoint.objectives.image_text import clip
from counterpoint.objectives.instance import nt_xent
from counterpoint.objectives.redundancy import barlow_twins_loss

OBJECTIVES = {"nt_xent": nt_xent, "dcl_loss": dcl_loss, "barlow_twins_loss": barlow_twins_loss, "clip": clip}


def sample() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x_a, x_b = (torch.randn(8, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    return x_a, x_b, torch.randn(5, 4, generator=generator, dtype=torch.float64)


def worker(rank: int, port: int, results: str) -> None:
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    x_a, x_b, start = sample()
    rows, found = slice(4 * rank, 4 * rank + 4), {}
    for name, objective in OBJECTIVES.items():
        weight = start.clone().requires_grad_()
        loss = objective(gather(x_a[rows] @ weight), gather(x_b[rows] @ weight))
        loss.backward()
        distributed.all_reduce(weight.grad)
        found[name] = (loss.detach(), weight.grad / 2)  # what distributed data parallel does: average
    if rank == 0:
        torch.save(found, results)
    distributed.destroy_process_group()


def test_two_processes_equal_one(tmp_path, unused_port):
    path = str(tmp_path / "found.pt")
    multiprocessing.spawn(worker, args=(unused_port, path), nprocs=2)
    found = torch.load(path, weights_only=True)
    x_a, x_b, start = sample()
    for name, objective in OBJECTIVES.items():
        weight = start.clone().requires_grad_()
        loss = objective(x_a @ weight, x_b @ weight)
        loss.backward()
        torch.testing.assert_close(found[name][0], loss.detach(), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(found[name][1], weight.grad, rtol=1e-9, atol=1e-12)


def test_one_process_passes_through():
    tensor = torch.randn(3, 2)
    assert gather(tensor) is tensor


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
