"""The habits of the package: cheap imports, no side effects, sizes, discovery, and what is shipped."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterpoint.core.discovery import PACKAGE, method_class, public_names, recipe_module, systems

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(
    {
        ".".join(["counterpoint", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        for path in FILES
    }
)
HEAVY = ("torch", "lightning", "timm", "matplotlib", "sklearn", "torchvision", "pandas")
EXPORTING = tuple(f"counterpoint.{name}" for name in ("objectives", "evaluate", "encoders", "data", "brain"))


def python(code: str, *, where: Path, path: Path = PACKAGE.parent, **environment: str) -> str:
    """What ``code`` prints in a fresh interpreter that sees the package at ``path``."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=where,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1", **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command(*words: str, where: Path, path: Path = PACKAGE.parent) -> str:
    """What ``counterpoint WORDS`` prints."""
    return python(
        f"import sys; from counterpoint.cli import main; sys.exit(main({list(words)!r}))",
        where=where,
        path=path,
    )


# ---- importing ---------------------------------------------------


@pytest.mark.parametrize(
    "words", [None, ["--help"], ["list"], ["list", "--json"], ["show", "simclr"], ["data", "list"]], ids=str
)
def test_light_commands_load_no_heavy_library(words: list[str] | None, tmp_path: Path) -> None:
    use = "" if words is None else f"from counterpoint.cli import main; assert main({words!r}) == 0; "
    printed = python(
        f"import sys, counterpoint; {use}print('\\n', [name for name in {HEAVY!r} if name in sys.modules])",
        where=tmp_path,
    )
    assert printed.splitlines()[-1].strip() == "[]"


def test_importing_has_no_side_effects(tmp_path: Path) -> None:
    code = """
import json, logging, os, sys, warnings
def state():
    return [dict(os.environ), len(logging.getLogger().handlers), logging.getLogger().level,
            len(warnings.filters), str(sys.excepthook), os.getcwd()]
before = state()
import counterpoint, counterpoint.cli, counterpoint.objectives, counterpoint.evaluate
dir(counterpoint), dir(counterpoint.objectives)
print(json.dumps([a == b for a, b in zip(before, state())]))
"""
    home = tmp_path / "home"
    home.mkdir()
    printed = python(code, where=tmp_path, HOME=str(home), COUNTERPOINT_CACHE=str(home / "cache"))
    assert all(json.loads(printed)), printed
    assert list(tmp_path.rglob("*")) == [home]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports(name: str) -> None:
    assert importlib.import_module(name).__doc__


def test_verbs_do_not_hide_parts_of_the_package() -> None:
    parts = {path.stem for path in PACKAGE.iterdir()}
    assert not parts & set(public_names("counterpoint.verbs"))


# ---- the shape of files ------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < 250, f"{path.name} is too long to read in one go"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert body_lines(node) < 40, f"{path.name}: {node.name} has {body_lines(node)} lines"


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from its first statement after the docstring to its end."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_file_is_a_drawer_of_odds_and_ends() -> None:
    assert not {"utils", "util", "helpers", "misc", "common"} & {path.stem for path in FILES}


@pytest.mark.parametrize("package", EXPORTING)
def test_no_exported_name_is_also_a_file(package: str) -> None:
    names, files = (
        set(public_names(package)),
        {path.stem for path in (PACKAGE / package.split(".")[1]).glob("*.py")},
    )
    assert names
    assert not names & files


