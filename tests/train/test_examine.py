"""What a system says of itself reaches evaluation.json, the report and a claim; steps can be limited."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from counterpoint.base.findings import Examined, Findings, Grid, Score
from counterpoint.core.files import read_json
from counterpoint.methods.simclr import SimCLR
from counterpoint.report.figures import examples
from counterpoint.report.reading import read as read_run
from counterpoint.train.callbacks.log import read
from counterpoint.train.fit import fit
from counterpoint.train.reproduce import arm_scores

from .conftest import small


def examine(self: SimCLR, examined: Examined) -> Findings:
    """A mean of the test pictures, two of their views, and what the encoder makes of them."""
    index = examined.sample(6)
    assert list(index) == sorted(set(index))
    twice = examined.collect(lambda batch: 2 * self.embed(batch), "test")
    np.testing.assert_allclose(twice, 2 * examined.features["encoder"][1], rtol=1e-5)
    views = examined.views(index)
    assert len(views) == 2
    assert len(views[0]) == 6
    assert torch.equal(views[0], examined.views(index)[0])
    pictures = np.stack([examined.test.images[index]] * 2)
    return Findings((Score("doubled", float(twice.mean()), "mean of twice the features", n=len(twice)),),
                    {"heads": [{"name": "one", "value": 0.5}]},
                    (Grid("Twice", ("picture", "again"), pictures, "Both rows are the same."),))


def test_own_findings_stand_beside_the_common_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(SimCLR, "examine", examine)
    run = fit("simclr.tiny", out=tmp_path / "run", quiet=True, metrics=("knn",), changes=small("simclr.tiny", epochs=1))
    evaluation = read_json(run.path / "evaluation.json")
    (row,) = [row for row in evaluation["scores"] if row["metric"] == "doubled"]
    assert (row["model"], row["split"], row["protocol"]) == ("encoder", "test", "mean of twice the features")
    assert evaluation["tables"] == {"heads": [{"name": "one", "value": 0.5}]}
    assert arm_scores(run.path)["doubled"] == row["value"]
    panel = examples.draw(read_run(run.path))
    assert panel is not None
    assert panel.here == "Both rows are the same."
    assert [label.get_text() for label in panel.figure.axes[0].get_yticklabels()] == ["picture", "again"]


def test_a_limit_of_steps_ends_the_run_and_its_schedule(tmp_path: Path):
    settings = small("simclr.tiny", epochs=4)
    run = fit("simclr.tiny", out=tmp_path / "run", quiet=True, metrics=(), changes={**settings, "max_steps": 7})
    steps = [row for row in read(run.path / "metrics.jsonl") if row["kind"] == "step"]
    assert steps[-1]["step"] == 7
    assert run.status()["status"] == "done"
    assert steps[-1]["learning_rate"] < 0.1 * max(row["learning_rate"] for row in steps)
