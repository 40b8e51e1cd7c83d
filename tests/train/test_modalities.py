"""Decoding runs from fit to fit: several people, exact resume, weights of another run, two processes, nested curves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json
from counterpoint.train.callbacks.log import read
from counterpoint.train.fit import fit as train
from counterpoint.train.modalities import Earlier
from counterpoint.train.model import load
from counterpoint.train.run import Run

from ..brain.by_hand import person
from .conftest import small
from .test_resume import interrupted, same_weights
from .worlds import openly


def fit(spec: str, out: Path, *, metrics: tuple[str, ...] = (), init_from: Path | None = None, **changes: Any) -> Run:
    """Train, without evaluation unless it is asked for."""
    return train(spec, out=out, quiet=True, metrics=metrics, init_from=init_from, changes=changes)


def tensors(run: Run) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(run.model / "model.safetensors")
    return found


def steps(run: Run) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in read(run.path / "metrics.jsonl") if row["kind"] == "step"]


# ---- several people ----------------------------------------------


@pytest.mark.parametrize("name", ["mindeye", "sttm"])
def test_eight_people_of_different_voxels_train_in_one_run(name: str, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch):
    who = "abcdefgh"
    people = [person(one, voxels=20 + 3 * number, train=range(10 * number, 10 * number + 16 + number))
              for number, one in enumerate(who)]
    openly(monkeypatch, *people)
    run = fit(f"{name}.tiny", tmp_path / "run", metrics=("retrieval",), **small(
        name, **{"data.source": "hand", "data.subjects": tuple(who), "data.batch_size": 4, "epochs": 1,
                 "log_every": 1, "views.components": 8}))
    config = read_json(run.model / "config.json")
    assert config["shape"]["inputs"] == {f"hand {one}": 20 + 3 * number for number, one in enumerate(who)}
    assert len(steps(run)) == 23 // 4
    assert all(np.isfinite(loss) for _, loss in steps(run))
    assert load(run.path).learner.encoder.inputs == config["shape"]["inputs"]
    rows = read_json(run.path / "evaluation.json")
    assert [row["name"] for row in rows["tables"]["subjects"]] == [f"hand {one}" for one in who]
    assert next(row for row in rows["scores"] if row["metric"] == "two_way")["n"] == 8 * 24


# ---- exact resume ------------------------------------------------


@pytest.mark.parametrize("name", ["mindeye", "sttm", "wave"])
def test_stopped_in_mid_epoch_and_resumed_is_never_stopped(name: str, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch):
    people = {} if name == "wave" else {"data.subjects": ("1", "2")}
    settings = small(f"{name}.tiny", **people, **{"epochs": 3, "log_every": 1, "views.noise": 0.1})
    whole = fit(f"{name}.tiny", tmp_path / "whole", **settings)
    interrupted(f"{name}.tiny", tmp_path / "parts", 7, monkeypatch, **settings)  # of five batches an epoch
    assert Run(tmp_path / "parts").status()["status"] == "interrupted"
    parts = train(out=tmp_path / "parts", resume=True, quiet=True, metrics=())
    same_weights(whole, parts)
    assert steps(whole) == steps(parts)


def test_ridge_is_solved_once_and_keeps_its_solution(tmp_path: Path):
    pytest.importorskip("himalaya")
    runs = [fit("ridge.tiny", tmp_path / repeats, metrics=("retrieval",), **small(
        "ridge", **{"epochs": 0, "data.repeats": repeats})) for repeats in ("mean", "all")]
    for run in runs:
        scores = {(row["metric"], row["model"]): row["value"]
                  for row in read_json(run.path / "evaluation.json")["scores"]}
        assert scores["two_way", "decoder"] == pytest.approx(scores["two_way", "ridge"], abs=1e-4)
    same_weights(*runs)  # every picture was shown once


# ---- weights of another run --------------------------------------


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """MindEye on one person, to start others from; not to be changed."""
    return fit("mindeye.tiny", tmp_path_factory.mktemp("first") / "run",
               **small("mindeye", **{"views.components": 8, "epochs": 1}))


def still(**more: Any) -> dict[str, Any]:
    """A run that hardly moves."""
    return small("mindeye", **{"views.components": 8, "epochs": 1, "optimizer.learning_rate": 1e-12,
                               "optimizer.weight_decay": 0.0, **more})


def test_a_newcomer_starts_from_what_is_shared_in_the_space_it_knows(first: Run, tmp_path: Path):
    run = fit("mindeye.tiny", tmp_path / "next", init_from=first.path, **still(**{"data.subjects": ("3",)}))
    old, new = tensors(first), tensors(run)
    own = [key for key in new if key.startswith("encoder.people.")]
    assert own
    assert not set(own) & set(old)
    for key in new.keys() - set(own):
        torch.testing.assert_close(new[key], old[key], atol=1e-6, rtol=0, msg=key)
    alone = fit("mindeye.tiny", tmp_path / "alone", **still(**{"data.subjects": ("3",)}))
    assert not torch.allclose(tensors(alone)["target_rotation"], old["target_rotation"], atol=1e-3)


def test_targets_of_the_newcomer_are_those_of_the_first_run(first: Run):
    """Whatever mean, rotation and scale its own pictures would give."""
    from counterpoint.base.recipe import lookup, override
    from counterpoint.train.modalities import brain as modality

    recipe = override(lookup("mindeye.tiny"), still(**{"data.subjects": ("3",)}))
    loaded = modality.load(recipe)
    after = modality.adopt(loaded, Earlier("there", lambda: tensors(first)))
    mine, kept = loaded.train.targets, after.train.targets
    np.testing.assert_allclose(kept.mean, tensors(first)["target_mean"], atol=1e-7)
    assert kept.scale == pytest.approx(float(tensors(first)["target_scale"]))
    np.testing.assert_allclose(kept.picture, kept.centred(mine.before), atol=1e-5)
    assert not np.allclose(kept.picture, mine.picture, atol=1e-3)
    assert modality.training_data(after).targets is kept


@pytest.mark.parametrize(("changes", "tensor"), [
    ({"encoder.hidden": 24}, r"encoder\.\S.+ is absent or of another shape"),
    ({"method.low_level_weight": 0.5, "views.text": "hash"}, r"low_level\.\S+ is absent"),
    ({"views.components": 6, "method.prior_heads": 2}, r"\S+ is absent or of another shape"),
    ({"views.components": 0}, r"\S+ is absent or of another shape"),
    ({"data.options": {"train": 40, "test": 12, "voxels": 50, "features": "factors"}},
     r"encoder\.people\.\S.+ is absent or of another shape"),
])
def test_what_does_not_fit_is_refused_by_name(first: Run, changes: dict[str, Any], tensor: str, tmp_path: Path):
    with pytest.raises(CounterpointError, match=tensor):
        fit("mindeye.tiny", tmp_path / "next", init_from=first.path, **still(**changes))


def test_somebody_with_fewer_pictures_than_directions_joins(first: Run, tmp_path: Path):
    few = {"data.subjects": ("3",), "data.limit": 6, "data.batch_size": 3}
    run = fit("mindeye.tiny", tmp_path / "few", init_from=first.path, **still(**few))
    assert torch.equal(tensors(run)["target_rotation"], tensors(first)["target_rotation"])


def test_a_resumed_newcomer_keeps_the_space_it_learned(first: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The first run may be gone by then: the checkpoint knows the space."""
    settings = small("mindeye", **{"views.components": 8, "data.subjects": ("3",), "epochs": 2})
    whole = fit("mindeye.tiny", tmp_path / "whole", init_from=first.path, **settings)
    interrupted("mindeye.tiny", tmp_path / "cut", 3, monkeypatch, init_from=first.path, **settings)
    same_weights(whole, train(out=tmp_path / "cut", resume=True, quiet=True, metrics=()))