@pytest.mark.parametrize(
    "name", [f"{module}.{name}" for package in EXPORTING for name, module in public_names(package).items()]
)
def test_public_formulas_and_measures_are_documented(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    assert inspect.getdoc(found), name
    exported = getattr(importlib.import_module(module.rpartition(".")[0]), attribute)
    assert exported is found


# ---- systems -----------------------------------------------------


@pytest.mark.parametrize("name", systems())
def test_a_system_is_one_final_class(name: str) -> None:
    from counterpoint.base.decoder import Decoder
    from counterpoint.base.learner import Learner
    from counterpoint.base.sampler import Sampler

    found = method_class(name)
    assert set(found.__bases__) & {Learner, Decoder, Sampler}, "a system stands on a base, not on another system"
    assert len(found.__bases__) <= 2
    assert (found.__doc__ or "").strip()


def test_methods_and_recipes_have_equal_names() -> None:
    methods, recipes = (
        {path.stem for path in (PACKAGE / folder).glob("[a-z]*.py")} for folder in ("methods", "recipes")
    )
    assert methods == recipes


@pytest.mark.parametrize("name", systems())
def test_objectives_in_a_head_exist(name: str) -> None:
    known = {key for package in EXPORTING for key in public_names(package)}
    assert set(systems()[name].objectives) <= known


@pytest.mark.parametrize("name", systems())
def test_every_system_has_a_tiny_and_a_default_recipe(name: str) -> None:
    module = recipe_module(name)
    for variant in ("tiny", "default"):
        assert inspect.getdoc(getattr(module, variant)), variant


def names_in(path: Path) -> Iterator[str]:
    """Identifiers in a file, modules it imports, and strings that are nothing but a name; no prose."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case (
                ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name))
            ):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.ImportFrom(module=module, names=names):
                yield from (module or "").split(".")
                yield from (item.name for item in names)
            case ast.Import(names=names):
                yield from (part for item in names for part in item.name.split("."))
            case ast.Constant(value=str(text)) if re.fullmatch(r"[\w.]+", text):
                yield from text.split(".")


def test_dcl_is_named_in_its_three_files_only() -> None:
    own = {PACKAGE / part for part in ("objectives/decoupled.py", "methods/dcl.py", "recipes/dcl.py")}
    assert all(any(re.match(r"dcl", name, re.I) for name in names_in(path)) for path in own)
    strangers = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in FILES
        if path not in own
        for name in names_in(path)
        if re.search(r"(^|_)dclw?(_|$)|^decoupled$", name, re.I)
    }
    assert not strangers


OBJECTIVE = '''"""A made-up formula."""

from __future__ import annotations

from torch import Tensor


def made_up_loss(z_a: Tensor, z_b: Tensor) -> Tensor:
    """Mean squared distance."""
    return (z_a - z_b).square().mean()
'''
METHOD = '''"""MadeUp: pull the views together and nothing else.

Paper: A Paper Nobody Wrote
Authors: One, Some and Two, Some
Venue: Nowhere
Year: 2031
Code: none
Modality: image
Objective: made_up_loss

It collapses.
"""

from __future__ import annotations

from torch import Tensor

from counterpoint.base.learner import Learner
from counterpoint.core.typing import Batch
from OBJECTIVES import made_up_loss


class MadeUp(Learner):
    """An encoder.

    Parameters
    ----------
    encoder : Encoder
    strength : float
    """

    def __init__(self, encoder, *, strength: float = 1.0) -> None:
        super().__init__(encoder)
        self.strength = strength

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        z_a, z_b = (self.encoder(view) for view in batch["views"])
        return {"made_up": self.strength * made_up_loss(z_a, z_b)}

    def embed(self, batch: Batch) -> Tensor:
        return self.encoder(batch["views"][0])
'''
RECIPE = '''"""MadeUp recipes."""

from __future__ import annotations

from counterpoint.base.recipe import Recipe
from counterpoint.data.spec import ImageData


def tiny() -> Recipe:
    """Digits; seconds."""
    return Recipe(data=ImageData(source="digits", size=16, batch_size=64, limit=200), epochs=1, probe_every=0,
                  log_every=1)


def default() -> Recipe:
    """The same."""
    return tiny()
'''


@pytest.fixture(scope="module")
def copy_with_a_system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more system, added as three files."""
    source = tmp_path_factory.mktemp("copy")
    package = source / "counterpoint"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "objectives" / "invented.py").write_text(OBJECTIVE)
    (package / "methods" / "made_up.py").write_text(
        METHOD.replace("OBJECTIVES", "counterpoint.objectives.invented")
    )
    (package / "recipes" / "made_up.py").write_text(RECIPE)
    return source


def test_three_files_make_a_system(copy_with_a_system: Path, tmp_path: Path) -> None:
    listed = json.loads(command("list", "--json", where=tmp_path, path=copy_with_a_system))
    assert {
        "name": "made_up",
        "title": "MadeUp: pull the views together and nothing else.",
        "paper": "A Paper Nobody Wrote",
        "year": 2031,
        "modality": "image",
    } in listed
    shown = command("show", "made_up", where=tmp_path, path=copy_with_a_system)
    assert "It collapses." in shown
    assert "--method.strength 1.0" in shown
    assert "counterpoint fit made_up.tiny" in shown
    assert "made_up" in command("evidence", where=tmp_path, path=copy_with_a_system)


@pytest.mark.slow
def test_three_files_make_a_system_that_trains(copy_with_a_system: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command(
        "fit",
        "made_up.tiny",
        "--method.strength",
        "2.0",
        "--out",
        str(out),
        "--quiet",
        where=tmp_path,
        path=copy_with_a_system,
    )
    assert json.loads((out / "run.json").read_text())["status"] == "done"
    steps = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert any("made_up" in row.get("terms", {}) for row in steps)
    assert "A Paper Nobody Wrote" in (out / "report.html").read_text()


def test_a_package_of_ones_own_joins_by_entry_point(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(
        METHOD.replace(
            "from OBJECTIVES import made_up_loss", OBJECTIVE.partition("from torch import Tensor")[2]
        )
    )
    (tmp_path / "outside_recipes.py").write_text(RECIPE)
    info = tmp_path / "outside-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[counterpoint.methods]\nguest = outside\n")
    both = Path(f"{PACKAGE.parent}{os.pathsep}{tmp_path}")
    assert "guest" in command("list", where=tmp_path, path=both)
    assert "counterpoint fit guest.tiny" in command("show", "guest", where=tmp_path, path=both)
    code = "from counterpoint.core.discovery import method_class; print(method_class('guest').__name__)"
    assert python(code, where=tmp_path, path=both).strip() == "MadeUp"


# ---- what is shipped ---------------------------------------------


@pytest.mark.slow
def test_the_wheel_holds_templates_types_and_evidence(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for part in ("src", "evidence"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, checkout)
    name = python(
        f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))", where=checkout
    )
    with zipfile.ZipFile(tmp_path / name.split()[-1]) as wheel:
        found = set(wheel.namelist())
        entry_points = wheel.read(next(item for item in found if item.endswith("entry_points.txt"))).decode()
    expected = {
        f"counterpoint/{path.relative_to(PACKAGE)}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected <= found
    assert any("/templates/" in item for item in expected)
    assert "counterpoint/py.typed" in found
    assert any(item.startswith("counterpoint/_evidence/") for item in found)
    assert "counterpoint = counterpoint.cli:main" in entry_points
