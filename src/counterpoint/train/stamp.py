"""The stamp: what a run ran on, enough to say later why two runs differ."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from counterpoint.train.run import now

LIBRARIES = ("counterpoint", "torch", "torchvision", "lightning", "torchmetrics", "timm", "numpy", "scikit-learn",
             "safetensors", "jsonargparse", "matplotlib", "pillow")


def library_versions(names: tuple[str, ...] = LIBRARIES) -> dict[str, str | None]:
    """Installed versions; ``None`` where a library is absent."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def git_state(folder: Path) -> dict[str, Any]:
    """Commit of the source tree and whether it was changed since; empty outside a checkout."""
    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))} if commit else {}
    except OSError:
        return {}


def devices() -> list[str]:
    """Names of the devices torch sees."""
    import torch

    if torch.cuda.is_available():
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return [f"{platform.machine()} CPU, {torch.get_num_threads()} threads"]


def from_command_line() -> bool:
    """Whether this process is the command ``counterpoint``, however it was started."""
    return Path(sys.argv[0]).name in ("counterpoint", "cli.py")


def make_stamp(*, seed: int, data: dict[str, Any]) -> dict[str, Any]:
    """Command, versions, devices, seed and data hash, as written to stamp.json."""
    return {
        "command": shlex.join(["counterpoint", *sys.argv[1:]]) if from_command_line() else "Python",
        "started": now(),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "libraries": library_versions(),
        "source": git_state(Path(__file__).resolve().parent),
        "devices": devices(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "seed": seed,
        "view_seeds": "blake2b(seed/batch/process)",
        "data": data,
    }


def peak_memory_mb() -> float:
    """Largest resident set of this process so far, in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
