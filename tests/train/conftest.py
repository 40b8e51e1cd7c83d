"""Small runs that train in a second or two, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from counterpoint.core.discovery import system
from counterpoint.train.build import method_settings

SMALL: dict[str, Any] = {
    "data.source": "digits", "data.batch_size": 64, "data.limit": 320, "views.size": 16, "data.size": 16,
    "encoder.width": 16, "encoder.depth": 4, "encoder.pool": "mean", "epochs": 2, "log_every": 2,
    "precision": "32-true",
}
SIZES = {"hidden": 32, "dim": 16, "bottleneck": 16, "queue": 128}
"""Settings of methods by name, for those that have them."""
OWN: dict[str, dict[str, Any]] = {"barlow_twins": {"method.dim": 32}, "moco": {"method.dim": 128}}
"""What single systems need beside or instead."""


BRAIN: dict[str, Any] = {
    "data.options": {"train": 40, "test": 12, "voxels": 60, "features": "factors"}, "data.batch_size": 8,
    "data.subjects": ("1",), "data.validation": 0.0, "views.picture": "", "views.text": "hash", "views.components": 0,
    "encoder.hidden": 16, "encoder.blocks": 1, "encoder.heads": 2, "encoder.token_width": 8,
    "encoder.attention_width": 8, "epochs": 2, "log_every": 2}
PRIOR = {"method.prior_depth": 1, "method.prior_heads": 2, "method.timesteps": 4}
DECODERS = {"ridge": {}, "mindeye": {"method.hidden": 16, **PRIOR}, "sttm": {"method.hidden": 16, **PRIOR},
            "wave": {"data.options": {"train": 40, "test": 12, "features": "factors", "kind": "timeseries"}, **PRIOR}}


def small(name: str, **more: Any) -> dict[str, Any]:
    """Settings that make any method tiny."""
    system_name = name.partition(".")[0]
    if system(system_name).modality == "brain":
        return {**BRAIN, **DECODERS.get(system_name, {}), **more}
    sizes = {f"method.{key}": value for key, value in SIZES.items() if key in method_settings(system_name)}
    return {**SMALL, **sizes, **OWN.get(system_name, {}), **more}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small SimCLR run; not to be changed."""
    from counterpoint.verbs.runs import fit

    return fit("simclr.tiny", out=tmp_path_factory.mktemp("runs") / "done", quiet=True, **small("simclr")).path
