"""Fairness and evidence: compare systems, reproduce claims, print the evidence table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from counterpoint.core.errors import CounterpointError


def compare(names: Sequence[str], *, data: str = "scenes", epochs: int = 5, limit: int | None = 10000,
            seeds: Sequence[int] = (0, 1, 2), out: str | Path = "runs/compare", quiet: bool = False) -> Any:
    """Train systems on the same data with the same encoder, views, optimiser, budget and seeds; one table.

    Args:
        names: Systems, for instance simclr dcl byol. A variant may be named (moco.v3).
        data: Name or path of the pictures.
        epochs: Budget: passes over the training pictures, the same for all.
        limit: At most this many training pictures.
        seeds: Seeds; every system runs once with each.
        out: Folder for the runs and compare.json.
        quiet: Print the table only.
    """
    from counterpoint.train.compare import compare_systems

    if not names:
        raise CounterpointError("No system was named.", "", "counterpoint compare simclr dcl byol")
    return compare_systems(list(names), data=data, epochs=epochs, limit=limit, seeds=tuple(seeds), out=Path(out),
                           quiet=quiet)


def reproduce(names: Sequence[str] = (), *, all: bool = False, fast: bool = False, jobs: int = 1,
              out: str | Path = "evidence") -> Any:
    """Test a paper's central claim on fresh seeds; print and keep the verdict with its numbers.

    Args:
        names: Systems whose claim to test.
        all: Every system that states a claim.
        fast: A small version that shows the machinery; its verdict is not kept as evidence.
        jobs: Arms to run at a time, each with its share of the cores; 2 suits two cores and small batches.
        out: Folder of the verdicts.
    """
    from counterpoint.train.reproduce import claimed, reproduce_claim

    chosen = claimed() if all else list(names)
    if not chosen:
        raise CounterpointError("No system was named.", "", "counterpoint reproduce dcl")
    return [reproduce_claim(name, fast=fast, jobs=jobs, folder=Path(out)) for name in chosen]


def evidence(*, folder: str | Path = "evidence", json: bool = False) -> Any:
    """Print the evidence table: for every system golden calls, verdict of its claim, when it was last measured.

    Args:
        folder: Where the verdicts are; those shipped with the package when it does not exist.
        json: Print JSON.
    """
    from counterpoint.train.evidence import evidence_rows, evidence_table

    return evidence_rows(Path(folder)) if json else evidence_table(Path(folder))
