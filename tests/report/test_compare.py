"""Several runs on one page."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from counterpoint.report.build import build
from counterpoint.report.compare import differences, groups, lines
from counterpoint.report.reading import read
from tests.report.conftest import embeddings, make_run
from tests.report.page import page_of


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    small = embeddings(n=50)
    first = [
        make_run(tmp_path / "simclr" / f"default-000{seed}", seed=seed, lift=0.004 * seed, arrays=small)
        for seed in range(3)
    ]
    other = {"name": "moco_v3", "method": {"temperature": 0.4}}
    return [*first, make_run(tmp_path / "moco_v3" / "default-0001", lift=-0.02, recipe=other, arrays=small)]


def test_comparison_overlays_curves_and_lists_only_what_differs(folders: list[Path]) -> None:
    path = build(folders)
    assert path == folders[0].parent / "comparison.html"
    page = page_of(path)
    text = " ".join(page.text)
    assert {"figure-scores", "figure-curves", "figure-progress", "figure-path", "figure-spectrum"} <= set(page.ids())
    assert "method.temperature" in text
    assert "optimizer.learning_rate" not in text
    values = [0.883, 0.887, 0.891]
    assert f"{100 * statistics.fmean(values):.1f} ± {100 * statistics.stdev(values):.1f} %" in text
    assert "simclr.default leads with" in text
    assert (folders[0].parent / "comparison-figures" / "scores.svg").exists()


def test_seeds_of_one_setting_form_one_group(folders: list[Path]) -> None:
    runs = [read(folder) for folder in folders]
    assert [len(group.runs) for group in groups(runs)] == [3, 1]
    colours = [colour for _, _, colour in lines(runs)]
    assert len(set(colours[:3])) == 1
    assert colours[3] != colours[0]


def test_differences_name_settings_that_one_run_lacks(folders: list[Path]) -> None:
    runs = [read(folder) for folder in folders]
    del runs[3].settings["optimizer.warmup"]
    rows = dict(differences(runs))
    assert rows["optimizer.warmup"] == [1.0, 1.0, 1.0, None]
    assert rows["seed"] == [0, 1, 2, 0]
    assert "epochs" not in rows


def test_runs_on_different_data_are_marked(folders: list[Path], tmp_path: Path) -> None:
    other = make_run(tmp_path / "x" / "default-0001", recipe={"data": {"source": "digits"}}, arrays=embeddings(n=50))
    (other / "evaluation.json").unlink()
    text = " ".join(page_of(build([folders[0], other])).text)
    assert "These runs saw different data" in text


def test_one_of_them_may_have_nothing(folders: list[Path], bare_folder: Path) -> None:
    text = " ".join(page_of(build([folders[0], bare_folder])).text)
    assert "simclr.tiny" in text


def test_many_runs_are_named_by_their_setting(tmp_path: Path) -> None:
    small = embeddings(n=50)
    runs = [read(make_run(tmp_path / f"run-{seed}", seed=seed, arrays=small)) for seed in range(9)]
    assert [label for label, _, _ in lines(runs)] == ["simclr.default", *[""] * 8]


def test_same_run_twice_gets_two_names(run_folder: Path) -> None:
    labels = [label for label, _, _ in lines([read(run_folder), read(run_folder)])]
    assert len(set(labels)) == 2
