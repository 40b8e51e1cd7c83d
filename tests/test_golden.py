"""Golden vectors: every file in ``tests/golden`` against the function it is named after.

A file is called ``FAMILY__FUNCTION[__VARIANT].npz``. Its arrays are the arguments, ``kw_json`` the keywords,
``expected`` (or ``expected_FIELD`` for a named tuple) the value and ``grad_ARGUMENT`` the gradients. Set
``COUNTERPOINT_RECORD_GOLDEN=PATH`` to write ``{function: {files, passed, max_error}}`` there at the end.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import counterpoint.brain as brain
import counterpoint.data as data
import counterpoint.encoders as encoders
import counterpoint.evaluate as evaluate
import counterpoint.objectives as objectives
from counterpoint.brain.diffusion import DiffusionSchedule
from counterpoint.core.files import write_json

FILES = sorted((Path(__file__).parent / "golden").glob("*.npz"))
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
RECORD: dict[str, dict[str, dict[str, Any]]] = {}
"""function -> file -> {"passed": bool, "error": largest float64 error}."""


def function_name(file: Path) -> str:
    """``dcl__dclw_loss__attached.npz`` is a file of ``dclw_loss``."""
    return file.stem.split("__")[1]


def resolve(name: str) -> tuple[Callable[..., Any], bool]:
    """The function or class and whether it is an objective."""
    if name == "diffusion_schedule":
        return DiffusionSchedule, False
    if name in dir(objectives):
        return getattr(objectives, name), True
    for package in (evaluate, data, brain, encoders):
        if name in dir(package):
            return getattr(package, name), False
    pytest.fail(f"a golden file asks for {name}, which no package has")


def arguments(stored: dict[str, np.ndarray], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The input arrays as tensors; those whose gradient is stored ask for one."""
    reserved = ("kw_json", "source", "source_note")
    notes = ("expected", "grad_", "param_", "also_", "upstream", "official_")
    found = {}
    for key, value in stored.items():
        if key not in reserved and not key.startswith(notes):
            tensor = torch.from_numpy(value)
            found[key] = tensor.to(dtype) if tensor.is_floating_point() else tensor
            found[key].requires_grad_(f"grad_{key}" in stored)
    return found


def errors(name: str, got: Any, expected: np.ndarray) -> float:
    """Largest error, relative to the largest expected entry where that exceeds 1."""
    target = torch.from_numpy(np.asarray(expected)).double()
    value = torch.as_tensor(got).detach().double()
    assert value.shape == target.shape, f"{name}: shape {tuple(value.shape)}, expected {tuple(target.shape)}"
    assert bool(torch.isfinite(value).all()), f"{name} is not finite"
    return (
        float((value - target).abs().max() / max(1.0, float(target.abs().max()))) if target.numel() else 0.0
    )


def call(function: Any, inputs: dict[str, torch.Tensor], keywords: dict[str, Any], stored: dict[str, np.ndarray],
         dtype: torch.dtype) -> Any:
    """The function's value; a module is built from the keywords, given the stored parameters and run."""
    if function is DiffusionSchedule:
        return schedule_values(function(**keywords), inputs)
    if not isinstance(function, type):
        return function(**inputs, **keywords)
    module = function(**keywords)
    names = {key.replace("blocks.", "block").replace(".", "_"): key for key in module.state_dict()}
    given = {key[6:]: torch.from_numpy(value) for key, value in stored.items() if key.startswith("param_")}
    assert set(given) == set(names), f"parameters {sorted(set(given) ^ set(names))} do not line up"
    module.load_state_dict({names[key]: value for key, value in given.items()})
    return module.to(dtype).eval()(*inputs.values())


def schedule_values(schedule: Any, inputs: dict[str, torch.Tensor]) -> SimpleNamespace:
    """What the file of the diffusion schedule holds."""
    x_t = schedule.q_sample(inputs["x_start"], inputs["t"], inputs["noise"])
    mean, _, log_variance = schedule.q_posterior(inputs["x_start"], x_t, inputs["t"])
    return SimpleNamespace(betas=schedule.betas, alphas_cumprod=schedule.alphas_cumprod, x_t=x_t,
                           posterior_mean=mean, posterior_log_variance=log_variance)


def largest_error(file: Path, path: str, dtype: torch.dtype) -> float:
    """Run one golden file and return the largest error over its values and gradients."""
    with np.load(file, allow_pickle=False) as opened:
        stored = {key: opened[key] for key in opened.files}
    function, is_objective = resolve(function_name(file))
    inputs, keywords = arguments(stored, dtype), json.loads(str(stored["kw_json"]))
    with objectives.kernel_path(path):
        out = call(function, inputs, keywords, stored, dtype)
    if isinstance(out, torch.Tensor) and is_objective:
        assert out.dtype == dtype
    found = []
    for key, value in stored.items():
        if key == "expected":
            found.append(errors(key, out[0] if isinstance(out, tuple) else out, value))
        elif key.startswith("expected_") and "reduction" in keywords:
            found.append(errors(key, function(**inputs, **{**keywords, "reduction": key[9:]}), value))
        elif key.startswith("expected_"):
            found.append(errors(key, getattr(out, key[9:]), value))
    if any(key.startswith("grad_") for key in stored):
        (out if isinstance(out, torch.Tensor) else out[0]).backward()
    for key, value in inputs.items():
        if f"grad_{key}" in stored:
            assert value.grad is not None, f"no gradient for {key}"
            found.append(errors(f"grad_{key}", value.grad, stored[f"grad_{key}"]))
    return max(found)


@pytest.fixture(scope="module", autouse=True)
def record() -> Iterator[None]:
    """Write what passed, where asked to."""
    yield
    if target := os.environ.get("COUNTERPOINT_RECORD_GOLDEN"):
        rows = {
            name: {
                "files": len(files),
                "passed": sum(entry["passed"] for entry in files.values()),
                "max_error": max(entry["error"] for entry in files.values()),
            }
            for name, files in sorted(RECORD.items())
        }
        write_json(target, rows)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("path", ["dense", "streamed"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_golden(file: Path, path: str, dtype: torch.dtype) -> None:
    """Values and gradients agree, on both kernel paths (which a function may not have: then they are one)."""
    entry = RECORD.setdefault(function_name(file), {}).setdefault(file.stem, {"passed": True, "error": 0.0})
    passed, entry["passed"] = entry["passed"], False
    error = largest_error(file, path, dtype)
    if dtype == torch.float64:
        entry["error"] = max(entry["error"], error)
    assert error <= TOLERANCE[dtype]
    entry["passed"] = passed


def test_there_are_golden_files() -> None:
    """An empty folder must not pass for a checked one."""
    assert FILES
