"""Documentation is run: commands parse, quick ones are executed, excerpts and links are true."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from counterpoint import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.rst"), *ROOT.glob("evidence/*.md")])
QUICK = ("list", "show", "data list", "evidence", "doctor", "--help", "--version")


def shell_lines(text: str) -> list[str]:
    """Commands of the ``console`` blocks of a Markdown or reStructuredText page, without prompts."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, flags=re.M | re.S)
    blocks += re.findall(r"^( *)\.\. code-block:: console\n\n((?:\1 +.*\n|\n)+)", text, flags=re.M)
    lines = "\n".join(block if isinstance(block, str) else block[1] for block in blocks).splitlines()
    commands = [line.strip().removeprefix("$ ").partition("  #")[0].strip() for line in lines]
    return [command for command in commands if command]


def all_commands(program: str) -> list[tuple[str, ...]]:
    """Every command line of a program in the pages, once."""
    found = {
        tuple(shlex.split(line)) for page in PAGES for line in shell_lines(page.read_text(encoding="utf-8"))
    }
    return sorted(words[1:] for words in found if words[0].removeprefix(".venv/bin/") == program)


COMMANDS = all_commands("counterpoint")


def test_the_pages_have_commands_and_nothing_unknown() -> None:
    programs = {
        shlex.split(line)[0] for page in PAGES for line in shell_lines(page.read_text(encoding="utf-8"))
    }
    assert programs <= {"counterpoint", "make", "pip", "git", "cd", "torchrun", ".venv/bin/counterpoint"}
    assert len(COMMANDS) >= 12


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Verbs that note how they were called instead of working."""
    calls: list[tuple[str, dict[str, Any]]] = []
    real = cli.function_of

    def instead(path: str) -> Callable[..., Any]:
        function = real(path)

        @functools.wraps(function)
        def note(*args: Any, **settings: Any) -> None:
            calls.append((function.__name__, settings))

        return note

    def fit(spec: str = "", **settings: Any) -> None:
        calls.append((spec, settings))

    monkeypatch.setattr(cli, "function_of", instead)
    monkeypatch.setattr("counterpoint.verbs.runs.fit", fit)
    return calls


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_parse(words: tuple[str, ...], recorded: list[Any]) -> None:
    if "--config" in words:
        pytest.skip("names a file of the reader's")
    if "--help" in words:
        with pytest.raises(SystemExit) as ended:
            cli.run(list(words))
        assert ended.value.code == 0
    else:
        printed = cli.run(list(words))
        assert recorded or isinstance(printed, str)


def test_a_wrong_flag_in_a_page_would_be_noticed(recorded: list[Any]) -> None:
    with pytest.raises(cli.CounterpointError, match="is not an option"):
        cli.run(["compare", "simclr", "dcl", "--epcohs", "5"])
    with pytest.raises(cli.CounterpointError, match="Did you mean"):
        cli.run(["fit", "simclr", "--data.sise", "64"])


@pytest.mark.parametrize("words", [w for w in COMMANDS if " ".join(w).startswith(QUICK)], ids=" ".join)
def test_quick_commands_run(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(list(words)) == 0
    assert capsys.readouterr().out.strip()


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    used = {word for words in all_commands("make") for word in words if "=" not in word}
    assert {"demo", "test"} <= used <= targets


def test_readme_opens_with_the_two_commands() -> None:
    lines = [shlex.split(line, comments=True) for line in shell_lines((ROOT / "README.md").read_text())[:2]]
    assert lines == [["make", "demo"], ["make", "test"]]


def test_extras_that_are_named_exist() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"])
    text = "".join(path.read_text(encoding="utf-8") for path in [*PAGES, *(ROOT / "src").rglob("*.py")])
    named = {extra for group in re.findall(r"counterpoint\[([\w,-]+)\]", text) for extra in group.split(",")}
    assert named
    assert named <= extras


def test_links_to_files_of_the_repository_lead_somewhere() -> None:
    made_later = {"docs/_static/report.png"}
    for page in ROOT.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and target not in made_later:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def excerpts() -> list[tuple[str, str]]:
    """Blocks of CONTRIBUTING that say which file they are from."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(r"<!-- from (\S+) -->\n```python\n(.*?)```", text, flags=re.S)


@pytest.mark.parametrize(("path", "excerpt"), excerpts())
def test_excerpts_are_what_the_files_say(path: str, excerpt: str) -> None:
    def flat(text: str) -> str:
        return re.sub(r"\s+", "", text)

    assert flat(excerpt) in flat((ROOT / path).read_text(encoding="utf-8"))


def python_blocks(page: Path) -> list[str]:
    """Python examples of a Markdown page."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def test_readme_formula_runs() -> None:
    import torch

    block = next(block for block in python_blocks(ROOT / "README.md") if "counterpoint.objectives" in block)
    values: dict[str, Any] = {"z_a": torch.randn(8, 4), "z_b": torch.randn(8, 4)}
    exec(block, values)
    assert torch.isfinite(values["loss"])


@pytest.mark.slow
def test_readme_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    import counterpoint

    real = counterpoint.fit
    small = {"epochs": 1, "data.limit": 256, "data.size": 16, "probe_every": 0}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(counterpoint, "fit", lambda spec: real(spec, quiet=True, **small), raising=False)
    block = next(block for block in python_blocks(ROOT / "README.md") if "cp.fit" in block)
    values: dict[str, Any] = {"images": np.zeros((3, 3, 32, 32), np.uint8)}
    exec(block, values)
    assert values["z"].shape[0] == 3
    assert values["z"].dtype == np.float32
    assert (values["run"].path / "report.html").is_file()


def test_the_build_machine_runs_what_the_makefile_offers() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=False).returncode == 0
    order = [script.index(f"make {target}") for target in ("setup", "lint", "docs", "test")]
    assert order == sorted(order)
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_pages_of_systems_are_written_from_their_files(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    try:
        import systems as extension
    finally:
        sys.path.pop(0)
    from counterpoint.core.discovery import system

    page = extension.system_page(system("dcl"), evidence=ROOT / "evidence")
    for part in (
        "Decoupled Contrastive Learning",
        "counterpoint fit dcl.tiny",
        "counterpoint reproduce dcl",
        "dcl_loss",
        "@inproceedings{dcl2022",
        "0.682",
    ):
        assert part in page
