"""The page: one file, nothing to fetch, every figure with its sentences."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.report.build import build
from counterpoint.report.figures import figures
from counterpoint.report.reading import read
from tests.report.conftest import embeddings, make_run
from tests.report.page import Page, page_of


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its report, for tests that only look."""
    folder = make_run(tmp_path_factory.mktemp("built") / "simclr" / "default-0001")
    build(folder)
    return folder


def test_complete_run_gives_one_small_page_that_fetches_nothing(built: Path) -> None:
    path = built / "report.html"
    html = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 3_000_000
    page = page_of(path)
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "data", "srcset", "poster", "action"):
            assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value[:80])
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not re.search(r"@import|url\((?!#)", html)
    assert "default-src 'none'" in html


def test_every_figure_is_there_with_its_four_sentences_and_its_own_file(built: Path) -> None:
    page = page_of(built / "report.html")
    text = " ".join(page.text)
    run = read(built)
    slugs = [module.__name__.rpartition(".")[2] for module in figures() if module.draw(run) is not None]
    assert len(slugs) >= 10
    for slug in slugs:
        assert f"figure-{slug}" in page.ids()
        svg = (built / "figures" / f"{slug}.svg").read_text(encoding="utf-8")
        ElementTree.fromstring(svg)
        assert "var(--" not in svg
    for word in ("Shown", "Better", "Worse", "What to do"):
        assert sum(part.strip() == word for part in page.text) == len(slugs)
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("div", "aria-label")]
    assert len(labels) == len(slugs)
    assert all(len(label) > 40 for label in labels)
    assert "seed 0" in text
    assert "10,000" in text


def test_ids_are_unique_and_every_inner_link_has_its_target(built: Path) -> None:
    page = page_of(built / "report.html")
    ids = page.ids()
    assert len(ids) == len(set(ids))
    html = (built / "report.html").read_text(encoding="utf-8")
    targets = [value[1:] for _, name, value in page.attributes if name in ("href", "xlink:href") and value[0] == "#"]
    targets += re.findall(r"url\(#([^)]+)\)", html)
    assert len(targets) > 20
    assert set(targets) <= set(ids)


def test_headline_names_result_and_baseline(built: Path) -> None:
    text = " ".join(page_of(built / "report.html").text)
    assert "reaches 88.3 % (linear probe), 1.5 points above the best baseline, raw pixels (86.8 %)" in text


def test_headline_says_so_when_a_baseline_wins(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", lift=-0.05)
    text = " ".join(page_of(build(folder)).text)
    assert "3.5 points BELOW the best baseline" in text


def test_headline_says_when_intervals_overlap(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", lift=-0.005)
    assert "1.0 points above the best baseline (their intervals overlap)" in " ".join(page_of(build(folder)).text)


def test_headline_calls_a_difference_inside_the_interval_no_clear_difference(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", lift=-0.014)
    assert "no clear difference (+0.1 points)" in " ".join(page_of(build(folder)).text)


def test_page_is_the_same_twice(built: Path) -> None:
    first = (built / "report.html").read_bytes()
    assert build(built).read_bytes() == first


def test_styles_for_dark_narrow_and_print_are_there(built: Path) -> None:
    html = (built / "report.html").read_text(encoding="utf-8")
    for rule in ("prefers-color-scheme: dark", "max-width: 480px", "@media print", "width=device-width"):
        assert rule in html
    page = Page(html)
    inside, depth = [], 0
    for tag, name, value in page.attributes:
        if (tag, name, value) == ("div", "class", "scroll"):
            depth += 1
        inside.append((tag, depth))
    assert sum(tag == "table" for tag in page.tags) <= depth  # every table has a box that scrolls
    assert re.search(r"\.scroll \{[^}]*overflow-x: auto", html)
    svgs = re.findall(r'<svg [^>]*viewBox="0 0 [^>]*>', html)
    assert svgs
    assert not any(re.search(r'\s(width|height)="\d', svg) for svg in svgs)


def test_colours_of_figures_follow_the_page(built: Path) -> None:
    html = (built / "report.html").read_text(encoding="utf-8")
    figure = html[html.index('id="figure-scores"') : html.index("</figure>")]
    assert "var(--s1)" in figure
    assert "var(--ink)" in figure
    assert not set(re.findall(r"#[0-9a-f]{6}", figure)) - {"#000000", "#ffffff"}


def test_worst_case_pictures_stay_below_the_limit(tmp_path: Path) -> None:
    arrays = embeddings(side=96, channels=3, classes=40, n=500)
    rng = np.random.default_rng(0)
    for key in ("thumbnail", "bank_thumbnail"):
        arrays[key] = rng.integers(0, 256, arrays[key].shape, dtype=np.uint8)
    arrays["views"] = rng.random((8, 8, 3, 96, 96)).astype(np.float32)
    folder = make_run(tmp_path / "run", arrays=arrays)
    assert build(folder).stat().st_size < 3_000_000


def test_figures_of_an_earlier_state_are_removed(run_folder: Path) -> None:
    build(run_folder)
    (run_folder / "embeddings.npz").unlink()
    build(run_folder)
    assert not (run_folder / "figures" / "map.svg").exists()


def test_out_may_be_a_folder_or_a_file(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (run_folder / "embeddings.npz").unlink()
    assert build(run_folder, tmp_path / "there") == tmp_path / "there" / "report.html"
    assert build(run_folder, tmp_path / "mine.html") == tmp_path / "mine.html"
    assert (tmp_path / "mine-figures" / "scores.svg").exists()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CounterpointError, match=r"no run\.json"):
        build(tmp_path)
    with pytest.raises(CounterpointError, match="No run"):
        build([])
    (tmp_path / "run.json").write_text("[1]")
    with pytest.raises(CounterpointError, match="no JSON object"):
        build(tmp_path)


def test_latest_as_a_text_file_is_followed(run_folder: Path) -> None:
    latest = run_folder.parent / "latest"
    latest.write_text(run_folder.name + "\n")
    assert build(latest) == run_folder / "report.html"


def test_warnings_are_listed_once_and_those_about_code_left_out(built: Path) -> None:
    assert read(built).warnings() == ["kNN of the head was measured on a subsample.", "UserWarning: x"]
