"""Names to files, read from the source tree alone: nothing here imports torch or runs a method.

A system is a file in ``methods/``; its docstring opens with a regular head that is parsed with :mod:`ast`::

    \"\"\"SimCLR: both views of the batch are each other's negatives.

    Paper: A Simple Framework for Contrastive Learning of Visual Representations
    Authors: Chen, Ting and Kornblith, Simon and Norouzi, Mohammad and Hinton, Geoffrey
    Venue: ICML
    Year: 2020
    Code: google-research/simclr
    Modality: image
    Objective: nt_xent

    Longer text: the equation, the parts, where the paper and the authors' code differ.
    \"\"\"

Packages outside join through the entry-point group ``counterpoint.methods`` (name -> module).
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from counterpoint.core.errors import CounterpointError, unknown

PACKAGE = Path(__file__).resolve().parent.parent
FIELDS = ("Paper", "Authors", "Venue", "Year", "Code", "Modality", "Objective")


@dataclass(frozen=True)
class System:
    """One published system as its file's head describes it."""

    name: str
    title: str
    paper: str
    authors: str
    venue: str
    year: int
    code: str
    modality: str
    objectives: tuple[str, ...]
    text: str
    path: Path = field(repr=False)
    module: str = field(repr=False)

    def bibtex(self) -> str:
        """The paper as a BibTeX entry."""
        rows = {"title": self.paper, "author": self.authors, "booktitle": self.venue, "year": str(self.year)}
        body = ",\n".join(f"  {key} = {{{value}}}" for key, value in rows.items() if value)
        return f"@inproceedings{{{self.name}{self.year},\n{body}\n}}"


def parse_head(name: str, path: Path, module: str) -> System:
    """Read the head of one method file; an incomplete head is an error that names the missing field."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    title, _, rest = doc.partition("\n")
    values = dict(re.findall(rf"^({'|'.join(FIELDS)}): *(.+)$", rest, flags=re.MULTILINE))
    missing = [key for key in FIELDS if key not in values]
    if missing:
        raise CounterpointError(f"{path.name} has no {', '.join(missing)} in its docstring head.",
                                f"A method's head carries {', '.join(FIELDS)}.")
    text = re.sub(rf"^({'|'.join(FIELDS)}): .+\n?", "", rest, flags=re.MULTILINE).strip()
    return System(
        name=name, title=title.strip(), paper=values["Paper"], authors=values["Authors"],
        venue=values["Venue"], year=int(values["Year"]), code=values["Code"], modality=values["Modality"],
        objectives=tuple(re.split(r"[,\s]+", values["Objective"].strip())), text=text, path=path, module=module,
    )


@cache
def systems() -> dict[str, System]:
    """Every system by name, the package's own and those of installed plug-ins, in alphabetical order."""
    found = {
        path.stem: parse_head(path.stem, path, f"counterpoint.methods.{path.stem}")
        for path in (PACKAGE / "methods").glob("[a-z]*.py")
    }
    for point in entry_points(group="counterpoint.methods"):
        spec = importlib.util.find_spec(point.value)
        if spec and spec.origin:
            found.setdefault(point.name, parse_head(point.name, Path(spec.origin), point.value))
    return dict(sorted(found.items()))


def system(name: str) -> System:
    """The system called ``name``; an unknown name is an error with the closest one."""
    if name not in systems():
        raise unknown("system", name, systems(), "counterpoint list")
    return systems()[name]


def recipe_module(name: str) -> ModuleType:
    """The recipe file of a system (``counterpoint.recipes.NAME``, or ``recipes`` beside a plug-in's method)."""
    module = system(name).module
    own = module.startswith("counterpoint.methods.")
    return importlib.import_module(f"counterpoint.recipes.{name}" if own else f"{module}_recipes")


def recipe_functions(name: str) -> dict[str, str]:
    """Variants of a system's recipe with the first line of each docstring, read without running the file."""
    own = system(name).module.startswith("counterpoint.methods.")
    beside = system(name).path
    path = PACKAGE / "recipes" / f"{name}.py" if own else beside.with_name(f"{beside.stem}_recipes.py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: (ast.get_docstring(node) or "").strip() for node in tree.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}


def method_class(name: str) -> type[Any]:
    """The one public class of a method file (imports torch)."""
    module = importlib.import_module(system(name).module)
    classes = [value for key, value in vars(module).items()
               if isinstance(value, type) and value.__module__ == module.__name__ and not key.startswith("_")]
    if len(classes) != 1:
        raise CounterpointError(f"{module.__name__} defines {len(classes)} public classes.",
                                "A method file defines exactly one.")
    return classes[0]


@cache
def public_names(package: str) -> dict[str, str]:
    """``{public function or class: module}`` for the files of a package, read without importing them.

    A function that bears the name of a file of the package is left to that file: ``package.name`` is the module.
    """
    folder = PACKAGE.joinpath(*package.split(".")[1:])
    names: dict[str, str] = {}
    files = sorted(folder.glob("[a-z]*.py"))
    modules = {path.stem for path in files}
    for path in files:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if (isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
                    and node.name not in modules):
                if node.name in names:
                    raise CounterpointError(f"{package} defines {node.name} in {names[node.name]} and {path.stem}.")
                names[node.name] = f"{package}.{path.stem}"
    return names


def lazy_exports(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` for a package whose files define what it offers.

    >>> import counterpoint.objectives as objectives
    >>> "nt_xent" in dir(objectives)
    True
    """

    def getattr_(name: str) -> Any:
        if name.startswith("_") or name not in public_names(package):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(public_names(package)[name]), name)

    return getattr_, lambda: sorted(public_names(package))