def test_a_frozen_shared_part_stays_as_it_was(first: Run, tmp_path: Path):
    base = small("sttm", **{"views.components": 8, "epochs": 1, "data.subjects": ("1",)})
    shared = fit("sttm.tiny", tmp_path / "first", **base)
    run = fit("sttm.tiny", tmp_path / "next", init_from=shared.path,
              **{**base, "data.subjects": ("2",), "method.freeze_shared": True, "epochs": 2})
    old, new = tensors(shared), tensors(run)
    for key, value in new.items():
        if key in old:
            assert torch.equal(value, old[key]), key
        else:
            assert key.startswith("encoder.shared.adapters.")


# ---- the curve of an epoch ---------------------------------------


def test_the_curve_is_of_pictures_held_back_or_not_at_all(tmp_path: Path):
    options = {"train": 80, "test": 12, "voxels": 30, "features": "factors"}
    held = fit("mindeye.tiny", tmp_path / "held", **small(
        "mindeye", **{"data.validation": 0.3, "data.options": options, "probe_every": 1}))
    plain = fit("mindeye.tiny", tmp_path / "plain", **small("mindeye", probe_every=1))
    curves = [[row for row in read(run.path / "metrics.jsonl") if row["kind"] == "epoch"] for run in (held, plain)]
    assert [len(rows) for rows in curves] == [2, 2]
    assert all(0 <= row["top1"] <= 1 for row in curves[0])
    assert all(row["top1"] is None for row in curves[1])
    for row in (*curves[0], *curves[1]):
        assert row["effective_rank"] >= 1
        assert row["uniformity"] <= 0
    assert (held.checkpoints / "best.ckpt").is_file()


