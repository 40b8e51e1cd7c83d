"""load and embed: the same numbers as in training, and nothing opened that could run code."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import counterpoint as cp
from counterpoint.core.errors import CounterpointError
from counterpoint.data.catalog import load as load_data


def test_embeds_arrays_tensors_and_sources_alike(finished: Path):
    model = cp.load(finished)
    source = load_data("digits", split="test", size=16, limit=20)
    z = model.embed(source)
    assert z.shape == (20, model.learner.encoder.dim)
    np.testing.assert_array_equal(z, model.embed(source.images))
    np.testing.assert_array_equal(z, model.embed(torch.as_tensor(source.images)))
    np.testing.assert_allclose(z, model.embed(source.images / 255.0), atol=1e-4)


def test_equals_what_evaluation_stored(finished: Path):
    stored = np.load(finished / "embeddings.npz", allow_pickle=False)
    recipe = cp.load(finished).recipe
    z = cp.load(finished).embed(recipe.data.load("test"))
    np.testing.assert_allclose(z[stored["index"]], stored["embedding"], atol=1e-5)


def test_model_folder_alone_is_enough(finished: Path, tmp_path: Path):
    shutil.copytree(finished / "model", tmp_path / "sent")
    images = np.zeros((3, 1, 16, 16), np.uint8)
    np.testing.assert_array_equal(cp.load(tmp_path / "sent").embed(images), cp.load(finished).embed(images))


def test_a_pickle_in_place_of_weights_is_refused(finished: Path, tmp_path: Path):
    shutil.copytree(finished / "model", tmp_path / "sent")

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "boom",))

    (tmp_path / "sent" / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CounterpointError, match="does not fit"):
        cp.load(tmp_path / "sent")
    assert not (tmp_path / "boom").exists()


def test_weights_of_another_shape_are_refused(finished: Path, tmp_path: Path):
    shutil.copytree(finished / "model", tmp_path / "sent")
    config = json.loads((tmp_path / "sent/config.json").read_text())
    config["recipe"]["encoder"]["width"] = 32
    (tmp_path / "sent/config.json").write_text(json.dumps(config))
    with pytest.raises(CounterpointError, match="does not fit"):
        cp.load(tmp_path / "sent")


def test_wrong_channels_are_named(finished: Path):
    with pytest.raises(CounterpointError, match="3 channels and this model reads 1"):
        cp.load(finished).embed(np.zeros((2, 3, 16, 16), np.uint8))


def test_embed_writes_arrays(finished: Path, tmp_path: Path):
    path = cp.embed(finished, data="digits", out=tmp_path / "z.npz", limit=30)
    with np.load(path, allow_pickle=False) as found:
        assert found["embedding"].shape[0] == len(found["label"]) == 30


def test_init_from_starts_a_new_run_with_those_weights(finished: Path, tmp_path: Path):
    from .conftest import small

    run = cp.fit("dcl.tiny", out=tmp_path / "next", init_from=finished, quiet=True,
                 **small("dcl", epochs=1, **{"optimizer.learning_rate": 1e-12, "optimizer.weight_decay": 0.0}))
    old, new = cp.load(finished).learner.encoder, cp.load(run.path).learner.encoder
    for a, b in zip(old.parameters(), new.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
