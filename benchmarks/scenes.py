"""Pictures per second of the scene generator on one thread, and of its captions and hard negatives.

    python benchmarks/scenes.py [--number 2000] [--json FILE] [--stamps]

Times are process CPU time, best of three, so that other work on the machine disturbs them little.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from counterpoint.data.scenes import scenes
from counterpoint.data.scenes_negatives import hard_negatives
from counterpoint.data.stamps import cutouts


def rate(number: int, work: Callable[[], Any]) -> float:
    """Things per second of CPU time, best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return number / best


def measure(number: int, *, stamps: bool) -> list[dict[str, Any]]:
    """One row for each kind of sprite, number of objects and size."""
    kinds: dict[str, Any] = {"procedural": "procedural"}
    if stamps:
        kinds["stamps"] = cutouts(named=True)
    rows = []
    for kind, sprites in kinds.items():
        for objects in (1, (1, 3), 5):
            for size in (32, 48, 64):
                make = partial(scenes, number, size=size, objects=objects, sprites=sprites)
                value = rate(number, make)
                rows.append({"what": f"{kind}, {objects} objects, {size} px", "per_second": round(value)})
    source = scenes(number, size=16)
    value = rate(number, lambda: hard_negatives(source))
    rows.append({"what": "five hard negatives per picture, (1, 3) objects", "per_second": round(value)})
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--stamps", action="store_true", help="photographs too; the stamps must be there")
    given = parser.parse_args()
    rows = measure(given.number, stamps=given.stamps)
    for row in rows:
        print(f"{row['what']:<52}{row['per_second']:>9,} pictures/s")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