# ---- two processes -----------------------------------------------


TWO = {"data.subjects": ("1", "2"), "method.mix_share": 0.0, "method.mix_probability": 0.0, "method.prior_weight": 0.0,
       "encoder.dropout": 0.0, "encoder.block_dropout": 0.0, "views.components": 8, "epochs": 2, "probe_every": 1,
       "optimizer.warmup": 0.0, "log_every": 1}


def words(values: dict[str, Any]) -> list[str]:
    """Settings as flags."""
    import json

    return [part for key, value in values.items() for part in
            (f"--{key}", json.dumps(list(value) if isinstance(value, tuple) else value)
             if not isinstance(value, str) else value)]


def by_two(spec: str, settings: dict[str, Any], out: Path) -> subprocess.CompletedProcess[str]:
    """Train in two processes, through the command line."""
    flags = words({**settings, "devices": 2, "strategy": "ddp", "accelerator": "cpu"})
    done = subprocess.run(
        [sys.executable, "-m", "counterpoint.cli", "decode", "fit", spec, *flags, "--out", str(out)],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_two_processes_go_through_stages_in_which_parts_rest(tmp_path: Path):
    """Two thirds of WAVE's parameters are of no use to its first stage, and one third of none to its second."""
    by_two("wave.tiny", {**small("wave"), "data.batch_size": 4}, tmp_path / "run")
    terms = [set(row["terms"]) for row in read(tmp_path / "run" / "metrics.jsonl") if row["kind"] == "step"]
    assert terms[0] == {"trimodal"}
    assert terms[-1] == {"prior"}


@pytest.mark.slow
def test_two_processes_train_to_the_weights_of_one_with_twice_the_batch(tmp_path: Path):
    """Through the command line; the first process evaluates."""
    settings = {**small("mindeye"), **TWO}
    one = fit("mindeye.tiny", tmp_path / "one", metrics=("retrieval",), **{**settings, "data.batch_size": 8})
    two = tmp_path / "two"
    done = by_two("mindeye.tiny", {**settings, "data.batch_size": 4}, two)
    a, b = tensors(one), tensors(Run(two))
    assert a.keys() == b.keys()
    for key in a:
        torch.testing.assert_close(a[key], b[key], atol=1e-5, rtol=1e-5, msg=key)
    assert [step for step, _ in steps(Run(two))] == [step for step, _ in steps(one)]
    rows = [read_json(where / "evaluation.json")["tables"]["subjects"] for where in (tmp_path / "one", two)]
    assert rows[0] == rows[1]
    assert done.stdout.count("result ") == 1
