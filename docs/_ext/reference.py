"""Reference pages: one per package, every public module and name in it, found from the files."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rst import block, heading

from counterpoint.core.discovery import PACKAGE, public_names

if TYPE_CHECKING:
    from sphinx.application import Sphinx

EXPORTING = ("objectives", "evaluate", "encoders", "data", "brain")
"""Packages whose names are imported from the package itself."""
REFERENCE = {
    "objectives": "Objectives",
    "evaluate": "Evaluation",
    "views": "Views",
    "encoders": "Encoders and heads",
    "data": "Data",
    "brain": "Brain",
    "base": "The learner and the parts that systems hold",
    "train": "Training",
    "report": "Report",
    "core": "Errors, discovery, types",
}
GOOGLE = re.compile(r"^Args:$")
ENTRY = re.compile(r"^    (\w+): (.*)$")


def setup(app: Sphinx) -> dict[str, Any]:
    """Read the docstrings of the verbs, whose ``Args:`` also serve the command line."""
    app.connect("autodoc-process-docstring", numpydoc_arguments, priority=100)
    app.connect("missing-reference", other_path)
    return {"parallel_read_safe": True}


def reference_page(package: str, title: str) -> str:
    """One package, module by module."""
    parts = [heading(title, "=")]
    for path in sorted((PACKAGE / package).rglob("[a-z]*.py")):
        if "figures" not in path.parts:
            parts += module_part(package, path)
    return "\n".join(parts)


def module_part(package: str, path: Path) -> list[str]:
    """One module: its own words, then its public names in the order they are written."""
    inner = ".".join(path.relative_to(PACKAGE / package).with_suffix("").parts)
    module = f"counterpoint.{package}.{inner}"
    offered = public_names(f"counterpoint.{package}") if package in EXPORTING else {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = [
        heading(inner.replace(".", " / ").replace("_", " ").capitalize()),
        f"``{module}``\n",
        f"{ast.get_docstring(tree) or ''}\n",
    ]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            is_class = isinstance(node, ast.ClassDef)
            home = f"counterpoint.{package}" if node.name in offered else module
            kind, options = ("autoclass", (":members:",)) if is_class else ("autofunction", ())
            parts.append(block(f"{kind}:: {home}.{node.name}", "", *options))
    return parts


def other_path(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Find ``counterpoint.PACKAGE.FILE.NAME`` under ``counterpoint.PACKAGE.NAME``, where exported names are listed."""
    words = node.get("reftarget", "").split(".")
    if node.get("refdomain") != "py" or len(words) < 4 or words[1] not in EXPORTING:
        return None
    short = ".".join([*words[:2], *words[3:]])
    found = env.get_domain("py").objects.get(short)
    if found is None:
        return None
    return env.get_domain("py").resolve_xref(env, node["refdoc"], app.builder, node["reftype"], short, node, contnode)


def verbs_page() -> str:
    """The functions behind the commands."""
    intro = "``import counterpoint as cp``: the commands as functions. Each is imported when first used.\n"
    names = public_names("counterpoint.verbs")
    functions = [block(f"autofunction:: {module}.{name}", "") for name, module in names.items()]
    return "\n".join([heading("Python", "="), intro, *functions])


def numpydoc_arguments(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn an ``Args:`` section into one that numpydoc reads."""
    starts = [place for place, line in enumerate(lines) if GOOGLE.match(line)]
    if not starts:
        return
    out = [*lines[: starts[0]], "Parameters", "----------"]
    for line in lines[starts[0] + 1 :]:
        entry = ENTRY.match(line)
        out += [entry[1], f"    {entry[2]}"] if entry else [line.removeprefix("    ")]
    lines[:] = out
