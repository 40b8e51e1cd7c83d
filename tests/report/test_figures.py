"""Figures: what they compute, and that they refuse what they cannot draw."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from counterpoint.report.figures import figures, map, neighbours, path, similarity, spectrum, views
from counterpoint.report.figures.confusion import order_by_confusion
from counterpoint.report.grid import as_rgb, mosaic, shrink
from counterpoint.report.reading import read
from counterpoint.report.run import Run


def with_arrays(run: Run, **arrays: np.ndarray) -> Run:
    return dataclasses.replace(run, arrays={**run.arrays, **arrays})


def test_every_figure_file_is_found_and_offers_its_parts() -> None:
    folder = Path(map.__file__).parent
    assert len(figures()) == len([name for name in folder.glob("*.py") if name.stem != "__init__"])
    orders = [module.ORDER for module in figures()]
    assert orders == sorted(set(orders))
    assert all(isinstance(module.SECTION, str) and callable(module.draw) for module in figures())


def test_all_figures_are_none_for_an_empty_run(bare_folder: Path) -> None:
    run = read(bare_folder)
    assert [module.draw(run) for module in figures()] == [None] * len(figures())
    assert all(module.compare([run]) is None for module in figures() if hasattr(module, "compare"))


def test_neighbour_hits_and_misses_are_counted(run_folder: Path) -> None:
    run = read(run_folder)
    labels, bank = run.arrays["label"], run.arrays["bank_label"]
    hits = sum(
        labels[q] == bank[row]
        for q, rows in zip(run.arrays["query"], run.arrays["neighbour"], strict=True)
        for row in rows
    )
    panel = neighbours.draw(run)
    assert panel is not None
    assert f"{hits} of 96 neighbours" in panel.here


def test_marks_repeat_in_shape_what_colour_says(run_folder: Path) -> None:
    run = read(run_folder)
    panel = neighbours.draw(run)
    assert panel is not None
    patches = panel.figure.axes[0].patches
    styles = {(patch.get_edgecolor(), patch.get_linestyle()) for patch in patches}
    assert len(patches) == 96
    assert len(styles) == 2
    assert len({style for _, style in styles}) == 2


def test_neighbours_out_of_range_are_not_drawn(run_folder: Path) -> None:
    run = read(run_folder)
    assert neighbours.draw(with_arrays(run, neighbour=run.arrays["neighbour"] + 500)) is None
    assert neighbours.draw(with_arrays(run, neighbour=-1 - run.arrays["neighbour"])) is None


def test_plane_is_that_of_a_full_principal_component_analysis() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 7)) @ rng.normal(size=(7, 7))
    points, share = map.plane(features)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(np.cov(unit.T))
    assert share == pytest.approx(values[::-1][:2] / values.sum())
    expected = (unit - unit.mean(axis=0)) @ vectors[:, ::-1][:, :2]
    assert np.abs(points) == pytest.approx(np.abs(expected))


def test_constant_and_broken_embeddings_do_not_break_the_map(run_folder: Path) -> None:
    run = read(run_folder)
    constant = np.ones_like(run.arrays["embedding"])
    assert map.draw(with_arrays(run, embedding=constant)) is not None
    broken = run.arrays["embedding"].copy()
    broken[:1990] = np.nan
    panel = map.draw(with_arrays(run, embedding=broken))
    assert panel is not None
    assert panel.here.startswith("10 test pictures")
    assert map.draw(with_arrays(run, embedding=np.full_like(broken, np.nan))) is None


def test_confused_classes_stand_side_by_side() -> None:
    shares = np.eye(6)
    shares[1, 4] = shares[4, 1] = 0.4
    shares[1, 1] = shares[4, 4] = 0.6
    shares[0, 5], shares[0, 0] = 0.2, 0.8
    order = order_by_confusion(shares).tolist()
    assert sorted(order) == list(range(6))
    assert set(order[:2]) == {1, 4}
    assert abs(order.index(0) - order.index(5)) == 1


def test_similarity_means_agree_with_a_loop(run_folder: Path) -> None:
    run = read(run_folder)
    small = with_arrays(run, embedding=run.arrays["embedding"][:40], label=run.arrays["label"][:40])
    z = small.arrays["embedding"] / np.linalg.norm(small.arrays["embedding"], axis=1, keepdims=True)
    label = small.arrays["label"]
    same = [float(z[i] @ z[j]) for i in range(40) for j in range(i) if label[i] == label[j]]
    panel = similarity.draw(small)
    assert panel is not None
    assert float(panel.here.split("same class ")[1].split(",")[0]) == pytest.approx(np.mean(same), abs=0.015)


def test_recorded_similarities_come_before_those_of_classes(run_folder: Path) -> None:
    run = read(run_folder)
    run.evaluation["similarity"] = {"edges": [0.0, 0.5, 1.0], "positive": [0, 4], "negative": [3, 1]}
    panel = similarity.draw(run)
    assert panel is not None
    assert "two views 0.75, other pictures 0.38" in panel.here


def test_spectrum_copes_with_zeros_and_nothing(run_folder: Path) -> None:
    run = read(run_folder)
    run.evaluation["spectrum"] = {"encoder": [0.0, 2.0, None, 1.0], "untrained": [0.0, 0.0], "head": []}
    panel = spectrum.draw(run)
    assert panel is not None
    drawn = panel.figure.axes[0].lines
    assert len(drawn) == 1
    assert drawn[0].get_ydata() == pytest.approx([1.0, 0.5, spectrum.FLOOR])


def test_path_of_a_single_epoch_is_one_named_dot(run_folder: Path) -> None:
    run = dataclasses.replace(read(run_folder), epochs=[{"epoch": 1, "alignment": 0.5, "uniformity": -1.0}])
    panel = path.draw(run)
    assert panel is not None
    assert [text.get_text() for text in panel.figure.axes[0].texts].count("epoch 1") == 1


@pytest.mark.parametrize(("channels", "dtype"), [(1, "uint8"), (3, "uint8"), (4, "float32"), (2, "float32")])
def test_pictures_of_any_depth_become_rgb(channels: int, dtype: str) -> None:
    images = np.full((2, channels, 5, 6), 1, dtype=dtype)
    rgb = as_rgb(images)
    assert rgb.shape == (2, 5, 6, 3)
    assert rgb.dtype == np.uint8
    assert (rgb == (1 if dtype == "uint8" else 255)).all()


def test_shrink_is_the_mean_of_blocks() -> None:
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    small = shrink(image, 4)
    assert small.shape == (2, 3, 3)
    assert small[1, 2] == pytest.approx(image[3:6, 6:9].reshape(9, 3).mean(axis=0), abs=0.51)


def test_mosaic_places_rows_and_columns() -> None:
    images = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1).repeat(4, axis=3).repeat(4, axis=4)
    board = mosaic(images, largest=8, gap=2)
    assert board.shape == (12, 18, 4)
    assert [[int(board[6 * r + 3, 6 * c + 3, 0]) for c in range(3)] for r in range(2)] == [
        [0, 1, 2],
        [3, 4, 5],
    ]
    assert board[0, 0, 3] == 0


def test_row_of_the_picture_itself_is_named(run_folder: Path) -> None:
    run = read(run_folder)
    panel = views.draw(run)
    assert panel is not None
    assert [label.get_text() for label in panel.figure.axes[0].get_yticklabels()] == ["picture", "view 1", "view 2"]
    panel = views.draw(with_arrays(run, views=run.arrays["views"][:, 1:]))
    assert panel is not None
    assert [label.get_text() for label in panel.figure.axes[0].get_yticklabels()] == ["view 1", "view 2"]


def test_unknown_labels_are_no_hits(run_folder: Path) -> None:
    run = read(run_folder)
    unknown = with_arrays(run, label=np.full(2000, -1), bank_label=np.full(500, -1))
    panel = neighbours.draw(unknown)
    assert panel is not None
    assert panel.here.startswith("0 of 96")
