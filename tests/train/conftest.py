"""Small runs that train in a second or two, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SMALL: dict[str, Any] = {
    "data.source": "digits", "data.batch_size": 64, "data.limit": 320, "views.size": 16, "data.size": 16,
    "encoder.width": 16, "encoder.depth": 4, "encoder.pool": "mean", "epochs": 2, "log_every": 2,
    "precision": "32-true",
}
METHOD = {"barlow_twins": {"method.dim": 32, "method.hidden": 32}, "moco": {"method.queue": 128, "method.hidden": 32},
          "simsiam": {"method.hidden": 32, "method.bottleneck": 16}}


def small(name: str, **more: Any) -> dict[str, Any]:
    """Settings that make any picture method tiny."""
    return {**SMALL, **METHOD.get(name.partition(".")[0], {"method.hidden": 32, "method.dim": 16}), **more}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small SimCLR run; not to be changed."""
    from counterpoint.verbs.runs import fit

    return fit("simclr.tiny", out=tmp_path_factory.mktemp("runs") / "done", quiet=True, **small("simclr")).path
