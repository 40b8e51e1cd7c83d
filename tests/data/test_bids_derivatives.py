from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from scipy.signal import detrend

from counterpoint.core.errors import CounterpointError
from counterpoint.data import BIDSDerivatives, fake_bids_derivatives, fake_cifti, read_events

FUNC = "sub-01/ses-{0}/func/sub-01_ses-{0}_task-see_run-1"
BOLD = FUNC + "_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("bids") / "seen"
    return root, fake_bids_derivatives(root, 6, surface=True)


@pytest.fixture
def tree(original: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy to spoil, volumes only."""
    shutil.copytree(original[0], tmp_path / "seen", ignore=shutil.ignore_patterns("*.gii"))
    return tmp_path / "seen" / "derivatives" / "fmriprep"


def _open(root: Path, **options: Any) -> Any:
    return BIDSDerivatives(root, "01", **{"task": "see", "confounds": (), **options})


def _correlations(data: Any, truth: np.ndarray) -> list[float]:
    return [
        float(np.corrcoef(data.responses[own, voxel], truth[own, voxel])[0, 1])
        for own in (data.session == 1, data.session == 2)
        for voxel in range(truth.shape[1])
    ]


def _scaled(values: np.ndarray) -> np.ndarray:
    values = detrend(values, axis=0)
    return (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)


def test_tree_gives_the_planted_truth(original: tuple[Path, dict[str, Any]]) -> None:
    truth = original[1]
    data = _open(truth["derivatives"])
    np.testing.assert_array_equal(data.space.index, truth["index"])
    assert (data.space.kind, data.space.shape, data.responses.shape) == ("volume", (6, 5, 4), (24, 48))
    assert [data.stimuli.names[row] for row in data.stimulus_id] == truth["stimulus"].tolist()
    np.testing.assert_array_equal(data.images(np.arange(8)), truth["images"])
    assert data.session.tolist() == [1] * 12 + [2] * 12
    assert data.trial[:12].tolist() == list(range(12))
    found = _correlations(data, truth["response"])
    assert np.median(found) > 0.97
    assert min(found) > 0.8
    np.testing.assert_allclose(data.coordinates[0], [-9 + 3, 4 + 3, 2])


def test_window_means_equal_a_plain_loop(original: tuple[Path, dict[str, Any]]) -> None:
    truth = original[1]
    data = _open(truth["derivatives"], window=(3.0, 6.5))
    image = nibabel.load(truth["derivatives"] / BOLD.format(2))
    series = _scaled(np.asarray(image.dataobj, float).reshape(120, 66)[truth["index"]].T)  # type: ignore[attr-defined]
    for trial in range(12):
        frames = [row for row in range(66) if 10 * trial + 3 <= 2 * row <= 10 * trial + 6.5]
        assert len(frames) == 2
        np.testing.assert_allclose(data.responses[12 + trial], series[frames].mean(axis=0), atol=1e-4)


def test_confounds_are_removed_and_censored_frames_do_not_count(
    original: tuple[Path, dict[str, Any]],
) -> None:
    truth = original[1]
    cleaned = _open(truth["derivatives"], confounds=("motion", "high_pass", "wm_csf"))
    plain = _open(truth["derivatives"])
    assert cleaned.responses.shape == plain.responses.shape
    assert np.abs(cleaned.responses - plain.responses).max() > 0.01
    assert np.median(_correlations(cleaned, truth["response"])) > 0.6  # 27 of 66 degrees of freedom are gone
    assert "confounds: none" in plain.notes[0]
    basic = _open(truth["derivatives"], confounds=("high_pass",))
    assert np.median(_correlations(basic, truth["response"])) > 0.97


def test_scrubbed_trials_are_left_out(tree: Path) -> None:
    for session in (1, 2):
        path = tree / (FUNC.format(session) + "_desc-confounds_timeseries.tsv")
        lines = path.read_text().splitlines()
        lines[0] += "\tframewise_displacement\tstd_dvars"
        moved = ["9.0" if row in (2, 3, 4) and session == 1 else "0.0" for row in range(66)]
        lines[1:] = [f"{line}\t{value}\t1.0" for line, value in zip(lines[1:], moved, strict=True)]
        path.write_text("\n".join(lines) + "\n")
    data = _open(tree, confounds=("high_pass", "scrub"), confound_options={"scrub": 0})
    assert len(data) == 23
    assert data.trial[:2].tolist() == [1, 2]
    assert any("1 trials without" in note for note in data.notes)


def test_least_squares_equal_nilearn_on_the_image(original: tuple[Path, dict[str, Any]]) -> None:
    import pandas
    from nilearn.glm.first_level import FirstLevelModel

    truth = original[1]
    found = {glm: _open(truth["derivatives"], estimate="glm", glm=glm) for glm in ("lsa", "lss")}
    image = nibabel.load(truth["derivatives"] / BOLD.format(1))
    values = np.asarray(image.dataobj, float)  # type: ignore[attr-defined]
    spread = values.std(axis=-1, ddof=1, keepdims=True)
    values = (values - values.mean(axis=-1, keepdims=True)) / np.where(spread, spread, 1)
    scaled = nibabel.Nifti1Image(values, image.affine)  # type: ignore[attr-defined]
    mask = nibabel.Nifti1Image((spread[..., 0] > 0).astype(np.uint8), scaled.affine)
    for glm in ("lsa", "lss"):
        kinds = [f"t{row:02d}" for row in range(12)] if glm == "lsa" else ["one", *["rest"] * 11]
        table = pandas.DataFrame({"onset": 10.0 * np.arange(12), "duration": 2.0, "trial_type": kinds})
        model = FirstLevelModel(
            t_r=2.0, hrf_model="spm", noise_model="ols", mask_img=mask, signal_scaling=False
        )
        model.fit(scaled, table)
        for trial, kind in enumerate(kinds[:12] if glm == "lsa" else kinds[:1]):
            weights = model.compute_contrast(kind, output_type="effect_size")
            np.testing.assert_allclose(
                found[glm].responses[trial],
                np.asarray(weights.dataobj).ravel()[truth["index"]],
                atol=1e-3,
                rtol=1e-3,
            )
    assert np.median(_correlations(found["lss"], truth["response"])) > 0.8


def test_surface_left_before_right(original: tuple[Path, dict[str, Any]]) -> None:
    truth = original[1]
    data = _open(truth["derivatives"], space="fsaverage5")
    assert (data.space.kind, data.space.shape, data.voxels) == ("fsaverage5", (20_484,), 40)
    np.testing.assert_array_equal(data.space.index, np.r_[0:20, 10_242:10_262])
    assert np.median(_correlations(data, truth["surface"])) > 0.97
    assert any("20444 voxels" in note for note in data.notes)


def test_time_series_of_parcels(original: tuple[Path, dict[str, Any]]) -> None:
    truth = original[1]
    data = _open(truth["derivatives"], parcellation=truth["atlas"], time_series=True, window=(0.0, 10.0))
    assert (data.responses.shape, data.t_r, data.space.kind) == ((24, 5, 2), 2.0, "parcels")
    assert data.parcels.tolist() == [1, 2]
    image = nibabel.load(truth["derivatives"] / BOLD.format(1))
    values = np.asarray(image.dataobj, float).reshape(120, 66)[truth["index"]]  # type: ignore[attr-defined]
    means = _scaled(np.stack([values[truth["labels"] == label].mean(axis=0) for label in (1, 2)], axis=1))
    np.testing.assert_allclose(data.responses[:12], means[:60].reshape(12, 5, 2), atol=1e-4)


def test_pybids_finds_the_same_runs(original: tuple[Path, dict[str, Any]]) -> None:
    pytest.importorskip("bids")
    truth = original[1]
    one, two = _open(truth["derivatives"]), _open(truth["derivatives"], finder="pybids")
    np.testing.assert_array_equal(one.responses, two.responses)


def test_repetition_times_have_to_agree(tree: Path) -> None:
    path = tree / BOLD.format(2)
    image = nibabel.load(path)
    image.header.set_zooms((3.0, 3.0, 3.0, 2.1))  # type: ignore[attr-defined]
    nibabel.save(image, path)
    with pytest.raises(CounterpointError, match=r"every 2\.1 s, its \.json says 2 s"):
        _open(tree)
    Path(str(path).replace(".nii.gz", ".json")).write_text(json.dumps({"RepetitionTime": 2.1}))
    with pytest.raises(CounterpointError, match=r"every 2\.1 s.* every 2 s") as caught:
        _open(tree)
    assert "resample=2" in str(caught.value)
    data = _open(tree, resample=1.0, time_series=True, window=(0.0, 8.0))
    assert data.responses.shape[1:] == (8, 48)
    assert data.t_r == 1.0
    with pytest.raises(CounterpointError, match="resample is"):
        _open(tree, resample=-1.0)


def test_slice_time_reference_moves_the_frames(tree: Path) -> None:
    before = _open(tree, window=(4.0, 8.0))
    for session in (1, 2):
        path = tree / BOLD.format(session).replace(".nii.gz", ".json")
        path.write_text(json.dumps({"RepetitionTime": 2.0, "StartTime": 1.0}))
    after = _open(tree, window=(5.0, 9.0))
    np.testing.assert_allclose(before.responses[:11], after.responses[:11], atol=1e-6)


def test_events_are_inherited_and_filtered(tree: Path) -> None:
    raw = tree.parent.parent
    source = raw / (FUNC.format(1) + "_events.tsv")
    kept = source.read_text()
    for session in (1, 2):
        (raw / (FUNC.format(session) + "_events.tsv")).unlink()
    with pytest.raises(CounterpointError, match=r"sub-01_ses-1_task-see_run-1_events\.tsv was expected"):
        _open(tree)
    (raw / "task-see_events.tsv").write_text(kept)
    data = _open(tree)
    assert data.stimulus_id[:12].tolist() == data.stimulus_id[12:].tolist()
    assert len(_open(tree, stimulus_column="trial_type", trial_types=("break",))) == 2
    names = [data.stimuli.names[row] for row in data.stimulus_id[:2]]
    split = _open(tree, test=[names[0]])
    assert set(split.split[split.stimulus_id == split.stimulus_id[0]]) == {"test"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "rest"}, "There are task see; space MNI152NLin2009cAsym"),
        ({"space": "T1w"}, "space-T1w"),
        ({"estimate": "mean"}, "window or glm"),
        ({"window": (8.0, 4.0)}, "start < end"),
        ({"confounds": ("global_signal",)}, "global_signal"),
        ({"stimulus_column": "word"}, "word was expected"),
        ({"trial_types": ("house",)}, "holds no trial"),
        ({"test": ("house.png",)}, "first house.png"),
        ({"mask": "missing.nii.gz"}, "missing.nii.gz does not exist"),
        ({"confounds": ("motion", "high_pass", "wm_csf"), "estimate": "glm", "glm": "nothing"}, "lsa or lss"),
    ],
)
def test_bad_options_are_named(tree: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CounterpointError, match=message):
        _open(tree, **options)


def test_bad_files_are_named(tree: Path) -> None:
    with pytest.raises(CounterpointError, match="People there: sub-01"):
        BIDSDerivatives(tree, 7, task="see")
    mask = tree / (FUNC.format(2) + "_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz")
    image = nibabel.load(mask)
    moved = nibabel.Nifti1Image(np.asarray(image.dataobj), np.eye(4))  # type: ignore[attr-defined]
    nibabel.save(moved, mask)
    with pytest.raises(CounterpointError, match=r"ses-2.*brain_mask.*another grid"):
        _open(tree)
    mask.unlink()
    with pytest.raises(CounterpointError, match=r"ses-2.* no brain mask"):
        _open(tree)
    first = tree / (FUNC.format(1) + "_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz")
    assert _open(tree, mask=first).voxels == 48
    bold = tree / BOLD.format(2)
    twin = bold.with_name(bold.name.replace("_run-1", "_acq-b_run-1"))
    shutil.copy(bold, twin)
    with pytest.raises(CounterpointError, match="are of one run") as caught:
        _open(tree, mask=first)
    assert "acq" in str(caught.value)
    twin.unlink()
    bold.write_bytes(bold.read_bytes()[:500])
    with pytest.raises(CounterpointError, match="ses-2"):
        _open(tree, mask=first)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("onset\tduration\tstim_file\n-1\t1\ta\n", "onset -1"),
        ("onset\tduration\tstim_file\nn/a\t1\ta\n", "onset nan"),
        ("onset\tduration\tstim_file\nsoon\t1\ta\n", "could not convert"),
        ("duration\tstim_file\n1\ta\n", "onset was expected"),
        ("onset\tduration\tcolour\n1\t1\ta\n", "to name the stimulus"),
        ("onset\tduration\tstim_file\n1\t1\tn/a\n", "holds no trial"),
        ("onset\tduration\tstim_file\tsplit\n1\t1\ta\tlater\n", '"later"'),
    ],
)
def test_bad_events_are_named(tmp_path: Path, table: str, message: str) -> None:
    (tmp_path / "x_events.tsv").write_text(table)
    with pytest.raises(CounterpointError, match=message) as caught:
        read_events(tmp_path / "x_events.tsv")
    assert "x_events.tsv" in str(caught.value)


def test_events_are_sorted_and_may_be_arrays() -> None:
    events = read_events({"onset": [5.0, 1.0], "duration": ["n/a", 2], "image": ["b", "a"]})
    assert events.onset.tolist() == [1, 5]
    assert (events.name, events.duration.tolist()) == (["a", "b"], [2, 0])


def test_parcels_of_a_surface(original: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    truth, paths = original[1], []
    for side in "LR":
        table = nibabel.gifti.GiftiLabelTable()
        for key, name in enumerate(("none", "V1", "V2")):
            label = nibabel.gifti.GiftiLabel(key)
            label.label = name
            table.labels.append(label)
        values = np.zeros(10_242, np.int32)
        values[:20] = 1 + np.arange(20) % 2
        array = nibabel.gifti.GiftiDataArray(values, intent="NIFTI_INTENT_LABEL")
        paths.append(tmp_path / f"{side}.label.gii")
        nibabel.save(nibabel.gifti.GiftiImage(darrays=[array], labeltable=table), paths[-1])
    data = _open(truth["derivatives"], space="fsaverage5", parcellation=paths)
    assert data.parcel_names == {1: "L V1", 2: "L V2", 3: "R V1", 4: "R V2"}
    assert (data.space.kind, data.space.index) == ("parcels", None)
    planted = truth["surface"].reshape(24, 2, 10, 2).mean(axis=2).reshape(24, 4)
    assert min(_correlations(data, planted)) > 0.9
    with pytest.raises(CounterpointError, match=r"Left and right \.label\.gii"):
        _open(truth["derivatives"], space="fsaverage5", parcellation=paths[0])


def test_wrong_surfaces_are_named(original: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root = tmp_path / "seen"
    shutil.copytree(original[0], root)
    tree = root / "derivatives" / "fmriprep"
    right = tree / (FUNC.format(1) + "_hemi-R_space-fsaverage5_bold.func.gii")
    arrays = [nibabel.gifti.GiftiDataArray(np.zeros(12, np.float32)) for _ in range(66)]
    nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), right)
    with pytest.raises(CounterpointError, match=r"hemi-R.* 66 frames of 12 vertices"):
        _open(tree, space="fsaverage5")
    right.unlink()
    with pytest.raises(CounterpointError, match=r"hemi-L.* has no partner"):
        _open(tree, space="fsaverage5")
    for path in tree.rglob("*_hemi-*.json"):
        path.unlink()
    shutil.copy(str(right).replace("hemi-R", "hemi-L"), right)
    with pytest.raises(CounterpointError, match="says nothing of its repetition time"):
        _open(tree, space="fsaverage5")
    assert _open(tree, space="fsaverage5", t_r=2.0).voxels == 40


def test_cifti_files_of_fmriprep(tree: Path, tmp_path: Path) -> None:
    truth = fake_cifti(tmp_path / "hcp", 1)
    for run in (1, 2):
        target = tree / (FUNC.format(run) + "_space-fsLR_den-91k_bold.dtseries.nii")
        shutil.copy(tmp_path / "hcp" / f"sub-01_run-{run}.dtseries.nii", target)
    data = _open(tree, space="fsLR")
    np.testing.assert_array_equal(data.space.index, truth["index"])
    assert (data.space.kind, data.responses.shape) == ("fsLR32k", (24, 30))
    parcels = _open(tree, space="fsLR", parcellation=tmp_path / "hcp" / "parcels.dlabel.nii")
    assert parcels.parcel_names == {1: "V1", 2: "V2"}
