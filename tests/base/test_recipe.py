"""Recipes of every system: variants, overrides, refusals."""

from __future__ import annotations

import dataclasses

import pytest

from counterpoint.base.recipe import Recipe, lookup, override, variants
from counterpoint.core.discovery import recipe_module, systems
from counterpoint.core.errors import CounterpointError
from counterpoint.train.build import method_settings
from counterpoint.train.model import recipe_from, recipe_values

SPECS = [f"{name}.{variant}" for name in systems() for variant in variants(recipe_module(name))]


@pytest.mark.parametrize("name", systems())
def test_offers_tiny_default_paper(name: str):
    assert {"tiny", "default", "paper"} <= set(variants(recipe_module(name)))


@pytest.mark.parametrize("spec", SPECS)
def test_names_only_settings_that_the_method_has(spec: str):
    recipe = lookup(spec)
    assert set(recipe.method) <= set(method_settings(recipe.name))


@pytest.mark.parametrize("spec", SPECS)
def test_survives_being_written_and_read(spec: str):
    recipe = lookup(spec)
    again = recipe_from(recipe_values(recipe))
    assert again == dataclasses.replace(recipe, expected=(), minutes=0.0)


@pytest.mark.parametrize("name", systems())
def test_tiny_needs_no_download(name: str):
    recipe = lookup(f"{name}.tiny")
    assert recipe.data.source in ("scenes", "digits", "simulated")
    assert not recipe.data.download


def test_override_reaches_every_level():
    recipe = override(Recipe(), {"data": "digits", "optimizer.learning_rate": 0.5, "epochs": 3, "method.x": 1})
    assert (recipe.data.source, recipe.optimizer.learning_rate, recipe.epochs) == ("digits", 0.5, 3)
    assert recipe.method == {"x": 1}


@pytest.mark.parametrize(("changes", "hint"), [({"epoch": 1}, "Did you mean epochs?"),
                                               ({"data.sorce": "x"}, "Did you mean source?"),
                                               ({"epochs.more": 1}, "too deep")])
def test_override_refuses_what_is_not_there(changes, hint):
    with pytest.raises(CounterpointError, match=r".*") as caught:
        override(Recipe(), changes)
    assert hint in str(caught.value)


def test_unknown_variant_names_the_closest():
    with pytest.raises(CounterpointError, match="Did you mean tiny"):
        lookup("simclr.tinny")
