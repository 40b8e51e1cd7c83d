"""The evaluation of a decoder as a whole: what is scored beside what, and files that anything can read."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json
from counterpoint.train.console import Output
from counterpoint.train.decoding.evaluation import METRICS, evaluate_decoder
from counterpoint.train.decoding.imagery import false_positives, imagery_rows
from counterpoint.train.decoding.predictions import fit_ridge
from counterpoint.train.modalities import brain as modality
from counterpoint.train.run import Run

from ..brain.by_hand import dataset, person
from .worlds import decoder, loaded, world

pytest.importorskip("himalaya")


def evaluated(here: Any, folder: Any, name: str = "ridge", **options: Any) -> dict[str, Any]:
    """A decoder of that world, scored into a folder."""
    learner = decoder(here, name)
    return evaluate_decoder(learner, modality.build(loaded(here, name)), here, Run(folder), Output(quiet=True),
                            **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, dict[str, Any]]:
    """Two people, everything but a learning curve of the decoder."""
    folder = tmp_path_factory.mktemp("evaluated")
    here = world(person("ann", train=range(60)), person("bob", train=range(40, 90), voxels=20))
    return here, folder, evaluated(here, folder, "mindeye")


def of(result: dict[str, Any], metric: str, model: str) -> dict[str, Any]:
    (found,) = [row for row in result["scores"] if (row["metric"], row["model"]) == (metric, model)]
    return dict(found)


def test_the_file_says_what_was_returned(whole: Any):
    _, folder, result = whole
    stored = read_json(folder / "evaluation.json")
    assert stored == json.loads(json.dumps(stored, allow_nan=False))
    plain = json.loads(json.dumps(result, default=str).replace("NaN", "null"))
    assert stored == plain


def test_ridge_untrained_and_chance_stand_beside_every_score(whole: Any):
    _, _, result = whole
    for metric in ("brain_to_image_top1", "image_to_brain_top1", "two_way"):
        models = {row["model"] for row in result["scores"] if row["metric"] == metric}
        assert {"decoder", "backbone", "prior", "ridge", "untrained", "chance"} == models
    pairs = [(row["metric"], row["model"]) for row in result["scores"]]
    assert len(set(pairs)) == len(pairs)
    for row in result["scores"]:
        assert row["protocol"]
        assert row["n"] > 0
        assert row["split"] == "test"
    assert of(result, "brain_to_image_top1", "chance")["value"] == pytest.approx(1 / 24)
    assert of(result, "permutation_p", "ridge")["value"] < 0.01
    assert of(result, "category_accuracy", "ridge")["value"] > 0.8


def test_tables_are_of_everybody_and_of_the_first(whole: Any):
    _, _, result = whole
    found = result["tables"]
    assert [(row["name"], row["voxels"], row["train"], row["test"]) for row in found["subjects"]] == [
        ("hand ann", 30, 60, 24), ("hand bob", 20, 50, 24)]
    mean = np.mean([row["ridge"] for row in found["subjects"]])
    assert mean == pytest.approx(of(result, "brain_to_image_top1", "ridge")["value"])
    assert {row["name"] for row in found["networks"]} == {"Visual", "Default", "Limbic", "Control"}
    assert {row["name"] for row in found["rois"]} == {"early", "late"}
    assert [row["repeats"] for row in found["repeats"]] == [1, 2, 3]
    assert found["learning"][-1]["ridge"] == pytest.approx(found["subjects"][0]["ridge"])
    assert result["spectrum"]["target"] == sorted(result["spectrum"]["target"], reverse=True)
    assert sum(result["spectrum"]["target"]) == pytest.approx(1)
    assert result["data"]["train"] == 110


def test_arrays_are_read_without_pickle(whole: Any):
    _, folder, _ = whole
    with np.load(folder / "brain.npz", allow_pickle=False) as stored:
        found = {key: stored[key] for key in stored}
    assert all(value.dtype != object for value in found.values())
    assert found["map_values"].shape == (30,)
    assert found["map_values"].dtype == np.float32
    assert str(found["space"]) == "volume"
    np.testing.assert_array_equal(found["map_index"], np.arange(30))
    assert found["confusion"].shape == (3, 3)
    assert found["confusion"].sum() == 24
    assert found["class_names"].tolist() == ["animal", "tool", "house"]
    assert found["seen"].shape == found["retrieved"].shape == (9, 3, 64, 64)
    assert found["example_kind"].tolist() == ["best"] * 3 + ["median"] * 3 + ["worst"] * 3
    assert np.all(np.diff(found["example_rank"]) >= 0)
    assert len(found["example_caption"]) == 9
    assert "reconstructed" not in found


def test_a_picture_that_is_ranked_first_was_retrieved(tmp_path: Any):
    evaluated(world(), tmp_path, metrics=("pictures",))
    with np.load(tmp_path / "brain.npz", allow_pickle=False) as found:
        first = found["example_rank"] == 1
        assert first.any()
        for place, hit in enumerate(first):
            assert np.array_equal(found["seen"][place], found["retrieved"][place]) == hit


def test_only_what_is_asked_for(tmp_path: Any):
    result = evaluated(world(), tmp_path, metrics=("retrieval",))
    assert set(result["tables"]) == {"subjects"}
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation.json"]
    with pytest.raises(CounterpointError, match="Did you mean networks"):
        evaluated(world(), tmp_path, metrics=("network",))
    assert "retrieval" in METRICS


def test_other_data_leave_the_files_of_the_run_alone(tmp_path: Any):
    here = world()
    evaluate_decoder(decoder(here), decoder(here), here, Run(tmp_path), Output(quiet=True), metrics=("map",),
                     name="evaluation-other.json")
    assert {path.name for path in tmp_path.iterdir()} == {"evaluation-other.json", "brain-other.npz"}


def test_data_without_pictures_labels_networks_and_places_are_scored(tmp_path: Any):
    data = dataset()
    bare = dataclasses.replace(data.stimuli, images=None, labels=None, class_names=[])
    one = dataclasses.replace(data, stimuli=bare, networks=None, network_names={}, rois={}, space=type(data.space)())
    result = evaluated(world(Subject(one)), tmp_path)
    assert set(result["tables"]) == {"subjects", "repeats", "learning"}
    assert not any(row["metric"] == "category_accuracy" for row in result["scores"])
    with np.load(tmp_path / "brain.npz", allow_pickle=False) as found:
        assert "map_values" in found
        assert "map_index" not in found
        assert str(found["space"]) == "none"


# ---- imagery -----------------------------------------------------


def imagined(noise: float, seed: int = 0) -> Subject:
    """Somebody who also imagined thirty pictures, with this noise."""
    data = dataset(train=range(200, 280), test=range(100, 154), seed=seed)
    split = np.where(data.stimulus_id >= 124, np.where(data.split == "test", "imagery", data.split), data.split)
    responses = data.responses.copy()
    rows = np.flatnonzero(split == "imagery")
    responses[rows] += noise * np.random.default_rng(seed).normal(size=(len(rows), 30)).astype(np.float32)
    return Subject(dataclasses.replace(data, split=split, responses=responses))


def test_imagery_carries_over_where_it_is_the_same_and_not_where_it_is_noise(tmp_path: Any):
    p_values = {}
    for noise in (0.0, 1000.0):
        here = world(imagined(noise))
        rows = imagery_rows(decoder(here), here, 0, fit_ridge(here, 0))
        assert all(row["metric"].startswith("imagery_") and row["split"] == "imagery" for row in rows)
        found = {(row["metric"], row["model"]): row["value"] for row in rows}
        p_values[noise] = found["imagery_p", "decoder"]
        assert found["imagery_brain_to_image_top1", "chance"] == pytest.approx(1 / 30)
        assert ("imagery_brain_to_image_top1", "ridge") in found
        assert found["imagery_false_positives", "decoder"] <= 0.15
    assert p_values[0.0] < 0.001
    assert p_values[1000.0] > 0.01
    metrics = {row["metric"] for row in evaluated(world(imagined(0.0)), tmp_path, metrics=("retrieval",))["scores"]}
    assert {"imagery_p", "imagery_brain_to_image_top1"} <= metrics


def test_shuffled_matches_are_significant_as_often_as_the_level_says():
    similarity = np.random.default_rng(0).normal(size=(25, 25)) + 3 * np.eye(25)
    assert false_positives(similarity, seed=1) <= 0.12
    assert false_positives(similarity, seed=1) == false_positives(similarity, seed=1)
