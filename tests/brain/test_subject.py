"""A subject as training reads it: equal to the plain recipe, and refusing what would spoil training."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import counterpoint.data as layouts
from counterpoint.brain.open import open_dataset, open_subject, recognise_layout
from counterpoint.brain.preparation import Preparation, average_repeats, zscore_sessions
from counterpoint.brain.subject import Subject
from counterpoint.brain.subject_checks import check_subjects
from counterpoint.core.errors import CounterpointError
from counterpoint.data._rows import NumpyRows
from counterpoint.data.brain import BrainDataset, Space, Stimuli
from counterpoint.evaluate import noise_ceiling

PICTURES, REPEATS, VOXELS = 40, 3, 60


def person(seed: int = 0, *, noise: float = 1.0, scale: float = 300.0, **changes: Any) -> dict[str, Any]:
    """Fields of a data set: 40 pictures shown 3 times over 4 sessions, int16 betas, ten test pictures."""
    rng = np.random.default_rng(seed)
    ids = np.concatenate([rng.permutation(PICTURES) for _ in range(REPEATS)]) + 100
    session = np.arange(len(ids)) // 30 + 1
    signal = rng.normal(size=(PICTURES, VOXELS))
    values = signal[ids - 100] + noise * rng.normal(size=(len(ids), VOXELS)) + rng.normal(0, 2, (5, VOXELS))[session]
    split = np.where(ids < 110, "test", "train")
    stored = np.rint(values * scale).astype(np.int16)
    return {"responses": stored, "stimulus_id": ids, "session": session, "run": np.arange(len(ids)) // 10 % 3 + 1,
            "trial": np.arange(len(ids)) % 10 + 1, "split": split, "shared": ids < 110, "unit": "int16/300", **changes}


def subject(fields: dict[str, Any], **preparation: Any) -> Subject:
    return Subject(BrainDataset("Set", "subj01", **fields), Preparation(**preparation))


def test_read_is_the_plain_recipe_in_any_order() -> None:
    fields = person()
    expected = zscore_sessions(fields["responses"], fields["session"], fields["split"] == "train")
    rows = np.random.default_rng(1).integers(0, 120, 200)
    got = subject(fields).read(rows)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected[rows], atol=2e-6)


def test_small_blocks_and_files_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = person()
    whole = subject(fields, clip=1.5).read(np.arange(120)[::-1])
    np.save(tmp_path / "r.npy", fields["responses"])
    monkeypatch.setattr("counterpoint.brain.subject.BLOCK_BYTES", 4 * VOXELS * 7)
    lazy = subject({**fields, "responses": NumpyRows(tmp_path / "r.npy")}, clip=1.5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(lazy)).read(np.arange(120)[::-1]), whole)
    assert np.abs(whole).max() == 1.5
    np.testing.assert_allclose(lazy.mean([105, 139]), subject(fields, clip=1.5).mean([105, 139]), atol=1e-6)


def test_per_cent_without_zscore() -> None:
    fields = person()
    expected = fields["responses"][[3, 3]] / 300
    np.testing.assert_allclose(subject(fields, zscore="none").read([3, 3]), expected, rtol=1e-6)


@pytest.mark.parametrize("zscore", ["run", "subject"])
def test_other_groups(zscore: str) -> None:
    fields = person()
    groups = fields["session"] * 10 + fields["run"] if zscore == "run" else np.zeros(120, int)
    expected = zscore_sessions(fields["responses"], groups, fields["split"] == "train")
    np.testing.assert_allclose(subject(fields, zscore=zscore).read(np.arange(120)), expected, atol=2e-6)


def test_with_and_without_test_trials_differs_and_is_said() -> None:
    fields = person()
    train, everything = subject(fields), subject(fields, fit_on="all")
    assert np.abs(train.read(np.arange(120)) - everything.read(np.arange(120))).max() > 0.05
    assert "statistics from the 90 training trials only, no test trial" in train.describe()
    assert "statistics from all 120 trials, 30 of them test trials" in everything.describe()


def test_sessions_without_training_trials_borrow_and_say_so() -> None:
    fields = person()
    fields["split"] = np.where(fields["session"] == 4, "imagery", "train")
    lonely = subject(fields)
    stored = fields["responses"].astype(float)
    fit = fields["session"] < 4
    expected = (stored[100] - stored[fit].mean(0)) / stored[fit].std(0)
    np.testing.assert_allclose(lonely.read([100])[0], expected, atol=1e-5)
    assert any("1 sessions (30 trials) hold fewer than 5 training trials" in line for line in lonely.check())
    assert "take those of all together" in lonely.describe()


def test_one_training_trial_makes_no_statistics() -> None:
    """Its own standard deviation would be zero, and so the whole session."""
    fields = person()
    fields["split"] = np.where(fields["session"] == 4, "imagery", "train")
    fields["split"][95] = "train"
    one = subject(fields)
    stored, fit = fields["responses"].astype(float), fields["split"] == "train"
    expected = (stored[100] - stored[fit].mean(0)) / stored[fit].std(0)
    np.testing.assert_allclose(one.read([100])[0], expected, atol=1e-5)
    assert not any("constant" in line or "spread" in line for line in one.check())


def test_stored_z_scores_are_left_alone() -> None:
    fields = person(unit="z")
    np.testing.assert_array_equal(subject(fields).read([4]), fields["responses"][[4]].astype(np.float32))
    assert "left as they are" in subject(fields).describe()


def test_means_of_showings() -> None:
    fields = person()
    one = subject(fields)
    prepared = one.read(np.arange(120))
    ids = np.array([139, 101, 120, 101])
    averaged = average_repeats(prepared, fields["stimulus_id"])
    np.testing.assert_allclose(one.mean(ids), averaged.mean[ids - 100], atol=1e-6)
    trials = one.trials_of(ids)
    assert (fields["stimulus_id"][trials] == ids[:, None]).all()
    assert (np.diff(trials, axis=1) > 0).all()
    np.testing.assert_allclose(one.mean(ids, repeats=2), prepared[trials[:, :2]].mean(1), atol=1e-6)


def test_unequal_repeats_are_padded() -> None:
    one = Subject.from_arrays(np.random.default_rng(0).normal(size=(6, 3)), [5, 7, 5, 9, 5, 7], unit="z")
    assert one.trials_of([7, 5, 9]).tolist() == [[1, 5, -1], [0, 2, 4], [3, -1, -1]]
    np.testing.assert_allclose(one.mean([9, 7]), [one.read([3])[0], one.read([1, 5]).mean(0)], atol=1e-6)
    with pytest.raises(CounterpointError, match="Stimulus 6 was never shown"):
        one.trials_of([5, 6])


def test_time_series() -> None:
    fields = person()
    series = np.random.default_rng(1).normal(5, 2, (120, 7, 9)).astype(np.float32)
    one = subject({**fields, "responses": series, "unit": "arbitrary", "t_r": 2.0})
    expected = zscore_sessions(series, fields["session"], fields["split"] == "train")
    np.testing.assert_allclose(one.read([9, 2]), expected[[9, 2]], atol=1e-5)
    assert one.mean([101]).shape == (1, 7, 9)
    assert one.noise_ceiling().shape == (9,)


def test_ceiling_is_that_of_evaluate() -> None:
    one = subject(person())
    trials = one.trials_of(one.stimuli("test"))
    cube = one.read(trials.T.reshape(-1)).reshape(3, 10, VOXELS).astype(np.float64)
    np.testing.assert_allclose(one.noise_ceiling(), noise_ceiling(cube)[0], atol=1e-6)
    np.testing.assert_allclose(one.noise_ceiling(n_average=1), noise_ceiling(cube, n_average=1)[0], atol=1e-6)


def test_ceiling_finds_the_planted_share() -> None:
    rng = np.random.default_rng(5)
    ids = np.tile(np.arange(400), 3)
    values = rng.normal(size=(400, 80))[ids] + 2 * rng.normal(size=(1200, 80))
    found = Subject.from_arrays(values, ids).noise_ceiling(split="train")
    assert abs(np.median(found) - 100 * 1 / (1 + 4 / 3)) < 4


def test_shipped_ceilings_where_nothing_repeats() -> None:
    rng = np.random.default_rng(0)
    ncsnr = rng.random(5)
    one = Subject.from_arrays(rng.normal(size=(8, 5)), np.arange(8), split=["train"] * 4 + ["test"] * 4, ncsnr=ncsnr)
    np.testing.assert_allclose(one.noise_ceiling(), 100 * ncsnr**2 / (ncsnr**2 + 1))
    twice = Subject.from_arrays(rng.normal(size=(8, 5)), np.r_[:4, :4], split=["test"] * 8, ncsnr=ncsnr)
    np.testing.assert_allclose(Subject(twice.data, Preparation(zscore="none")).noise_ceiling(),
                               100 * ncsnr**2 / (ncsnr**2 + 1 / 2))
    with pytest.raises(CounterpointError, match="no noise ceiling"):
        Subject.from_arrays(rng.normal(size=(8, 5)), np.arange(8)).noise_ceiling(split="train")


def test_regions_networks_and_weak_voxels() -> None:
    fields = person()
    mask, networks = np.arange(VOXELS) < 30, np.arange(VOXELS) % 3
    fields.update(rois={"V1": mask, "V2": ~mask}, networks=networks, network_names={1: "Vis", 2: "Lim"})
    one = subject(fields, rois=("V1",), drop_networks=("Lim",))
    kept = mask & (networks != 2)
    assert one.voxels == kept.sum()
    np.testing.assert_array_equal(one.read([5]), subject(fields).read([5])[:, kept])
    assert one.rois["V1"].all()
    fields["responses"][:, :10] = np.random.default_rng(3).integers(-300, 300, (120, 10))
    strong = subject(fields, min_ceiling=40)
    assert not strong.kept[:10].any()
    assert strong.kept[10:].sum() > 40
    with pytest.raises(CounterpointError, match=r'No region of Set subj01 called "V9"'):
        subject(fields, rois=("V9",))


def test_unmask_fills_what_was_left_out() -> None:
    fields = person(space=Space("volume", (4, 5, 6), np.arange(60) * 2), rois={"A": np.arange(VOXELS) == 7})
    volume = subject(fields, rois="A").unmask([3.0], fill=-1).reshape(-1)
    assert volume[14] == 3
    assert (np.delete(volume, 14) == -1).all()


@pytest.mark.parametrize("zscore", ["session", "run", "subject", "none"])
def test_sound_data_have_no_complaint(zscore: str) -> None:
    assert subject(person(), zscore=zscore).check() == []


def test_a_pattern_common_to_all_pictures_is_no_sign_of_them() -> None:
    fields = person()
    fields["responses"] = np.random.default_rng(0).permutation(fields["responses"]) + np.int16(1000) * np.arange(
        VOXELS, dtype=np.int16) % 3000
    assert any("No sign of the pictures" in line for line in subject(fields, zscore="none").check())


def test_describe_says_what_was_understood() -> None:
    text = subject(person()).describe()
    for part in ("120 x 60", "int16", "40 distinct: 40 shown 3 times", "4 (1..4), 30 trials each, 12 runs",
                 "train 90 trials of 30 pictures, test 30 trials of 10 pictures", "x 300, divided by 300",
                 "within each session", "60 of 60 voxels"):
        assert part in text, part


def test_int16_declared_per_cent() -> None:
    fields = person(unit="percent")
    assert any("Unscaled: sessions 1, 2, 3, 4" in line for line in subject(fields).check())
    with pytest.raises(CounterpointError, match="Unscaled"):
        subject(fields, zscore="none").check()


def test_one_session_of_another_scale() -> None:
    fields = person()
    fields["responses"] = fields["responses"] / 300
    fields["unit"] = "percent"
    fields["responses"][fields["session"] == 3] *= 300
    found = subject(fields).check()
    assert any("Unscaled: sessions 3" in line for line in found)
    assert any("Sessions 3 spread 3" in line for line in found)
    with pytest.raises(CounterpointError, match="Sessions 3 spread"):
        subject(fields, zscore="subject").check()


def test_scaled_twice() -> None:
    fields = person()
    fields["responses"] = fields["responses"] / 300
    assert any("already" in line for line in subject(fields).check())


def test_constant_voxels_are_counted_and_zero() -> None:
    fields = person()
    fields["responses"][:, [8, 30]] = 12
    fields["responses"][fields["session"] == 2, 5] = -4
    one = subject(fields)
    found = one.check()
    assert any("2 voxels are constant over all trials (the first is voxel 8, 12)" in line for line in found)
    assert any("first voxel 5 in session 2" in line for line in found)
    assert (one.read(np.arange(120))[:, 8] == 0).all()


def test_few_nan_voxels_are_dropped_with_their_place() -> None:
    fields = person()
    fields["responses"] = fields["responses"].astype(np.float32)
    fields["responses"][33, 7] = np.nan
    one = subject(fields)
    assert one.voxels == VOXELS - 1
    assert np.isfinite(one.read(np.arange(120))).all()
    assert any("1 voxels left out" in line and "trial row 33 (session 2, run 1, trial 4), voxel 7" in line
               for line in one.check())


def test_many_nan_voxels_are_refused_with_their_place() -> None:
    fields = person()
    fields["responses"] = fields["responses"].astype(np.float32)
    fields["responses"][62] = np.nan
    with pytest.raises(CounterpointError, match=r"60 of 60.*trial row 62 \(session 3, run 1, trial 3\), voxel 0"):
        subject(fields).read([0])


def test_a_picture_in_train_and_test() -> None:
    fields = person()
    fields["split"] = fields["split"].copy()
    first = np.flatnonzero(fields["stimulus_id"] == 104)
    fields["split"][first[0]] = "train"
    with pytest.raises(CounterpointError, match=rf"1 pictures are in both.*first 104 \(trial rows {first[0]}"):
        subject(fields).check()


def test_ids_moved_by_one_row_are_found() -> None:
    """The claim: a shift by one drops the correlation of repeats to chance, and the check says so."""
    fields = person()
    for shift, words in ((1, "behind"), (-1, "ahead of")):
        moved = {key: np.roll(fields[key], shift) for key in ("stimulus_id", "split", "shared")}
        with pytest.raises(CounterpointError, match=f"ids shifted by one correlate r'=0.*one row {words}"):
            subject({**fields, **moved}).check()


def test_pictures_without_trace_in_the_responses() -> None:
    fields = person()
    fields["responses"] = np.random.default_rng(0).permutation(fields["responses"])
    assert any("No sign of the pictures" in line for line in subject(fields).check())


def test_a_missing_session_is_named() -> None:
    fields = person()
    fields["session"] = np.where(fields["session"] > 2, fields["session"] + 1, fields["session"])
    assert any("Sessions missing: 3 of 1..5" in line for line in subject(fields).check())


def test_nothing_repeats() -> None:
    fields = person()
    once = np.unique(fields["stimulus_id"], return_index=True)[1]
    data = BrainDataset("Set", "subj01", **fields).select(trials=once)
    assert any("No picture was shown twice" in line for line in Subject(data).check())


def test_test_pictures_shown_once() -> None:
    fields = person()
    repeat = np.array([(fields["stimulus_id"][:t] == i).sum() for t, i in enumerate(fields["stimulus_id"])])
    keep = np.flatnonzero((fields["split"] == "train") | (repeat == 0))
    data = BrainDataset("Set", "subj01", **fields).select(trials=keep)
    assert any("No test picture was shown twice" in line for line in Subject(data).check())


def test_wrong_affine_and_positions() -> None:
    index, affine = np.arange(VOXELS), np.diag([2.0, 2, 2, 1])
    fields = person(space=Space("volume", (4, 5, 6), index, affine))
    grid = np.stack(np.unravel_index(index, (4, 5, 6)), 1)
    assert subject({**fields, "coordinates": grid * 2.0}).check() == []
    flipped = grid * [-2.0, 2, 2]
    assert any("Wrong affine: voxel" in line for line in subject({**fields, "coordinates": flipped}).check())
    fields["space"] = Space("volume", (4, 5, 3), index + 10, affine)
    with pytest.raises(CounterpointError, match="up to 69 in a space of 60"):
        subject(fields).check()


def test_pictures_that_the_file_lacks() -> None:
    fields = person(stimuli=Stimuli(np.arange(100, 139)))
    with pytest.raises(CounterpointError, match="first id 139"):
        subject(fields).check()


def test_no_training_trial_to_scale_with() -> None:
    fields = person()
    fields["split"] = np.full(120, "test")
    with pytest.raises(CounterpointError, match="no training trial"):
        subject(fields).read([0])


@pytest.mark.parametrize("t_r", [0.001, 1500.0])
def test_a_strange_tr(t_r: float) -> None:
    series = np.random.default_rng(1).normal(size=(120, 4, 5))
    one = subject({**person(), "responses": series, "unit": "arbitrary", "t_r": t_r})
    assert any("in seconds" in line for line in one.check())


def test_people_that_do_not_fit_together() -> None:
    fields, series = person(), np.random.default_rng(1).normal(size=(120, 4, 5))
    slow, fast = (Subject(BrainDataset("Set", name, **{**fields, "responses": series, "unit": "z", "t_r": t_r}))
                  for name, t_r in (("a", 2.0), ("b", 1.5)))
    with pytest.raises(CounterpointError, match=r"Mixed TR: Set a has 2.0 s, Set b 1.5 s"):
        check_subjects([slow, fast])
    one, other = subject(fields), Subject(BrainDataset("Set", "subj02", **{
        **fields, "split": np.where(fields["stimulus_id"] < 108, "test", "train")}))
    assert check_subjects([one, one]) == []
    with pytest.raises(CounterpointError, match=r"Set subj02 trains on 2 test pictures of Set subj01, the first 108"):
        check_subjects([one, other])


def test_unknown_split_and_rows() -> None:
    one = subject(person())
    with pytest.raises(CounterpointError, match="validation"):
        one.rows("validation")
    with pytest.raises(CounterpointError, match=r"Trials 0..120"):
        one.read([0, 120])


@pytest.mark.parametrize(("files", "layout"), [
    (["nsddata_betas/x"], "nsd"), (["betas_all_subj01_fp32_renorm.hdf5"], "mindeye2"),
    (["subj01/training_split/x"], "algonauts"), (["CSI1_GLMbetas-TYPED-FITHRF_ses-01.nii.gz"], "bold5000"),
    (["betas_csv/sub-01_ResponseData.h5"], "things"), (["Subject1.h5"], "god"), (["metadata_subj01.json"], "mindeye"),
    (["nsd_train_fmriavg_nsdgeneral_sub1.npy"], "brain-diffuser"), (["sub-01/func/x"], "bids"),
    (["responses.npy"], "arrays")])
def test_layouts_are_recognised(tmp_path: Path, files: list[str], layout: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert recognise_layout(tmp_path) == layout


def test_opening_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CounterpointError, match="does not exist"):
        open_subject(tmp_path / "none")
    with pytest.raises(CounterpointError, match="not recognised"):
        open_subject(tmp_path)
    with pytest.raises(CounterpointError, match=r"The bids reader needs task.*counterpoint.data.BIDSDerivatives"):
        open_dataset(f"bids:{tmp_path}")
    with pytest.raises(CounterpointError, match=r'No option of the nsd reader called "sesions". Did you mean sessions'):
        open_dataset(f"nsd:{tmp_path}", sesions=[1])
    with pytest.raises(CounterpointError, match='No layout called "nsdd"'):
        open_dataset(f"nsdd:{tmp_path}")


@pytest.mark.parametrize(("writer", "layout"), [
    ("fake_nsd", "nsd"), ("fake_mindeye2", "mindeye2"), ("fake_algonauts2023", "algonauts"),
    ("fake_bold5000", "bold5000"), ("fake_god", "god"), ("fake_things_fmri", "things"),
    ("fake_mindeye_tars", "mindeye"), ("fake_brain_diffuser", "brain-diffuser"), ("fake_haxby", "haxby")])
def test_every_small_tree_opens_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str,
                                            layout: str) -> None:
    monkeypatch.setenv("COUNTERPOINT_CACHE", str(tmp_path / "cache"))
    getattr(layouts, writer)(tmp_path / "data", 0)
    assert recognise_layout(tmp_path / "data") == layout
    one = open_subject(tmp_path / "data")
    assert isinstance(one.check(), list)
    assert one.read(one.rows("train")).shape == (len(one.rows("train")), one.voxels)
    assert one.name in one.describe()
