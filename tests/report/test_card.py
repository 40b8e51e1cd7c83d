"""The model card."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from counterpoint.report.card import card, write_card
from tests.report.conftest import make_run


def metadata(text: str) -> dict:
    """The block between the first two rules."""
    _, block, _ = text.split("---\n", 2)
    return yaml.safe_load(block)


def test_card_holds_scores_settings_versions_and_citation(run_folder: Path) -> None:
    path = write_card(run_folder)
    assert path == run_folder / "model" / "README.md"
    text = path.read_text(encoding="utf-8")
    block = metadata(text)
    assert block["library_name"] == "counterpoint"
    results = block["model-index"][0]["results"]
    assert [row["metrics"][0]["value"] for row in results] == [0.883, 0.873]
    for piece in (
        "| kNN | pixels | 85.8 % |",
        "| method.temperature | 0.2 |",
        "| torch | 2.14.0 |",
        "cp.load(",
        "@software{counterpoint",
        "batch size 256",
    ):
        assert piece in text


def test_bare_run_has_a_card_too(bare_folder: Path) -> None:
    text = card(bare_folder)
    assert "was not evaluated" in text
    assert "model-index" not in metadata(text)


def test_hostile_text_is_escaped(tmp_path: Path) -> None:
    bad = "x\n---\n<script>|a*"
    folder = make_run(tmp_path / "run", recipe={"data": {"source": bad}})
    content = json.loads((folder / "evaluation.json").read_text())
    content["data"]["name"], content["warnings"] = bad, [bad]
    (folder / "evaluation.json").write_text(json.dumps(content))
    text = card(folder)
    assert metadata(text)["model-index"][0]["results"][0]["dataset"]["name"] == "x --- <script>|a*"
    body = text.split("\n---\n", 1)[1]
    assert "<script>" not in body
    assert "&lt;script&gt;\\|a\\*" in body
