"""Run folders that are hostile, broken, incomplete or failed still become a page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from counterpoint.report.build import build
from tests.report.conftest import CLASSES, embeddings, evaluation, make_run
from tests.report.page import Page, page_of, rewrite

HOSTILE = '<script>alert("1")</script>&$\\frac{'


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    arrays = embeddings(n=60)
    arrays["class_names"] = np.array([HOSTILE, *CLASSES[1:]])
    folder = make_run(tmp_path / "run", arrays=arrays, recipe={"data": {"source": HOSTILE}, HOSTILE: HOSTILE})
    rewrite(folder / "run.json", variant=HOSTILE, status="failed", message=HOSTILE, warnings=[HOSTILE])
    changed = evaluation()
    changed["data"]["name"] = HOSTILE
    changed["warnings"] = [HOSTILE]
    changed["scores"][0].update(model=HOSTILE, protocol=HOSTILE, metric=HOSTILE)
    changed["spectrum"][HOSTILE] = [1.0, 0.5, 0.1]
    (folder / "evaluation.json").write_text(json.dumps(changed))
    rewrite(folder / "stamp.json", command=HOSTILE, libraries={HOSTILE: HOSTILE}, diff=HOSTILE)
    (folder / "train.log").write_text(f"Traceback (most recent call last)\n{HOSTILE}\nwarning: {HOSTILE}\n")
    row = {"kind": "step", "step": 1, "loss": 1.0, "terms": {HOSTILE: 1.0, "b": 0.5}, "learning_rate": 0.1}
    (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    html = build(folder).read_text(encoding="utf-8")
    page = Page(html)
    assert "script" not in page.tags
    assert "<script" not in html
    assert sum(HOSTILE in part for part in page.text) > 8
    assert "could not be drawn" not in html
    for path in (folder / "figures").glob("*.svg"):
        assert "<script" not in path.read_text(encoding="utf-8")


def test_bare_run_still_gets_a_page(bare_folder: Path) -> None:
    text = " ".join(page_of(build(bare_folder)).text)
    assert "is still running" in text
    assert "Nothing was measured" in text
    assert not (bare_folder / "figures").exists()


FILES = ("recipe.yaml", "stamp.json", "metrics.jsonl", "evaluation.json", "embeddings.npz", "train.log")


@pytest.mark.parametrize("name", FILES)
def test_any_file_may_be_missing(tmp_path: Path, name: str) -> None:
    folder = make_run(tmp_path / "run", arrays=embeddings(n=60))
    (folder / name).unlink()
    html = build(folder).read_text(encoding="utf-8")
    assert "could not be drawn" not in html
    Page(html)


def test_broken_files_are_named_and_the_page_is_written(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", arrays=embeddings(n=50))
    for name in FILES:
        (folder / name).write_bytes(b"\xff{: broken\n[")
    text = " ".join(page_of(build(folder)).text)
    for name in FILES[:-1]:
        assert f"{name} " in text


def test_missing_arrays_leave_out_their_figures_only(tmp_path: Path) -> None:
    arrays = embeddings(n=60)
    for key in ("label", "bank_label", "confusion", "views", "class_names"):
        del arrays[key]
    folder = make_run(tmp_path / "run", arrays=arrays)
    page = page_of(build(folder))
    assert {"figure-map", "figure-neighbours"} <= set(page.ids())
    assert not {"figure-confusion", "figure-views"} & set(page.ids())
    assert "There are no labels to tell hits from misses" in " ".join(page.text)


def test_a_figure_that_breaks_is_named_and_the_rest_stands(tmp_path: Path) -> None:
    arrays = embeddings(n=60)
    arrays["bank_label"] = arrays["bank_label"][:3]
    page = page_of(build(make_run(tmp_path / "run", arrays=arrays)))
    assert "“neighbours” could not be drawn" in " ".join(page.text)
    assert "figure-map" in page.ids()


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", arrays=embeddings(n=60))
    np.savez(folder / "embeddings.npz", embedding=np.array([{"a": 1}], dtype=object))
    assert "embeddings.npz could not be read" in " ".join(page_of(build(folder)).text)


def test_failed_run_shows_its_traceback(run_folder: Path) -> None:
    (run_folder / "evaluation.json").unlink()
    rewrite(run_folder / "run.json", status="failed", message="CUDA out of memory", step=17)
    log = "earlier\nTraceback (most recent call last):\n  File x\nOutOfMemoryError: CUDA out of memory\n"
    (run_folder / "train.log").write_text(log)
    page = page_of(build(run_folder))
    text = " ".join(page.text)
    assert "failed at step 17: CUDA out of memory" in text
    assert "OutOfMemoryError" in text
    assert "--resume" in text
    assert "what-went-wrong" in page.ids()
    assert "figure-curves" in page.ids()


def test_losses_that_break_are_named(run_folder: Path) -> None:
    rows = [
        {
            "kind": "step",
            "step": s,
            "loss": 1.0 if s < 50 else None,
            "terms": {"nt_xent": 1.0 if s < 50 else None},
            "learning_rate": 0.1,
            "gradient_norm": 10.0**s if s < 50 else None,
        }
        for s in range(10, 100, 10)
    ]
    (run_folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)) + '\n{"kind": "st')
    text = " ".join(page_of(build(run_folder)).text)
    assert "“nt_xent” was not finite first at step 50" in text
    assert "metrics.jsonl has 1 line(s) that are not JSON" in text
