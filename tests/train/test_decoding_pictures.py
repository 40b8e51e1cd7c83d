"""Examples by rank and reconstructions chosen without a look at what was seen."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.brain.spec import BrainViews
from counterpoint.core.errors import CounterpointError
from counterpoint.train.decoding import pictures
from counterpoint.train.decoding.pictures import Painter, chosen_examples, nearest_pictures, small, try_painter

from .worlds import recipe, world


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 30), seed=st.integers(0, 99), tokens=st.integers(1, 2))
def test_examples_are_the_best_the_middle_and_the_worst_by_rank(n, seed, tokens):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(n, 3, 4)).astype(np.float32)
    pred = (target + 1.5 * rng.normal(size=target.shape)).astype(np.float32)[:, :tokens]
    found = chosen_examples(pred, target)
    flat = target[:, :tokens].reshape(n, -1)
    ranks = []
    for i in range(n):
        z = pred[i].ravel()
        cosines = [z @ y / np.linalg.norm(z) / np.linalg.norm(y) for y in flat]
        ranks.append(1 + sum(c > cosines[i] + 1e-9 for c in cosines))
    order = sorted(range(n), key=lambda i: (ranks[i], i))
    each = min(3, n // 3) or 1
    middle = (n - each) // 2
    assert found["row"].tolist() == [*order[:each], *order[middle:middle + each], *order[n - each:]]
    assert found["example_rank"].tolist() == [ranks[i] for i in found["row"]]
    assert found["example_kind"].tolist() == ["best"] * each + ["median"] * each + ["worst"] * each
    nearest = nearest_pictures(pred, target, found["row"])
    for row, got in zip(found["row"], nearest, strict=True):
        cosines = flat @ pred[row].ravel() / np.linalg.norm(flat, axis=1)
        assert cosines[got] == pytest.approx(cosines.max())


class Drawing:
    """A generator whose pictures say which draw they are."""

    def generate(self, raw, *, low_level, strength, samples, generator):
        self.seen = (raw, low_level, strength)
        pictures = torch.randint(0, 256, (len(raw), samples, 3, 4, 4), generator=generator)
        return pictures.to(torch.uint8).numpy()


class Looking:
    """An embedder that is linear in the pixels."""

    def embed(self, images):
        mix = np.random.default_rng(0).normal(size=(48, 384))
        return (images.reshape(len(images), 1, -1) @ mix).astype(np.float32)


def painter(here):
    found = object.__new__(Painter)
    found.world, found.generator, found.embedder = here, Drawing(), Looking()
    found.pipeline, found.samples = "", pictures.SAMPLES
    return found


def test_the_best_of_several_draws_is_the_nearest_to_what_was_decoded():
    here = world()
    tool, rng = painter(here), np.random.default_rng(1)
    embedding, query = rng.normal(size=(2, 5, 1, 8)).astype(np.float32)
    found = tool.paint(embedding, query, latent=None, seed=3)
    np.testing.assert_allclose(tool.generator.seen[0], here.targets.raw(embedding), atol=1e-6)
    assert tool.generator.seen[2] == 1.0
    drawn = tool.generator.generate(embedding, low_level=None, strength=1.0, samples=pictures.SAMPLES,
                                    generator=torch.Generator().manual_seed(3))
    for row in range(5):
        seen = here.targets.centred(Looking().embed(drawn[row]))[:, 0]
        cosines = seen @ query[row, 0] / np.linalg.norm(seen, axis=1)
        np.testing.assert_array_equal(found[row], drawn[row, cosines.argmax()])


def test_the_choice_never_sees_the_truth():
    """Neither is the truth an argument, nor does a world with other pictures change anything."""
    assert set(inspect.signature(Painter.paint).parameters) == {"self", "embedding", "query", "latent", "seed"}
    here = world()
    blind = dataclasses.replace(here, people=[], test=[], train=[], targets=dataclasses.replace(
        here.targets, picture=np.full((0, 1, 8), np.nan, np.float32), ids=np.zeros(0, int), before=None, text=None))
    query = np.random.default_rng(2).normal(size=(4, 1, 8)).astype(np.float32)
    np.testing.assert_array_equal(painter(here).paint(query, query, latent=None, seed=1),
                                  painter(blind).paint(query, query, latent=None, seed=1))


def test_a_latent_is_where_drawing_starts():
    tool, query = painter(world()), np.ones((2, 1, 8), np.float32)
    latent = np.ones((2, 4, 8, 8), np.float32)
    tool.paint(query, query, latent=latent, seed=0)
    assert tool.generator.seen[1] is latent
    assert tool.generator.seen[2] == pictures.STRENGTH


@pytest.mark.parametrize("views", [BrainViews(picture="", text="hash"), BrainViews(layer="map"),
                                   BrainViews(picture_size=64), BrainViews(components=8, whiten=True)], ids=str)
def test_targets_that_the_generator_does_not_read_are_said(views, monkeypatch):
    assert try_painter(recipe(views=views), None)[0] is None
    assert "pooled EfficientNet-Lite0" in try_painter(recipe(views=views), None)[1]
    assert Painter.possible(recipe(views=BrainViews(components=8)))


def test_a_pipeline_without_a_folder_is_refused():
    with pytest.raises(CounterpointError, match="names no folder"):
        pictures.diffusers_generator("versatile")


def test_a_generator_that_is_not_there_is_said(monkeypatch):
    def broken(self, *_):
        raise CounterpointError("No weights here.")

    monkeypatch.setattr(Painter, "__init__", broken)
    assert try_painter(recipe(views=BrainViews()), world()) == (None, "no reconstructions: No weights here.")


def test_pictures_of_any_size_become_small():
    flat = np.full((2, 3, 100, 80), 77, np.uint8)
    assert small(flat).shape == (2, 3, 64, 64)
    assert set(np.unique(small(flat))) == {77}
    assert small(np.random.default_rng(0).integers(0, 256, (1, 3, 8, 8), np.uint8)).dtype == np.uint8
