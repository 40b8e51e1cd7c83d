"""A finished decoding run in use: embed, predict, describe, evaluate again, report; and what is refused before."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import counterpoint as cp
from counterpoint.brain.subject import Subject
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json
from counterpoint.data.array_file_save import save_array_file
from counterpoint.encoders.targets import PictureTarget
from counterpoint.train.decoding import use
from counterpoint.train.decoding.predictions import predict
from counterpoint.train.decoding.world import load_world
from counterpoint.train.fit import fit
from counterpoint.train.modalities import brain as modality
from counterpoint.train.model import load
from counterpoint.train.run import Run
from counterpoint.verbs.brains import decode_describe, decode_fit, decode_predict, decode_report
from counterpoint.verbs.runs import evaluate_run

from ..brain.by_hand import dataset, person
from .conftest import small
from .worlds import decoder, openly, world


def flat(self: PictureTarget, images: np.ndarray, **_: Any) -> np.ndarray:
    """In place of the picture network: a linear map of the pixels, the same for every size."""
    shrunk = torch.nn.functional.interpolate(torch.from_numpy(images).float(), size=(8, 8), mode="area")
    mix = np.random.default_rng(0).normal(size=(192, 12))
    return (shrunk.flatten(1).numpy() / 255 @ mix).astype(np.float32)[:, None]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two simulated people, pictures seen by a linear map; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PictureTarget, "embed", flat)
        settings = small("mindeye", **{"data.subjects": ("1", "2"), "views.picture": "random", "views.text": "",
                                       "views.components": 8, "epochs": 1})
        yield fit("mindeye.tiny", out=tmp_path_factory.mktemp("runs") / "done", quiet=True, changes=settings,
                  metrics=("retrieval", "networks"))


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return {key: stored[key] for key in stored}


def test_predictions_are_those_of_the_loaded_model(run: Any, tmp_path: Path):
    found = arrays(decode_predict(run.path, out=tmp_path / "decoded.npz"))
    model = load(run.path)
    here = load_world(model.recipe)
    pred = predict(model.learner, here.people[0], here.test[0], seed=model.recipe.seed)["retrieval"][:, 0]
    unit = pred / np.linalg.norm(pred, axis=1, keepdims=True)
    np.testing.assert_array_equal(found["stimulus_id"], here.test[0])
    np.testing.assert_allclose(found["embedding"], unit, atol=1e-5)
    target = here.targets.picture[here.targets.rows(here.test[0]), 0]
    cosine = unit @ (target / np.linalg.norm(target, axis=1, keepdims=True)).T
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(found["nearest"], here.test[0][order])
    np.testing.assert_allclose(found["similarity"], np.take_along_axis(cosine, order, axis=1), atol=1e-5)
    ranks = [1 + sum(cosine[i] > cosine[i, i]) for i in range(len(cosine))]
    assert found["rank"].tolist() == ranks
    assert "all_similarity" not in found
    evaluation = read_json(run.path / "evaluation.json")
    tables = {row["name"]: row for row in evaluation["tables"]["subjects"]}
    assert tables["simulated subj01"]["top1"] == pytest.approx(np.mean(np.array(ranks) == 1))


def test_weights_in_the_folder_are_those_that_were_scored(run: Any):
    """The last checkpoint, the model folder and what load gives are one model."""
    stored = torch.load(run.last, weights_only=True)["state_dict"]
    loaded = load(run.path).learner.state_dict()
    assert stored.keys() == loaded.keys()
    assert all(torch.equal(stored[key], loaded[key]) for key in stored)
    assert {"target_mean", "target_scale", "target_rotation"} <= loaded.keys()


def test_a_model_folder_alone_is_enough(run: Any, tmp_path: Path):
    sent = tmp_path / "sent"
    shutil.copytree(run.path / "model", sent)
    a, b = (arrays(decode_predict(where, out=tmp_path / f"{number}.npz", subject="2"))
            for number, where in enumerate((run.path, sent)))
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[key], b[key]) for key in a)


def test_another_split_and_a_folder_of_pictures(run: Any, tmp_path: Path):
    from PIL import Image

    train = arrays(decode_predict(run.path, out=tmp_path / "train.npz", split="train"))
    assert len(train["stimulus_id"]) == 40
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(7):
        Image.fromarray(np.full((20, 20, 3), 30 * number, np.uint8)).save(pictures / f"{number}.png")
    found = arrays(decode_predict(run.path, out=tmp_path / "own.npz", gallery=str(pictures)))
    assert found["nearest"].max() < 7
    assert found["gallery_id"].tolist() == list(range(7))
    assert found["gallery_name"].tolist() == [f"{number}.png" for number in range(7)]
    assert "rank" not in found
    with pytest.raises(CounterpointError, match="holds no pictures"):
        decode_predict(run.path, out=tmp_path / "none.npz", gallery=str(tmp_path / "nowhere"))


@pytest.mark.parametrize(("changes", "words"), [
    ({"out": "decoded.npy"}, r"(?s)no .npz ending.*decoded.npz"),
    ({"split": "tst"}, "Did you mean test"),
    ({"run": "nowhere"}, "No run at nowhere"),
])
def test_what_cannot_be_predicted_is_refused(run: Any, changes: dict[str, Any], words: str, tmp_path: Path):
    given = {"run": run.path, "out": "decoded.npz", **changes}
    with pytest.raises(CounterpointError, match=words):
        decode_predict(given["run"], out=tmp_path / given["out"], split=given.get("split", "test"))
    assert not list(tmp_path.iterdir())


def test_strangers_and_other_voxels_are_refused(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "decoded.npz"
    with pytest.raises(CounterpointError, match=r"(?s)simulated subj03.*Did you mean"):
        decode_predict(run.path, subject="3", out=out)
    stranger = dataclasses.replace(dataset("zoe"), name="array")
    path = save_array_file(stranger, tmp_path / "zoe.npz")
    with pytest.raises(CounterpointError, match="person in this model"):
        decode_predict(run.path, data=f"array:{path}", out=out)
    openly(monkeypatch, Subject(dataclasses.replace(dataset("1", voxels=59), name="simulated", subject="subj01")))
    with pytest.raises(CounterpointError, match="simulated subj01 has 59 voxels, the model reads 60"):
        decode_predict(run.path, subject="subj01", out=out)
    assert not out.exists()


def test_a_run_on_pictures_does_not_decode_and_a_decoder_does_not_embed_pictures(finished: Path, run: Any,
                                                                               tmp_path: Path):
    with pytest.raises(CounterpointError, match="simclr is no brain decoder"):
        decode_predict(finished, out=tmp_path / "decoded.npz")
    with pytest.raises(CounterpointError, match="mindeye decodes brains"):
        cp.embed(run.path, data="digits", out=tmp_path / "z.npz")
    with pytest.raises(CounterpointError, match="simclr is a system for image"):
        decode_fit("simclr")
    with pytest.raises(CounterpointError, match="No system called"):
        decode_fit("mindeyee")


@pytest.mark.parametrize(("changes", "words"), [
    ({"data.batch_size": 64}, r"has 40 training samples, fewer than a batch of 64"),
    ({"data.subjects": ("1", "1")}, "names somebody twice"),
    ({"views.text": "", "views.picture": ""}, "neither a picture nor a text network"),
    ({"method.prior_wieght": 1.0}, "Did you mean prior_weight"),
    ({"data.rois": ("V11",)}, "V11"),
    ({"data.source": "nowhere/at/all"}, "does not exist"),
])
def test_what_cannot_work_is_refused_before_a_folder_is_made(changes: dict[str, Any], words: str, tmp_path: Path):
    with pytest.raises(CounterpointError, match=words):
        decode_fit("mindeye.tiny", out=tmp_path / "run", quiet=True, **{**small("mindeye"), **changes})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("system", "views", "words"), [
    ("mindeye", {"views.picture": "random", "views.text": ""}, "came without pictures"),
    ("mindeye", {}, "came without captions"),
    ("wave", {}, "encoder is mlp"),
    ("ridge", {"encoder.name": "mlp"}, "encoder is mlp"),
])
def test_data_that_lack_what_a_recipe_asks_for(system: str, views: dict[str, Any], words: str, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch):
    data = dataset()
    if "came" in words:
        data = dataclasses.replace(data, stimuli=dataclasses.replace(data.stimuli, images=None, captions=None))
    openly(monkeypatch, Subject(data))
    settings = small(system, **{"data.source": "hand", "data.subjects": (), **views})
    settings |= {"encoder.name": "mlp"} if system == "wave" else {}
    with pytest.raises(CounterpointError, match=words):
        decode_fit(f"{system}.tiny", out=tmp_path / "run", quiet=True, **settings)


def test_captions_stand_in_for_pictures_in_prediction_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A decoder whose targets are captions chooses among captions."""
    openly(monkeypatch, person())
    run = decode_fit("ridge.tiny", out=tmp_path / "run", quiet=True, **small(
        "ridge", **{"data.source": "hand", "data.subjects": (), "views.components": 8, "epochs": 0}))
    found = arrays(decode_predict(run.path, out=tmp_path / "decoded.npz"))
    top1 = read_json(run.path / "evaluation.json")["tables"]["subjects"][0]["top1"]
    assert np.mean(found["rank"] == 1) == pytest.approx(top1)
    assert top1 > 0.3
    with pytest.raises(CounterpointError, match="captions"):
        decode_predict(run.path, out=tmp_path / "other.npz", gallery=str(tmp_path))


