"""Leave one run out: no fold sees its own run, and the real slice reaches its reference."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterpoint.base.recipe import Recipe
from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import BrainDataset, Stimuli
from counterpoint.data.haxby_fake import fake_haxby
from counterpoint.recipes._haxby import haxby
from counterpoint.report.build import build
from counterpoint.train.decoding.folds import leave_one_out, summary
from counterpoint.train.decoding.folds_data import Grouped, open_grouped
from counterpoint.train.decoding.folds_models import categories, left_out
from counterpoint.train.run import Run

SHARED = Path(os.environ.get("COUNTERPOINT_SHARED", Path(__file__).resolve().parents[3] / "shared"))
SLICE = SHARED / "data" / "haxby2001_slice"
real = pytest.mark.skipif(not SLICE.is_dir(), reason="the slice of Haxby 2001 is not beside the repository")
REFERENCE = 0.61  # by volume, as the slice's own description gives it


def recipe_for(folder: Path, **data: Any) -> Recipe:
    """The Haxby recipe, small."""
    found = haxby(f"haxby:{folder}")
    return dataclasses.replace(
        found, name="mindeye", variant="haxby", epochs=6, data=dataclasses.replace(found.data, batch_size=16, **data),
        encoder=dataclasses.replace(found.encoder, hidden=64), views=dataclasses.replace(found.views, text="hash"),
        method={**found.method, "hidden": 32})


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("haxby")
    fake_haxby(folder, seed=1)
    return folder


@pytest.fixture(scope="module")
def finished(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return leave_one_out(recipe_for(tree), out=tmp_path_factory.mktemp("runs") / "folds", permutations=199, quiet=True)


@pytest.fixture(scope="module")
def evaluation(finished: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((finished.path / "evaluation.json").read_text())
    return found


def rows_of(evaluation: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["metric"], row["model"]): row for row in evaluation["scores"]}


def test_every_model_by_trial_and_by_block(evaluation: dict[str, Any]) -> None:
    rows = rows_of(evaluation)
    models = {"decoder", "ridge", "logistic", "untrained", "chance"}
    assert set(rows) == {(metric, model) for metric in ("category_accuracy", "block_accuracy") for model in models}
    assert rows["category_accuracy", "decoder"]["n"] == 72
    assert rows["block_accuracy", "decoder"]["n"] == 24
    assert rows["category_accuracy", "chance"]["value"] == rows["block_accuracy", "chance"]["value"] == 0.125
    assert rows["category_accuracy", "decoder"]["value"] > 0.5 > rows["category_accuracy", "untrained"]["value"]
    assert rows["category_accuracy", "decoder"]["p"] == 1 / 200
    assert rows["category_accuracy", "untrained"]["p"] > 0.02
    assert "not: 0." in rows["category_accuracy", "decoder"]["protocol"]
    assert len(summary(evaluation)) == 5


def test_tables_add_up_to_the_scores(evaluation: dict[str, Any]) -> None:
    rows, folds = rows_of(evaluation), evaluation["tables"]["folds"]
    assert [(row["name"], row["trials"], row["blocks"]) for row in folds] == [(f"run {k}", 24, 8) for k in range(3)]
    for model in ("decoder", "ridge", "logistic", "untrained"):
        assert np.mean([row[model] for row in folds]) == pytest.approx(rows["category_accuracy", model]["value"])
        assert np.mean([row[f"{model}_blocks"] for row in folds]) == pytest.approx(
            rows["block_accuracy", model]["value"])
    for row in evaluation["tables"]["differences"]:
        own, other = rows[row["metric"], "decoder"], rows[row["metric"], row["against"]]
        assert row["value"] == pytest.approx(own["value"] - other["value"])
        assert row["low"] <= row["value"] <= row["high"]


def test_arrays_and_report(finished: Run, evaluation: dict[str, Any]) -> None:
    with np.load(finished.path / "brain.npz", allow_pickle=False) as arrays:
        found = dict(arrays)
    assert found["confusion"].sum() == 72
    assert found["confusion"].trace() / 72 == rows_of(evaluation)["category_accuracy", "decoder"]["value"]
    np.testing.assert_array_equal(np.sort(found["trial"]), np.arange(72))
    assert found["class_names"].tolist()[:2] == ["bottle", "cat"]
    assert str(found["space"]) == "volume"
    assert found["map_values"].shape == found["map_index"].shape
    assert finished.status()["status"] == "done"
    assert "category accuracy" in build(finished.path).read_text(encoding="utf-8")


def test_a_fold_does_not_depend_on_labels_of_its_own_run(tree: Path, tmp_path: Path) -> None:
    for name in ("bold.nii.gz", "mask.nii.gz"):
        (tmp_path / name).write_bytes((tree / name).read_bytes())
    swapped = {"face": "house", "house": "face", "cat": "shoe", "shoe": "cat"}
    lines = [line.split("\t") for line in (tree / "labels.tsv").read_text().splitlines()]
    (tmp_path / "labels.tsv").write_text("".join(
        "\t".join([volume, swapped.get(name, name) if run == "1" else name, run]) + "\n"
        for volume, name, run in lines))
    guessed = []
    for folder in (tree, tmp_path):
        recipe = recipe_for(folder)
        fold = left_out(open_grouped(recipe, "run"), recipe, 1)
        order = np.argsort(fold.rows)
        guessed.append({model: fold.trials[model][order] for model in fold.trials})
        assert fold.rows.tolist() == list(range(24, 48))
    for model, values in guessed[0].items():
        np.testing.assert_array_equal(values, guessed[1][model])


def test_what_trains_is_neither_left_out_nor_what_centres_it(tree: Path) -> None:
    recipe = recipe_for(tree)
    grouped = open_grouped(recipe, "run")
    world = grouped.world(recipe, frozenset([0, 2]))
    assert world.train[0].tolist() == list(range(8, 16))
    assert world.test[0].tolist() == [*range(8), *range(16, 24)]
    assert set(grouped.group[world.people[0].rows("train")].tolist()) == {1}
    raw = world.targets.raw(world.targets.picture)
    np.testing.assert_allclose(raw[8:16].mean(0), world.targets.mean, atol=1e-6)
    classes, centres = categories(world)
    assert classes.tolist() == list(range(8))
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, rtol=1e-5)


def test_each_run_is_standardised_by_itself(tree: Path) -> None:
    recipe = recipe_for(tree)
    world = open_grouped(recipe, "run").world(recipe, frozenset([2]))
    for run in range(3):
        x = world.people[0].read(np.flatnonzero(world.people[0].data.run == run))
        np.testing.assert_allclose(x.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(x.std(0), 1, atol=1e-4)


def test_ids_of_categories_are_told_apart_by_run(tree: Path) -> None:
    by_run, by_category = (open_grouped(recipe_for(tree, options=options), "run")
                           for options in ({"ids": "run"}, {"ids": "category"}))
    np.testing.assert_array_equal(by_run.person.data.stimulus_id, by_category.person.data.stimulus_id)
    np.testing.assert_array_equal(by_run.label, by_category.label)
    assert by_category.person.data.captions([0, 14]) == [["bottle"], ["scrambled picture"]]


def test_a_subject_of_haxby_has_no_picture_in_both_parts(tree: Path) -> None:
    person = Subject.from_haxby(tree, 1)
    assert person.stimuli("train").tolist() == list(range(16))
    assert person.stimuli("test").tolist() == list(range(16, 24))
    person.check()


def by_hand(ids: list[int], run: list[int], *, labels: list[int] | None, session: list[int] | None = None,
            pictures: bool = True) -> Subject:
    """Four voxels; stimuli 0.. with pictures."""
    count = max(ids) + 1
    stimuli = Stimuli(np.arange(count), images=np.zeros((count, 3, 4, 4), np.uint8) if pictures else None,
                      labels=None if labels is None else np.array(labels), class_names=["a", "b"],
                      captions=[[f"word {k}"] for k in range(count)])
    x = np.random.default_rng(0).normal(size=(len(ids), 4)).astype(np.float32)
    return Subject(BrainDataset("hand", "one", x, np.array(ids), run=np.array(run), stimuli=stimuli,
                                session=None if session is None else np.array(session)))  # type: ignore[arg-type]


def test_a_picture_of_the_left_out_run_does_not_train_elsewhere(tree: Path) -> None:
    person = by_hand([0, 1, 2, 0, 3, 4], [0, 0, 0, 1, 1, 1], labels=[0, 1, 0, 1, 0])
    grouped = Grouped(person, person.data.run, {0: "run 0", 1: "run 1"}, np.array([0, 1, 0, 0, 1, 0]),
                      np.array([True] * 5 + [False]))
    world = grouped.world(recipe_for(tree), frozenset([0]))
    assert world.train[0].tolist() == [3]  # 0 is shown in run 0 too, 4 is not usable
    assert world.test[0].tolist() == [0, 1, 2]
    assert world.people[0].data.split.tolist() == ["test"] * 3 + ["apart", "train", "apart"]
    with pytest.raises(CounterpointError, match="no picture is left"):
        grouped.world(recipe_for(tree), frozenset([0, 1]))


def test_runs_of_different_sessions_are_different(monkeypatch: pytest.MonkeyPatch, tree: Path) -> None:
    person = by_hand([0, 1, 2, 3], [1, 2, 1, 2], labels=[0, 1, 0, 1], session=[1, 1, 2, 2])
    recipe = recipe_for(tree)
    monkeypatch.setattr("counterpoint.brain.people.load_people", lambda data, seed: [person])
    assert open_grouped(recipe, "run").names == {0: "session 1, run 1", 1: "session 1, run 2", 2: "session 2, run 1",
                                                 3: "session 2, run 2"}
    with pytest.raises(CounterpointError, match="2 sessions"):
        open_grouped(recipe, "session")


@pytest.mark.parametrize(("labels", "message"), [(None, "without categories"), ([0, 0, 0, 0], "without categories"),
                                                 ([0, 1, -1, -1], "2 runs with categories")])
def test_refuses_what_has_no_folds(monkeypatch: pytest.MonkeyPatch, tree: Path, labels: list[int] | None,
                                   message: str) -> None:
    person = by_hand([0, 1, 2, 3], [0, 1, 2, 2], labels=labels)
    monkeypatch.setattr("counterpoint.brain.people.load_people", lambda data, seed: [person])
    with pytest.raises(CounterpointError, match=message):
        leave_one_out(recipe_for(tree))


def test_refuses_before_it_writes(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "none"
    with pytest.raises(CounterpointError, match="group of trials"):
        leave_one_out(recipe_for(tree), group="week", out=out)  # type: ignore[arg-type]
    with pytest.raises(CounterpointError, match="setting of mindeye"):
        leave_one_out(recipe_for(tree), out=out, choices=[{"method.warmth": 1}])
    with pytest.raises(CounterpointError, match="no brain decoder"):
        leave_one_out("simclr.tiny", out=out)
    with pytest.raises(CounterpointError, match="fewer than a batch"):
        leave_one_out(recipe_for(tree), out=out, changes={"data.batch_size": 64})
    assert not out.exists()


def test_folds_choose_among_settings_without_their_run(tree: Path, tmp_path: Path) -> None:
    run = leave_one_out(recipe_for(tree), out=tmp_path / "run", quiet=True, permutations=19,
                        choices=[{"optimizer.learning_rate": 1e-9}, {"optimizer.learning_rate": 3e-3}])
    table = json.loads((run.path / "evaluation.json").read_text())["tables"]["choices"]
    assert [row["chosen"] for row in table] == [{"optimizer.learning_rate": 3e-3}] * 3
    assert all(row["inner"][1] > row["inner"][0] for row in table)


# ---- the real slice ----------------------------------------------------------------------------------------------


@real
@pytest.mark.slow
def test_the_real_slice_reaches_logistic_regression(tmp_path: Path) -> None:
    recipe = dataclasses.replace(haxby(f"haxby:{SLICE}"), name="mindeye", variant="haxby")
    run = leave_one_out(recipe, out=tmp_path / "run", quiet=True, permutations=999,
                        changes={"views.text": "hash"})  # no weights needed
    rows = rows_of(json.loads((run.path / "evaluation.json").read_text()))
    own, logistic = rows["category_accuracy", "decoder"], rows["category_accuracy", "logistic"]
    assert logistic["value"] == pytest.approx(REFERENCE, abs=0.01)
    assert own["high"] > REFERENCE
    assert own["value"] >= logistic["low"]
    assert own["value"] > 0.55
    assert own["p"] < 0.01
    assert rows["block_accuracy", "decoder"]["value"] > own["value"]
    assert rows["category_accuracy", "untrained"]["value"] < 0.25
