"""The page: one file, nothing to fetch, everything escaped, whatever the run folder holds."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.report.build import build
from counterpoint.report.figures import figures
from counterpoint.report.reading import read
from tests.report.conftest import CLASSES, embeddings, evaluation, make_run

VOID = {"meta", "br", "img", "link", "hr", "input", "col"}
HOSTILE = '<script>alert("1")</script>&$\\frac{'


class Page(HTMLParser):
    """Reads a page, checks that tags are balanced, and keeps attributes, ids and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data.replace("\u00a0", " "))

    def ids(self) -> list[str]:
        return [value for _, name, value in self.attributes if name == "id"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its report, for tests that only look."""
    folder = make_run(tmp_path_factory.mktemp("built") / "simclr" / "default-0001")
    build(folder)
    return folder


def page_of(path: Path) -> Page:
    """The parsed page."""
    return Page(path.read_text(encoding="utf-8"))


def rewrite(path: Path, **changes: object) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


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
    slugs = [module.__name__.rpartition(".")[2] for module in figures()]
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
