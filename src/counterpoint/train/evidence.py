"""The evidence table: generated from what ran, never written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from counterpoint.core.discovery import PACKAGE, systems
from counterpoint.core.files import read_json


def evidence_folder(folder: Path) -> Path:
    """``folder`` if it exists, else the verdicts that were shipped with the package."""
    shipped = PACKAGE / "_evidence"
    return folder if folder.is_dir() or not shipped.is_dir() else shipped


def evidence_rows(folder: Path) -> list[dict[str, Any]]:
    """One row per system: golden calls, newest verdict, when and on what commit it was measured."""
    folder = evidence_folder(folder)
    golden = read_json(folder / "golden.json") if (folder / "golden.json").exists() else {}
    return [row_of(name, item.objectives, golden, folder) for name, item in systems().items()]


def row_of(name: str, objectives: tuple[str, ...], golden: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The row of one system."""
    calls = [golden[objective] for objective in objectives if objective in golden]
    path = folder / f"{name}.json"
    newest = read_json(path)["verdicts"][-1] if path.exists() else None
    row: dict[str, Any] = {"system": name, "golden_passed": sum(c["passed"] for c in calls),
                           "golden_files": sum(c["files"] for c in calls), "verdict": None}
    if newest:
        row |= {"verdict": newest["verdict"], "version": newest["version"], "seeds": len(newest["seeds"]),
                "measured": newest["stamp"]["started"][:10], "commit": newest["stamp"]["source"].get("commit", "")[:8],
                "contrasts": newest["contrasts"], "statement": newest["statement"]}
    return row


def evidence_table(folder: Path) -> Table:
    """The rows for a terminal; a claim that fails is shown as failing."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("system", "golden", "claim", "seeds", "measured", "commit", "numbers"):
        table.add_column(column, no_wrap=column != "numbers")
    for row in evidence_rows(folder):
        golden = f"{row['golden_passed']}/{row['golden_files']}" if row["golden_files"] else "none recorded"
        if row["verdict"] is None:
            table.add_row(row["system"], golden, "no verdict yet", "", "", "", "")
            continue
        numbers = "; ".join(f"{c['name']} {c['mean']:+.3f} [{c['low']:+.3f}, {c['high']:+.3f}]"
                            for c in row["contrasts"])
        style = {"holds": "green", "does not hold": "red"}.get(row["verdict"], "yellow")
        table.add_row(row["system"], golden, f"[{style}]{row['verdict']}[/]", str(row["seeds"]), row["measured"],
                      row["commit"], numbers)
    return table
