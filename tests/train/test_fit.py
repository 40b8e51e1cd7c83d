"""fit: the run folder, what stops a run, what is refused before it starts."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from counterpoint.base.learner import Learner, NonFinite
from counterpoint.base.recipe import variants
from counterpoint.core.discovery import method_class, recipe_module, systems
from counterpoint.core.errors import CounterpointError
from counterpoint.train.callbacks.log import read
from counterpoint.train.run import Run, new_run, open_run
from counterpoint.verbs.runs import fit

from .conftest import small

FILES = ["recipe.yaml", "stamp.json", "run.json", "metrics.jsonl", "train.log", "checkpoints/last.ckpt",
         "checkpoints/best.ckpt", "model/config.json", "model/model.safetensors", "model/README.md",
         "evaluation.json", "embeddings.npz", "report.html"]


def test_run_folder_is_whole(finished: Path):
    assert [name for name in FILES if not (finished / name).is_file()] == []
    assert list(finished.glob("figures/*.svg"))
    assert Run(finished).status()["status"] == "done"
    assert not [p for p in finished.rglob("*") if p.name.startswith(".")]


def test_stamp_says_what_it_ran_on(finished: Path):
    stamp = json.loads((finished / "stamp.json").read_text())
    assert stamp["seed"] == 0
    assert stamp["data"]["hash"].startswith("sha256:")
    assert stamp["libraries"]["torch"] == torch.__version__.split("+")[0] or stamp["libraries"]["torch"]


def test_metrics_have_steps_and_epochs(finished: Path):
    rows = read(finished / "metrics.jsonl")
    steps = [row["step"] for row in rows if row["kind"] == "step"]
    assert steps == [2, 4, 6, 8, 10]
    assert [row["epoch"] for row in rows if row["kind"] == "epoch"] == [1, 2]
    assert all(row["terms"].keys() == {"nt_xent"} for row in rows if row["kind"] == "step")


def test_baselines_stand_beside_every_score(finished: Path):
    scores = json.loads((finished / "evaluation.json").read_text())["scores"]
    for metric in ("knn", "linear"):
        models = {row["model"] for row in scores if row["metric"] == metric}
        assert {"encoder", "untrained", "pixels", "chance"} <= models
    assert all(row["protocol"] and row["n"] for row in scores)


@pytest.mark.parametrize("spec", [f"{name}.{v}" for name in systems() for v in variants(recipe_module(name))
                                  if v.startswith("tiny")])
def test_every_method_trains_and_its_gradients_reach_the_encoder(spec: str, tmp_path: Path):
    run = fit(spec, out=tmp_path / "run", quiet=True, **small(spec, epochs=1))
    rows = [row for row in read(run.path / "metrics.jsonl") if row["kind"] == "step"]
    assert all(np.isfinite(row["loss"]) and row["gradient_norm"] > 0 for row in rows)
    assert run.status()["status"] == "done"


def test_written_recipe_rebuilds_the_run(finished: Path, tmp_path: Path):
    from counterpoint.cli import main

    out = tmp_path / "rebuilt"
    assert main(["fit", "--config", str(finished / "recipe.yaml"), "--out", str(out), "--quiet"]) == 0
    assert yaml.safe_load((out / "recipe.yaml").read_text()) == yaml.safe_load((finished / "recipe.yaml").read_text())
    assert (out / "model/model.safetensors").read_bytes() == (finished / "model/model.safetensors").read_bytes()


def test_folder_that_holds_something_is_refused(finished: Path, tmp_path: Path):
    with pytest.raises(CounterpointError, match=r"--resume .* or --overwrite"):
        fit("simclr.tiny", out=finished, quiet=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("important")
    for overwrite in (False, True):
        with pytest.raises(CounterpointError, match=r"not empty|not a run folder"):
            fit("simclr.tiny", out=tmp_path / "mine", overwrite=overwrite, quiet=True, **small("simclr"))
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "important"


def test_unwritable_place_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CounterpointError, match="cannot be written"):
        new_run("simclr", "tiny", out=tmp_path / "file" / "run")


def test_numbers_go_up_and_latest_follows(tmp_path: Path):
    first, second = (new_run("simclr", "tiny", out=None, root=tmp_path) for _ in range(2))
    second.update(status="done")
    assert [first.path.name, second.path.name] == ["tiny-0001", "tiny-0002"]
    assert open_run("simclr", tmp_path).path == second.path


def test_full_disk_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from lightning.pytorch import Trainer

    real, calls = Trainer.save_checkpoint, []

    def full(self: Trainer, path: Path, *args: Any, **kwargs: Any) -> None:
        calls.append(path)
        if len(calls) > 2:
            Path(path).write_bytes(b"half a check")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, path, *args, **kwargs)

    monkeypatch.setattr(Trainer, "save_checkpoint", full)
    with pytest.raises(CounterpointError, match="No space left"):
        fit("simclr.tiny", out=tmp_path / "run", quiet=True, **small("simclr"))
    run = Run(tmp_path / "run")
    assert run.status()["status"] == "failed"
    assert not list(run.checkpoints.glob(".*"))
    monkeypatch.undo()
    assert fit(out=run.path, resume=True, quiet=True).status()["status"] == "done"


def test_nan_stops_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    system = method_class("simclr")
    terms = system.terms

    def broken(self: Learner, batch: Any) -> dict[str, Any]:
        found = terms(self, batch)
        return {**found, "extra": found["nt_xent"] * float("nan")} if self.global_step == 3 else found

    monkeypatch.setattr(system, "terms", broken)
    with pytest.raises(NonFinite, match=r"extra became nan at step 3 \(gradient norm before it: [0-9.]+\)"):
        fit("simclr.tiny", out=tmp_path / "run", quiet=True, **small("simclr"))
    status = Run(tmp_path / "run").status()
    assert status["status"] == "failed"
    assert "extra became nan" in status["message"]
    assert "Traceback" in (tmp_path / "run" / "train.log").read_text()
    assert "extra became nan" in (tmp_path / "run" / "report.html").read_text()


def test_collapse_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    from counterpoint.encoders.convnet import ConvNet

    forward = ConvNet.forward
    monkeypatch.setattr(ConvNet, "forward", lambda self, x: forward(self, x) * 1e-6 + 1.0)
    fit("simclr.tiny", out=tmp_path / "run", **small("simclr", epochs=1))
    assert "collapsing" in capsys.readouterr().out
    assert any("collapsing" in w for w in json.loads((tmp_path / "run/evaluation.json").read_text())["warnings"])


@pytest.mark.parametrize(("changes", "message"), [
    ({"data.batch_size": 1}, "A batch of 1"),
    ({"data.batch_size": 4096}, "fewer than a batch"),
    ({"data.source": "no-such-place"}, "no-such-place"),
    ({"method.temprature": 1.0}, "Did you mean temperature"),
    ({"encoder.name": "resnet81"}, "Did you mean resnet"),
])
def test_what_cannot_work_is_refused_before_a_folder_is_made(changes: dict[str, Any], message: str, tmp_path: Path):
    with pytest.raises(CounterpointError, match=message):
        fit("simclr.tiny", out=tmp_path / "run", quiet=True, **{**small("simclr"), **changes})
    assert not (tmp_path / "run").exists() or Run(tmp_path / "run").status()["status"] == "failed"


def folder_of_pictures(path: Path, count: int) -> Path:
    rng = np.random.default_rng(0)
    path.mkdir()
    for i in range(count):
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(path / f"{i}.png")
    return path


def test_a_folder_without_labels_trains_and_reports_geometry(tmp_path: Path):
    pictures = folder_of_pictures(tmp_path / "pictures", 100)
    run = fit("simclr.tiny", out=tmp_path / "run", quiet=True,
              **small("simclr", **{"data.source": str(pictures), "data.batch_size": 16, "epochs": 1}))
    evaluation = json.loads((run.path / "evaluation.json").read_text())
    assert evaluation["scores"] == []
    assert evaluation["geometry"]["encoder"]["effective_rank"] > 1


def test_supcon_without_labels_is_refused(tmp_path: Path):
    pictures = folder_of_pictures(tmp_path / "pictures", 40)
    with pytest.raises(CounterpointError, match="learns from labels"):
        fit("supcon.tiny", out=tmp_path / "run", quiet=True,
            **small("supcon", **{"data.source": str(pictures), "data.batch_size": 8}))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_two_processes_train_into_one_folder(tmp_path: Path):
    """Through the command line, as a person would; a fresh interpreter, since processes are started again."""
    out = tmp_path / "run"
    words = ["fit", "simclr.tiny", "--data", "digits", "--data.size", "16", "--data.limit", "256", "--data.batch_size",
             "32", "--epochs", "1", "--devices", "2", "--strategy", "ddp", "--accelerator", "cpu", "--out", str(out)]
    done = subprocess.run([sys.executable, "-m", "counterpoint.cli", *words], capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert [name for name in FILES if not (out / name).is_file()] == []
    assert [r["step"] for r in read(out / "metrics.jsonl") if r["kind"] == "epoch"] == [4]
    assert done.stdout.count("result ") == 1


def test_accumulated_batches_make_one_step(tmp_path: Path):
    """Five batches an epoch, two to a step, the last one alone: three steps, the number the schedule was made for."""
    run = fit("simclr.tiny", out=tmp_path / "run", quiet=True, **small("simclr", accumulate=2, epochs=2, log_every=1))
    rows = [row for row in read(run.path / "metrics.jsonl") if row["kind"] == "step"]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["learning_rate"] < 1e-6


@pytest.mark.parametrize("changes", [{"optimizer.name": "lars", "optimizer.learning_rate": 0.3},
                                     {"optimizer.name": "sgd", "optimizer.clip": 1.0}, {"precision": "bf16-mixed"}])
def test_other_optimisers_and_half_precision_train(changes: dict[str, Any], tmp_path: Path):
    run = fit("simclr.tiny", out=tmp_path / "run", quiet=True, **small("simclr", epochs=1, **changes))
    assert all(np.isfinite(row["loss"]) for row in read(run.path / "metrics.jsonl") if row["kind"] == "step")
