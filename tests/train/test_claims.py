"""reproduce, evidence and compare on small data: the machinery, not the claims themselves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from counterpoint.core.discovery import systems
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json
from counterpoint.train import reproduce as reproducing
from counterpoint.train.compare import compare_systems
from counterpoint.train.evidence import evidence_rows, evidence_table

from .conftest import small


@pytest.fixture
def small_claim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """DCL's claim with its arms, on digits for one epoch."""
    monkeypatch.chdir(tmp_path)
    claim = reproducing.claim_of("dcl")
    recipe = reproducing.override(claim.recipe, small("dcl", epochs=1))
    arms = {arm: {**changes, "data.batch_size": 16 if arm.endswith("16") else 64}
            for arm, changes in claim.arms.items()}
    changed = dataclasses.replace(claim, recipe=recipe, arms=arms, seeds=(1, 2), tuning_seeds=())
    monkeypatch.setattr(reproducing, "claim_of", lambda name: changed)
    return changed


@pytest.mark.slow
def test_a_verdict_is_kept_with_every_number_and_old_ones_stay(small_claim, tmp_path: Path):
    for _ in range(2):
        result = reproducing.reproduce_claim("dcl", folder=tmp_path / "evidence")
    kept = read_json(tmp_path / "evidence" / "dcl.json")["verdicts"]
    assert len(kept) == 2
    assert kept[-1]["verdict"] == result["verdict"]
    assert {len(row["values"]) for row in kept[-1]["contrasts"]} == {2}
    assert kept[-1]["arms"].keys() == small_claim.arms.keys()
    assert 0 < kept[-1]["arms"]["dcl16"]["note_q_b"]["mean"] < 1
    row = next(row for row in evidence_rows(tmp_path / "evidence") if row["system"] == "dcl")
    assert row["verdict"] == result["verdict"]
    assert row["seeds"] == 2


def test_arms_differ_only_in_what_they_name():
    claim = reproducing.claim_of("dcl")
    recipes = {arm: reproducing.arm_recipe(claim, arm, 5, fast=False) for arm in claim.arms}
    assert {recipe.name for recipe in recipes.values()} == {"simclr", "dcl"}
    bare = {dataclasses.replace(r, name="", variant="", method={}, data=dataclasses.replace(r.data, batch_size=0))
            .__repr__() for r in recipes.values()}
    assert len(bare) == 1
    assert len({json.dumps(dict(r.method), sort_keys=True) for r in recipes.values()}) == 1


def test_seeds_of_tuning_are_never_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    claim = reproducing.claim_of("dcl")
    assert not set(claim.seeds) & set(claim.tuning_seeds)
    assert len(claim.seeds) >= 3
    monkeypatch.setattr(reproducing, "claim_of", lambda name: dataclasses.replace(claim, tuning_seeds=claim.seeds[:1]))
    with pytest.raises(CounterpointError, match="fresh seeds"):
        reproducing.reproduce_claim("dcl", folder=tmp_path)


def test_evidence_table_has_every_system(tmp_path: Path):
    rows = evidence_rows(tmp_path)
    assert [row["system"] for row in rows] == list(systems())
    assert evidence_table(tmp_path).row_count == len(rows)


def test_a_system_without_claim_says_so():
    with pytest.raises(CounterpointError, match="states no claim"):
        reproducing.reproduce_claim("simclr", fast=True)


@pytest.mark.slow
def test_compare_pairs_by_seed_and_prints_baselines(tmp_path: Path):
    table = compare_systems(["simclr.tiny", "dcl.tiny"], data="digits", epochs=1, limit=300, seeds=(0, 1),
                            out=tmp_path / "compare", quiet=True)
    found = read_json(tmp_path / "compare" / "compare.json")
    assert len(found["rows"]) == 4
    assert {"untrained_knn", "pixels_knn"} <= found["baselines"].keys()
    dcl = found["summary"][1]
    differences = [row["knn"] - other["knn"] for row, other in zip(found["rows"][2:], found["rows"][:2], strict=True)]
    assert dcl["knn_difference"] == pytest.approx(sum(differences) / 2)
    assert table.row_count == 4
