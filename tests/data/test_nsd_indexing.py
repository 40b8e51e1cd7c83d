"""The index table of NSD: every row leads to the betas it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data.nsd import NSD
from counterpoint.data.nsd_fake import fake_nsd
from counterpoint.data.nsd_indexing import nsd_index, write_nsd_index


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("nsd")
    return root, fake_nsd(root, 3, subject=4)


def test_rows_lead_to_their_betas(planted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root, truth = planted
    table = nsd_index(root)
    data = NSD(root, 4, cache=tmp_path)
    assert len(table) == 24
    assert (table["subject"] == 4).all()
    for row in table.sample(8, random_state=0).itertuples():
        with h5py.File(root / row.path) as file:
            stored = file["betas"][row.index_in_session].transpose(2, 1, 0)[truth["mask"]]
        np.testing.assert_array_equal(stored, truth["responses"][row.global_trial])
        np.testing.assert_array_equal(stored, data.responses[np.array([row.row])][0])
    for key in ("nsd_id", "session", "run", "trial", "repeat", "shared"):
        np.testing.assert_array_equal(table[key], truth[key], err_msg=key)
    coco = dict(zip(truth["picture_id"].tolist(), truth["coco_id"].tolist(), strict=True))
    assert table["coco_id"].tolist() == [coco[number] for number in truth["nsd_id"].tolist()]
    assert set(table["coco_split"]) == {"train2017", "val2017"}


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_written_and_read_again(planted: tuple[Path, dict[str, Any]], tmp_path: Path, ending: str) -> None:
    table = nsd_index(planted[0], subjects=["subj04"])
    path = write_nsd_index(table, tmp_path / "new" / f"index{ending}")
    again = pandas.read_parquet(path) if ending == ".parquet" else pandas.read_csv(path, sep="," if ending == ".csv"
                                                                                   else "\t")
    pandas.testing.assert_frame_equal(again, table)


def test_a_missing_session_keeps_the_trial_numbers(tmp_path: Path) -> None:
    fake_nsd(tmp_path, 0)
    for path in tmp_path.glob("nsddata_betas/**/betas_session01.*"):
        path.unlink()
    table = nsd_index(tmp_path)
    assert table["global_trial"].tolist() == list(range(12, 24))
    assert table["row"].tolist() == list(range(12))


def test_without_the_table_of_pictures(tmp_path: Path) -> None:
    fake_nsd(tmp_path, 0)
    (tmp_path / "nsddata/experiments/nsd/nsd_stim_info_merged.csv").unlink()
    assert (nsd_index(tmp_path)["coco_id"] == -1).all()


def test_refusals(planted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(CounterpointError, match="holds no betas"):
        nsd_index(tmp_path)
    with pytest.raises(CounterpointError, match="no betas_session files"):
        nsd_index(planted[0], subjects=[1])
    with pytest.raises(CounterpointError, match=r"\.csv, \.tsv or \.parquet"):
        write_nsd_index(nsd_index(planted[0]), tmp_path / "index.xlsx")
