"""Reading a run folder: every file may be missing or broken except ``run.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import read_json
from counterpoint.report.run import Run

LOG_BYTES = 200_000


def is_run(folder: str | Path) -> bool:
    """Whether ``folder`` holds a run."""
    return (Path(folder) / "run.json").is_file()


def read(folder: str | Path) -> Run:
    """Read a run folder (or a text file ``latest`` that names one).

    Raises
    ------
    CounterpointError
        If there is no ``run.json``, or it is not a JSON object.
    """
    folder = Path(folder)
    if folder.is_file() and folder.stat().st_size < 4096:
        folder = folder.parent / folder.read_text(encoding="utf-8").strip()
    if not is_run(folder):
        raise CounterpointError(
            f"{folder} is not a run folder: it has no run.json.",
            "A folder that counterpoint fit wrote is needed.",
            "counterpoint list runs",
        )
    info = read_json(folder / "run.json")
    if not isinstance(info, dict):
        raise CounterpointError(
            f"{folder / 'run.json'} holds no JSON object.",
            "It should name status and name.",
            "counterpoint list runs",
        )
    problems: list[str] = []
    rows = _lines(folder / "metrics.jsonl", problems)
    notices = [str(row.get("message", "")) for row in rows if row.get("kind") == "warning"]
    return Run(
        folder=folder,
        info=info,
        settings=_settings(folder / "recipe.yaml", problems),
        stamp=_object(folder / "stamp.json", problems),
        evaluation=_object(folder / "evaluation.json", problems),
        steps=[row for row in rows if row.get("kind") == "step"],
        epochs=[row for row in rows if row.get("kind") == "epoch"],
        notices=[text for text in notices if text],
        arrays=_arrays(folder / "embeddings.npz", problems),
        brain=_arrays(folder / "brain.npz", problems),
        examples=_arrays(folder / "examples.npz", problems),
        log=_tail(folder / "train.log"),
        problems=problems,
    )


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries with their keys joined by dots.

    >>> flatten({"data": {"source": "digits", "limit": None}, "seed": 0})
    {'data.source': 'digits', 'data.limit': None, 'seed': 0}
    """
    if not isinstance(value, Mapping):
        return {prefix: value}
    rows: dict[str, Any] = {}
    for key, item in value.items():
        rows.update(flatten(item, f"{prefix}.{key}" if prefix else str(key)))
    return rows


def _object(path: Path, problems: list[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = read_json(path)
    except CounterpointError as error:
        problems.append(f"{path.name} could not be read: {error.__cause__}")
        return {}
    return value if isinstance(value, dict) else {}


def _settings(path: Path, problems: list[str]) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        return {}
    try:
        return flatten(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problems.append(f"{path.name} could not be read: {error}")
        return {}


def _lines(path: Path, problems: list[str]) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    rows, broken = [], 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line) if line.strip() else None
        except ValueError:
            row, broken = None, broken + 1
        if isinstance(row, dict):
            rows.append(row)
    if broken:
        problems.append(f"{path.name} has {broken} line(s) that are not JSON; they were left out.")
    return rows


def _arrays(path: Path, problems: list[str]) -> dict[str, np.ndarray]:
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except Exception as error:  # a broken archive raises many kinds, and the page must still be written
        problems.append(f"{path.name} could not be read: {error}")
        return {}


def _tail(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - LOG_BYTES, 0))
        return file.read().decode("utf-8", errors="replace")
