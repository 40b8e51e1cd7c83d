from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, ScalarAxis, SeriesAxis
from scipy.signal import detrend

from counterpoint.core.errors import CounterpointError
from counterpoint.data import Cifti, fake_cifti, read_dlabel, read_dtseries

N = 32_492


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    return tmp_path, fake_cifti(tmp_path, 5)


def _write(path: Path, values: np.ndarray, *, vertices: int = N, series: Any = None, **changes: Any) -> Path:
    """A file written by hand: left vertices 3 and 7, then right 1; units and exponent as asked."""
    models = BrainModelAxis.from_surface([3, 7], vertices, "CortexLeft")
    models = models + BrainModelAxis.from_surface([1], vertices, "CortexRight")
    axis = series or SeriesAxis(0, 1.0, len(values))
    image = nibabel.Cifti2Image(values.astype(np.float32), (axis, models))
    for key, value in changes.items():
        setattr(image.header.matrix.get_index_map(0), key, value)
    nibabel.save(image, path)
    return path


def test_tree_gives_the_planted_truth(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    data = Cifti(root, "sub-01", events=truth["events"])
    np.testing.assert_array_equal(data.space.index, truth["index"])
    assert (data.space.kind, data.space.shape, data.responses.shape) == ("fsLR32k", (64_984,), (24, 30))
    assert data.stimuli is not None
    assert [data.stimuli.names[row] for row in data.stimulus_id] == truth["stimulus"].tolist()
    for run in (1, 2):
        own = data.run == run
        found = [np.corrcoef(data.responses[own, v], truth["response"][own, v])[0, 1] for v in range(30)]
        assert min(found) > 0.9  # the removal of a trend takes a part of the planted responses
        assert np.median(found) > 0.98
    values = data.unmask(np.arange(1.0, 31))
    assert values[truth["index"][29]] == 30


def test_window_means_equal_a_plain_loop(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    data = Cifti(root / "sub-01_run-1.dtseries.nii", events=truth["events"][0], window=(4.0, 8.0))
    stored = np.asarray(nibabel.load(root / "sub-01_run-1.dtseries.nii").dataobj, float)  # type: ignore[attr-defined]
    cortex = detrend(np.concatenate([stored[:, 24:], stored[:, :16]], axis=1), axis=0)
    cortex = (cortex - cortex.mean(axis=0)) / cortex.std(axis=0, ddof=1)
    for trial, onset in enumerate(truth["events"][0]["onset"]):
        frames = [row for row in range(66) if onset + 4 <= 2 * row <= onset + 8]
        assert len(frames) == 3
        np.testing.assert_allclose(data.responses[trial], cortex[frames].mean(axis=0), atol=1e-4)


def test_time_series_and_parcels(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    data = Cifti(
        sorted(root.glob("*.dtseries.nii")),
        events=truth["events"],
        parcellation=root / "parcels.dlabel.nii",
        time_series=True,
        window=(0.0, 10.0),
    )
    assert data.responses.shape == (24, 5, 2)
    assert data.t_r == 2.0
    assert data.parcel_names == {1: "V1", 2: "V2"}
    mean = np.stack([truth["response"][:, truth["labels"] == label].mean(axis=1) for label in (1, 2)], axis=1)
    for parcel in range(2):
        assert np.corrcoef(data.responses[:12, 2:5, parcel].mean(axis=1), mean[:12, parcel])[0, 1] > 0.98
        assert abs(np.corrcoef(data.responses[:12, 0, parcel], mean[:12, parcel])[0, 1]) < 0.9
    labels, _ = read_dlabel(root / "parcels.dlabel.nii")
    np.testing.assert_array_equal(labels[truth["index"]], truth["labels"])
    assert labels.sum() == truth["labels"].sum()


def test_least_squares_models_find_the_order(tree: tuple[Path, dict[str, Any]]) -> None:
    root, truth = tree
    for glm in ("lsa", "lss"):
        data = Cifti(root, events=truth["events"], estimate="glm", glm=glm)  # type: ignore[arg-type]
        assert data.unit == "arbitrary"
        found = [np.corrcoef(data.responses[:12, v], truth["response"][:12, v])[0, 1] for v in range(30)]
        assert np.median(found) > 0.8


def test_a_file_written_by_hand_and_its_units(tmp_path: Path) -> None:
    values = np.arange(30.0).reshape(10, 3)
    found, seconds, index = read_dtseries(
        _write(tmp_path / "a.dtseries.nii", values, series_step=720.0, series_exponent=-3)
    )
    np.testing.assert_array_equal(found, values)
    assert seconds == pytest.approx(0.72)
    assert index.tolist() == [3, 7, N + 1]
    for changes, message in (
        ({"series_step": 720.0}, "milliseconds"),
        ({"series_unit": "HERTZ"}, "runs in HERTZ"),
        ({"series_step": 0.0}, "0 s between"),
    ):
        path = _write(tmp_path / "b.dtseries.nii", values, **changes)
        with pytest.raises(CounterpointError, match=message):
            read_dtseries(path)
        assert read_dtseries(path, t_r=0.72)[1] == 0.72


def test_other_files_are_refused(tmp_path: Path) -> None:
    values = np.zeros((4, 3))
    with pytest.raises(CounterpointError, match="59292 vertices"):
        read_dtseries(_write(tmp_path / "a.dtseries.nii", values, vertices=59_292))
    scalar = _write(tmp_path / "b.dscalar.nii", values, series=ScalarAxis(["a", "b", "c", "d"]))
    with pytest.raises(CounterpointError, match="ScalarAxis"):
        read_dtseries(scalar)
    with pytest.raises(CounterpointError, match=r"LabelAxis|ScalarAxis"):
        read_dlabel(scalar)
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2, 3)), np.eye(4)), tmp_path / "c.nii")
    with pytest.raises(CounterpointError, match="Nifti1Image"):
        read_dtseries(tmp_path / "c.nii")
    (tmp_path / "d.dtseries.nii").write_bytes(b"nothing")
    with pytest.raises(CounterpointError, match="could not be read"):
        read_dtseries(tmp_path / "d.dtseries.nii")


def test_bad_events_and_runs_are_named(tree: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root, truth = tree
    one, two = truth["events"]
    with pytest.raises(CounterpointError, match="1 tables of events for 2 runs"):
        Cifti(root, events=one)
    with pytest.raises(CounterpointError, match=r"no \.dtseries"):
        Cifti(root, "sub-09", events=one)
    late = {**one, "onset": one["onset"] * 1000}
    with pytest.raises(CounterpointError, match="milliseconds"):
        Cifti(root, events=[one, late])
    with pytest.raises(CounterpointError, match="onset was expected"):
        Cifti(root, events=[one, {"start": [1.0]}])
    with pytest.raises(CounterpointError, match="time series"):
        Cifti(root, events=[one, two], estimate="glm", time_series=True)
    other = _write(tmp_path / "x.other.nii", np.random.default_rng(0).random((66, 3)))
    with pytest.raises(CounterpointError, match="other vertices"):
        Cifti([root / "sub-01_run-1.dtseries.nii", other], events=[one, two])
    split = {**one, "split": ["train"] * 6 + ["test"] * 6}
    repeated = {**two, "split": ["test"] * 6 + ["train"] * 6}
    with pytest.raises(CounterpointError, match="in train and in test"):
        Cifti(root, events=[split, repeated])
    data = Cifti(root, events=[one, two], test=["p3"])
    assert data.split.tolist().count("test") == 3
    with pytest.raises(CounterpointError, match="first p9"):
        Cifti(root, events=[one, two], test=["p9"])