def test_evaluated_again_it_scores_the_same(run: Any, tmp_path: Path):
    copy = Run(Path(shutil.copytree(run.path, tmp_path / "copy")))
    before = read_json(run.path / "evaluation.json")
    again = modality.evaluate_again(copy, data=None, metrics=("retrieval", "networks"), quiet=True)
    old = {(row["metric"], row["model"]): row["value"] for row in before["scores"]}
    assert len(again["scores"]) == len(old)
    for row in again["scores"]:
        assert row["value"] == pytest.approx(old[row["metric"], row["model"]], rel=1e-3, abs=1e-3)
    assert [row["name"] for row in again["tables"]["networks"]]
    assert again["tables"]["subjects"] == before["tables"]["subjects"]


@pytest.mark.slow
def test_a_run_is_evaluated_again_and_reported(run: Any):
    evaluate_run(run.path, quiet=True)
    page = decode_report(run.path)
    assert "simulated subj01" in page.read_text(encoding="utf-8")
    assert (run.path / "brain.npz").is_file()


def test_a_data_set_is_described(tmp_path: Path):
    path = save_array_file(dataset("zoe"), tmp_path / "zoe.npz")
    text = decode_describe(str(path))
    assert "30" in text
    assert "zoe" in text


def test_unit_and_rank_by_hand():
    similarity = np.array([[3.0, 1, 2], [5, 4, 4], [1, 1, 1]])
    assert use.rank(similarity).tolist() == [1, 2, 1]
    np.testing.assert_allclose(np.linalg.norm(use.unit(np.random.default_rng(0).normal(size=(4, 2, 3))), axis=1), 1)
    assert not use.unit(np.zeros((2, 3))).any()
    learner = decoder(world())
    targets = use.empty_targets(learner)
    raw = np.random.default_rng(1).normal(size=(5, 1, 384)).astype(np.float32)
    np.testing.assert_allclose(targets.centred(raw), world().targets.centred(raw), atol=1e-6)
