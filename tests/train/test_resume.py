"""Exact resume: four epochs equal two, a stop, and two more, bit for bit, for every kind of state."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from safetensors.torch import load_file

from counterpoint.core.errors import CounterpointError
from counterpoint.train.callbacks.log import read
from counterpoint.train.fit import RUN_VARIABLE
from counterpoint.train.fit import fit as train
from counterpoint.train.run import Run

from .conftest import small

END, MIDDLE = 10, 13  # of an epoch, with five batches each
STOPS = [("simclr.tiny", END), ("simclr.tiny", MIDDLE), ("moco.tiny", END), ("moco.tiny", MIDDLE),
         ("moco.tiny_v3", END), ("byol.tiny", MIDDLE), ("simsiam.tiny", END)]


def fit(spec: str = "", *, out: Path, resume: bool = False, init_from: Path | None = None, **changes: Any) -> Run:
    """Train without evaluating."""
    return train(spec, out=out, resume=resume, init_from=init_from, quiet=True, metrics=(), changes=changes)


class StopAt(Callback):
    """Ask for a stop, as Ctrl-C would, after a given number of batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def on_train_batch_end(self, *args: Any) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def interrupted(spec: str, out: Path, batches: int, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """Start a run and stop it after ``batches`` batches."""
    import lightning.pytorch

    trainer = lightning.pytorch.Trainer

    def stopping(*args: Any, callbacks: list[Callback], **kwargs: Any) -> Any:
        return trainer(*args, callbacks=[StopAt(batches), *callbacks], **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(lightning.pytorch, "Trainer", stopping)
        with pytest.raises(KeyboardInterrupt):
            fit(spec, out=out, **settings)


def same_weights(a: Run, b: Run) -> None:
    left, right = load_file(a.model / "model.safetensors"), load_file(b.model / "model.safetensors")
    assert left.keys() == right.keys()
    assert all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize(("spec", "batches"), STOPS)
def test_two_and_two_are_four(spec: str, batches: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = small(spec, epochs=4)
    whole = fit(spec, out=tmp_path / "whole", **settings)
    interrupted(spec, tmp_path / "parts", batches, monkeypatch, **settings)
    stopped = Run(tmp_path / "parts")
    assert stopped.status()["status"] == "interrupted"
    parts = fit(out=tmp_path / "parts", resume=True)
    same_weights(whole, parts)
    losses = [[(r["step"], r["loss"]) for r in read(run.path / "metrics.jsonl") if r["kind"] == "step"]
              for run in (whole, parts)]
    assert losses[0] == losses[1]


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(finished: Path, tmp_path: Path):
    again = fit("simclr.tiny", out=tmp_path / "again", **small("simclr"))
    other = fit("simclr.tiny", out=tmp_path / "other", **small("simclr", seed=1))
    same_weights(Run(finished), again)
    with pytest.raises(AssertionError):
        same_weights(again, other)


def test_resume_refuses_changed_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    interrupted("simclr.tiny", tmp_path / "run", 7, monkeypatch, **small("simclr"))
    with pytest.raises(CounterpointError, match=r"epochs: 2 -> 9"):
        fit("simclr.tiny", out=tmp_path / "run", resume=True, epochs=9)


def test_resume_of_a_finished_run_says_so(finished: Path):
    with pytest.raises(CounterpointError, match="is finished"):
        fit(out=finished, resume=True)


def test_a_kill_leaves_a_run_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No handler runs on SIGKILL: run.json still says running, the log's last line is cut, last.ckpt is whole."""
    interrupted("simclr.tiny", tmp_path / "run", 7, monkeypatch, **small("simclr"))
    run = Run(tmp_path / "run")
    run.update(status="running", pid=2**22 - 1)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "step", "step": 9')
    (run.checkpoints / ".last.ckpt.writing").write_bytes(b"half")
    resumed = fit(out=run.path, resume=True)
    assert resumed.status()["status"] == "done"
    whole = fit("simclr.tiny", out=tmp_path / "whole", **small("simclr"))
    same_weights(whole, resumed)


def test_checkpoints_hold_nothing_but_values(finished: Path):
    content = torch.load(Run(finished).last, weights_only=True)
    assert content["batches_seen"] == 10
    assert RUN_VARIABLE not in os.environ
