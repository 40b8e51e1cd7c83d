"""The command line: verbs, errors with the closest name, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from counterpoint import cli
from counterpoint.core.discovery import systems


def run(words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = cli.main(words.split())
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(("words", "expected"), [
    ("lst", "Did you mean list?"),
    ("data lst", "data list"),
    ("show simcrl", "Did you mean simclr?"),
    ("fit simclr.tinny", "Did you mean tiny?"),
    ("fit simclr.tiny --method.temprature 1", "Did you mean --method.temperature?"),
    ("fit simclr.tiny --epochs many", "--epochs was not understood"),
    ("fit simclr.tiny --precision 64", "bf16-mixed"),
    ("fit", "fit needs the name of a system"),
    ("fit --resume", "--resume needs a recipe or a folder"),
    ("fit --config nowhere.yaml", "nowhere.yaml is no recipe"),
    ("report", "No run was named"),
    ("report nowhere", "No run at nowhere"),
    ("evaluate nowhere", "No run at nowhere"),
    ("embed nowhere", "data"),
    ("compare", "No system was named"),
    ("compare simclr nosuch", "No system called"),
    ("reproduce", "No system was named"),
    ("reproduce simclr", "states no claim"),
    ("list --modalty x", "Did you mean --modality?"),
    ("data fetch fashon-mnist", "Did you mean fashion-mnist?"),
])
def test_a_users_error_is_two_lines_and_code_two(words: str, expected: str, capsys: Any, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(words, capsys)
    assert code == 2
    assert expected in err
    assert err.startswith("error: ")
    assert err.count("\n") <= 3
    assert "Traceback" not in err
    assert not list(tmp_path.glob("runs/*/*/run.json"))


def test_traceback_only_when_asked(capsys: Any):
    assert "Traceback" in run("show simcrl --traceback", capsys)[2]


def test_list_names_every_system(capsys: Any):
    code, out, _ = run("list", capsys)
    assert code == 0
    assert all(name in out for name in systems())
    code, out, _ = run("list sim* --json", capsys)
    assert [row["name"] for row in json.loads(out)] == ["simclr", "simsiam"]


@pytest.mark.parametrize("name", systems())
def test_show_gives_equation_recipes_and_next_command(name: str, capsys: Any):
    code, out, _ = run(f"show {name}", capsys)
    assert code == 0
    for part in ("::", f"counterpoint fit {name}.tiny", f"counterpoint fit {name}.paper", systems()[name].paper):
        assert part in out
    assert "def tiny" in run(f"show {name} --recipe", capsys)[1]


@pytest.mark.parametrize("verb", [verb for verb in cli.verbs() if verb != "fit"])
def test_every_verb_has_help(verb: str, capsys: Any):
    with pytest.raises(SystemExit) as stopped:
        cli.main([*verb.split(), "--help"])
    assert stopped.value.code == 0
    assert "usage: counterpoint" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "expected"), [
    ("--data digits --epochs 3", {"data.source": "digits", "epochs": 3}),
    ("--method.temperature 0.3 --seed 4", {"method.temperature": 0.3, "seed": 4}),
    ("--optimizer sgd --encoder=resnet18", {"optimizer.name": "sgd", "encoder.name": "resnet18"}),
    ("--views.crop_scale [0.1,0.9] --devices 2", {"views.crop_scale": (0.1, 0.9), "devices": 2}),
    ("", {}),
])
def test_flags_become_changes(words: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    from counterpoint.verbs import runs

    caught: dict[str, Any] = {}
    monkeypatch.setattr(runs, "fit", lambda spec, **settings: caught.update(spec=spec, **settings))
    assert cli.main(["fit", "simclr.tiny", *words.split()]) == 0
    flags = {"out": None, "resume": False, "overwrite": False, "init_from": None, "quiet": False}
    assert caught == {"spec": "simclr.tiny", **flags, **expected}


def test_an_internal_error_says_it_is_ours(capsys: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cli, "run", lambda words: 1 / 0)
    code, _, err = run("list", capsys)
    assert code == 1
    assert "fault of counterpoint" in err


def test_interrupt_is_130(monkeypatch: pytest.MonkeyPatch):
    def stop(words: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", stop)
    assert cli.main(["list"]) == 130


# ---- brains ------------------------------------------------------


@pytest.mark.parametrize(("words", "expected"), [
    ("decode", "decode fit"),
    ("decode ft", "Did you mean decode fit?"),
    ("decode fit simclr", "simclr is a system for image, not for brains"),
    ("decode fit mindeyee", "Did you mean mindeye?"),
    ("decode fit --data.batch_sizes 4", "Did you mean --data.batch_size?"),
    ("decode fit mindeye.tiny --data.batch_size 1", "A batch of 1 has no negatives"),
    ("decode fit --data nowhere/at/all", "does not exist"),
    ("decode predict nowhere", "No run at nowhere"),
    ("decode predict nowhere --out decoded.npy", "no .npz ending"),
    ("decode report nowhere", "No run at nowhere"),
    ("decode describe nowhere", "nowhere does not exist"),
    ("decode describe nsdd:folder", "Did you mean nsd?"),
    ("data index bold5000 --root .", 'No index is made for "bold5000"'),
    ("data index nsd --root nowhere", "nowhere"),
])
def test_errors_on_brains_are_two_lines_too(words: str, expected: str, capsys: Any, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(words, capsys)
    assert code == 2, err
    assert expected in err
    assert err.count("\n") <= 3
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("words", "spec", "expected"), [
    ("", "mindeye", {}),
    ("sttm.tiny --data nsd:/data/nsd", "sttm.tiny", {"data.source": "nsd:/data/nsd", "data.options": {}}),
    ("--data.subjects [1,2] --method.prior_weight 0", "mindeye", {"data.subjects": ("1", "2"),
                                                                "method.prior_weight": 0.0}),
    ("--data.subjects 1 subj02 --epochs 3", "mindeye", {"data.subjects": ("1", "subj02"), "epochs": 3}),
    ('ridge --data.subjects=["1"] --data.rois V1 V2', "ridge", {"data.subjects": ("1",), "data.rois": ("V1", "V2")}),
])
def test_decode_fit_is_fit_for_decoders(words: str, spec: str, expected: dict[str, Any],
                                        monkeypatch: pytest.MonkeyPatch):
    from counterpoint.verbs import runs

    caught: dict[str, Any] = {}
    monkeypatch.setattr(runs, "fit", lambda spec, **settings: caught.update(spec=spec, **settings))
    assert cli.main(["decode", "fit", *words.split()]) == 0
    assert caught["spec"] == spec
    assert {key: caught.get(key) for key in expected if key != "data.options"} == {
        key: value for key, value in expected.items() if key != "data.options"}


def test_a_data_set_is_described_and_indexed(capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from counterpoint.data.nsd_fake import fake_nsd

    monkeypatch.setenv("COUNTERPOINT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "nsd").mkdir()
    fake_nsd(tmp_path / "nsd", 3, subject=4)
    code, out, err = run(f"data index nsd --root {tmp_path / 'nsd'} --out {tmp_path / 'index.csv'}", capsys)
    assert code == 0, err
    assert "24 trials of 1 people" in out
    assert len((tmp_path / "index.csv").read_text().splitlines()) == 25
    code, out, err = run(f"decode describe nsd:{tmp_path / 'nsd'} --subject 4", capsys)
    assert code == 0, err
    assert "24 trials" in out
