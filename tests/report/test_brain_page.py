"""The page in which the brain can be turned."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.report.brain_page import _painted, write_brain_page
from counterpoint.report.build import build
from tests.report.brain_folder import make_brain_run, surface_arrays

pytest.importorskip("nilearn")
HOSTILE = "</script><script>alert(1)</script>"


class Tags(HTMLParser):
    """Tags with their attributes, outside scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


@pytest.mark.parametrize("space", ["fsaverage5", "volume"])
def test_page_carries_its_scripts_and_may_fetch_nothing(tmp_path: Path, space: str) -> None:
    folder = make_brain_run(tmp_path / "run", space=space)
    path = write_brain_page(folder)
    assert path == folder / "brain.html"
    assert path.stat().st_size < 4_000_000
    html = path.read_text(encoding="utf-8")
    tags = Tags(html).found
    assert not [tag for tag, _ in tags if tag in ("link", "iframe", "object", "embed", "base")]
    for tag, attributes in tags:
        for name in ("src", "href", "data", "action"):
            assert not re.match(r"(https?:)?//", attributes.get(name, "")), (tag, attributes)
    assert sum(tag == "script" for tag, _ in tags) >= 2
    policies = [row["content"] for tag, row in tags if row.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "http" not in policies[0]


def test_vertices_bear_the_colours_of_the_report(tmp_path: Path) -> None:
    html = write_brain_page(make_brain_run(tmp_path / "run")).read_text(encoding="utf-8")
    colours = re.findall(r'"(#[0-9a-f]{6})"', html[html.index('"vertexcolor') :])[:20_484]
    grey = sum(len(set(re.findall("..", colour[1:]))) == 1 for colour in colours)
    assert grey >= 20_484 - len(surface_arrays()["map_index"])


def test_pages_of_another_nilearn_are_left_as_they_are() -> None:
    assert _painted("<html>no map here</html>", np.zeros((3, 3))) == "<html>no map here</html>"


def test_names_stay_text(tmp_path: Path) -> None:
    arrays = {**surface_arrays(), "map_name": np.array(HOSTILE)}
    html = write_brain_page(make_brain_run(tmp_path / "run", arrays=arrays)).read_text(encoding="utf-8")
    assert "<script>alert" not in html


def test_a_run_without_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CounterpointError, match="no map of a brain"):
        write_brain_page(make_brain_run(tmp_path / "run", space=""))


def test_a_report_elsewhere_has_its_brain_beside_it(tmp_path: Path) -> None:
    folder = make_brain_run(tmp_path / "run", arrays=surface_arrays())
    for name in ("evaluation.json", "metrics.jsonl"):
        (folder / name).unlink()
    page = build(folder, tmp_path / "mine.html")
    assert (tmp_path / "mine-brain.html").exists()
    assert 'href="mine-brain.html"' in page.read_text(encoding="utf-8")
