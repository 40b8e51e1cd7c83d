"""The command line: verbs as typed functions read by jsonargparse, and the one place where errors are caught."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from counterpoint.core.errors import CounterpointError, did_you_mean, unknown

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from counterpoint.base.recipe import Recipe

INTRODUCTION = """counterpoint: contrastive systems trained, compared, explained and checked

  counterpoint demo                            the main job in a few minutes, ends in a report
  counterpoint list                            the systems
  counterpoint show simclr                     one system: equation, settings, recipes, numbers to expect
  counterpoint fit simclr --data FOLDER        train, evaluate beside baselines, write the report
  counterpoint evaluate RUN                    score again, also on other data
  counterpoint embed RUN --data FOLDER         arrays for your own work
  counterpoint report RUN [RUN ...]            one offline page per run, or one that compares several
  counterpoint compare simclr dcl --data ...   same data, same budget, one table
  counterpoint reproduce dcl                   does the paper's claim hold?
  counterpoint evidence                        what was checked, and when
  counterpoint data list | fetch NAME          data that need no account
  counterpoint doctor                          versions, devices, what is missing

Every verb has --help. Start with: counterpoint demo"""


def verbs() -> dict[str, str]:
    """Verb -> ``file.function`` in :mod:`counterpoint.verbs`."""
    return {"demo": "runs.demo", "list": "catalogue.list_systems", "show": "catalogue.show", "fit": "",
            "evaluate": "runs.evaluate_run", "embed": "runs.embed", "report": "runs.report_runs",
            "compare": "claims.compare", "reproduce": "claims.reproduce", "evidence": "claims.evidence",
            "data list": "catalogue.list_data", "data fetch": "catalogue.fetch_data", "doctor": "catalogue.doctor"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 2 a user's error, 130 interrupted)."""
    words = list(sys.argv[1:] if argv is None else argv)
    show_traceback = "--traceback" in words
    words = [word for word in words if word != "--traceback"]
    try:
        result = run(words)
        if result is not None:
            display(result)
        return 0
    except CounterpointError as error:
        if show_traceback:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if show_traceback:
            raise
        print(f"internal error: {type(error).__name__}: {error}\nThis is a fault of counterpoint, not yours. "
              "Run it again with --traceback and report what it prints.", file=sys.stderr)
        return 1


def run(words: list[str]) -> Any:
    """Find the verb, parse its flags, call it."""
    if not words or words[0] in ("-h", "--help", "help"):
        return INTRODUCTION
    if words[0] in ("--version", "version"):
        import counterpoint

        return counterpoint.__version__
    name = " ".join(words[:2]) if words[0] == "data" else words[0]
    known = verbs()
    if name not in known:
        inner = [verb for verb in known if verb.startswith("data ")]
        raise unknown("command", name, inner if words[0] == "data" else known, "counterpoint --help")
    rest = words[len(name.split()):]
    return fit_command(rest) if name == "fit" else call(function_of(known[name]), name, rest)


def function_of(path: str) -> Callable[..., Any]:
    """The verb's function, imported."""
    import importlib

    file, name = path.split(".")
    function: Callable[..., Any] = getattr(importlib.import_module(f"counterpoint.verbs.{file}"), name)
    return function


def call(function: Callable[..., Any], verb: str, words: list[str]) -> Any:
    """Parse ``words`` by the function's signature: what is not keyword-only there is given by position."""
    import inspect

    parser = make_parser(f"counterpoint {verb}", (function.__doc__ or "").partition("\n")[0])
    places = [item for item in inspect.signature(function).parameters.values()
              if item.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    for item in places:
        several = str(item.annotation).startswith("Sequence")
        optional = item.default is not inspect.Parameter.empty
        parser.add_argument(item.name, type=str, nargs="*" if several else "?" if optional else None)
    parser.add_function_arguments(function, skip={item.name for item in places}, fail_untyped=False)
    switches = {f"--{item.name}" for item in inspect.signature(function).parameters.values()
                if item.annotation == "bool"}
    found = vars(parse(parser, [f"{word}=true" if word in switches else word for word in words]))
    return function(**{key: value for key, value in found.items()
                       if value is not None or key not in {item.name for item in places}})


def make_parser(program: str, description: str) -> ArgumentParser:
    """A parser that raises instead of leaving the program."""
    from jsonargparse import ArgumentParser

    return ArgumentParser(prog=program, description=description, exit_on_error=False)


def parse(parser: ArgumentParser, words: list[str]) -> Any:
    """Parsed flags; what the parser refuses becomes a user's error with the closest flag."""
    from argparse import ArgumentError

    words = with_dashes(parser, words)
    try:
        return parser.parse_args(words)
    except (ArgumentError, ValueError, TypeError) as error:
        raise refusal(parser, words, str(error)) from error


def with_dashes(parser: ArgumentParser, words: list[str]) -> list[str]:
    """``--init-from`` and ``--init_from`` are the same flag."""
    known = set(parser._option_string_actions)
    out = []
    for word in words:
        flag, sign, value = word.partition("=")
        alias = "--" + flag[2:].replace("-", "_")
        out.append(f"{alias}{sign}{value}" if flag.startswith("--") and flag not in known and alias in known else word)
    return out


def refusal(parser: ArgumentParser, words: list[str], message: str) -> CounterpointError:
    """The error for flags that were not understood."""
    flags = [name for name in parser._option_string_actions if name.startswith("--")]
    stray = [word.partition("=")[0] for word in words if word.startswith("--") and word.partition("=")[0] not in flags]
    help_line = f"{parser.prog} --help"
    if stray:
        return CounterpointError(f"{stray[0]} is not an option of {parser.prog}.", did_you_mean(stray[0], flags),
                                 help_line)
    text = re.sub(r"\s+", " ", message).strip()
    match = re.match(r'Parser key "([^"]+)": (.*)', text)
    if match:
        return CounterpointError(f"--{match[1]} was not understood.", match[2][:300], help_line)
    return CounterpointError(text[:300] + ("" if text.endswith(".") else "."), "", help_line)


def fit_command(words: list[str]) -> None:
    """``fit NAME[.VARIANT]``: the recipe's own fields become typed flags with its values as defaults."""
    from counterpoint.base.recipe import lookup
    from counterpoint.verbs.runs import fit

    spec = words[0] if words and not words[0].startswith("-") else ""
    words = words[1:] if spec else words
    spec = spec or spec_of_config(words)
    resuming = any(word == "--resume" for word in words)
    if not spec and not resuming:
        if words and words[0] in ("-h", "--help"):
            print("usage: counterpoint fit NAME[.VARIANT] [flags]; for the flags: counterpoint fit simclr --help")
            return
        raise CounterpointError("fit needs the name of a system.", "", "counterpoint fit simclr.tiny")
    recipe = lookup(spec) if spec else None
    parser = fit_parser(recipe or lookup("simclr"), spec)
    found = parse(parser, plain_values(recipe or lookup("simclr"), words))
    settings = parser.instantiate(found)
    run_flags = {key: getattr(settings, key) for key in ("out", "resume", "overwrite", "init_from", "quiet")}
    changes = changed(recipe, settings) if recipe else {}
    fit(spec, **run_flags, **changes)


def spec_of_config(words: list[str]) -> str:
    """``NAME.VARIANT`` from the recipe.yaml that ``--config`` names."""
    import yaml

    for first, second in zip(words, [*words[1:], ""], strict=False):
        path = first.partition("=")[2] if first.startswith("--config=") else second if first == "--config" else ""
        if path:
            try:
                with open(path, encoding="utf-8") as file:
                    content = yaml.safe_load(file)
                return f"{content['name']}.{content['variant']}"
            except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
                raise CounterpointError(
                    f"{path} is no recipe: {error}.", "A run's recipe.yaml was expected.") from error
    return ""


def fit_parser(recipe: Recipe, spec: str) -> ArgumentParser:
    """The flags of one recipe."""
    from counterpoint.core.discovery import method_class

    parser = make_parser(f"counterpoint fit {spec}".strip(), f"Train {spec} into a run folder.")
    parser.add_argument("--config", action="config", help="Settings from a YAML file, such as a run's recipe.yaml.")
    parser.add_argument("--out", type=str, default=None, help="The run folder (default: the next under runs/).")
    parser.add_argument("--resume", action="store_true", help="Go on exactly where a run stopped.")
    parser.add_argument("--overwrite", action="store_true", help="Replace the run in --out.")
    parser.add_argument("--init_from", type=str, default=None, help="Start from the weights of another run.")
    parser.add_argument("--quiet", action="store_true", help="Print nothing; train.log has everything.")
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if field.name == "method":
            parser.add_class_arguments(method_class(recipe.name), "method", skip={"encoder"}, instantiate=False)
            parser.set_defaults({f"method.{key}": item for key, item in value.items()})
        elif field.name in ("name", "variant"):
            parser.add_argument(f"--{field.name}", type=str, default=value, help="Which recipe this is.")
        elif dataclasses.is_dataclass(value):
            parser.add_argument(f"--{field.name}", type=type(value), default=value)
        elif field.name not in ("expected", "minutes"):
            kind = int | str if field.name == "devices" else field_type(recipe, field.name)
            parser.add_argument(f"--{field.name}", type=kind, default=value)
    return parser


def field_type(recipe: Recipe, name: str) -> Any:
    """The declared type of a plain field of the recipe."""
    import typing

    return typing.get_type_hints(type(recipe))[name]


def plain_values(recipe: Recipe, words: list[str]) -> list[str]:
    """``--data digits`` means ``--data.source digits``: a part's name alone sets its first field."""
    firsts = {f"--{f.name}": dataclasses.fields(getattr(recipe, f.name))[0].name for f in dataclasses.fields(recipe)
              if dataclasses.is_dataclass(getattr(recipe, f.name))}
    out = []
    for word in words:
        flag, sign, value = word.partition("=")
        out.append(f"{flag}.{firsts[flag]}{sign}{value}" if flag in firsts else word)
    return out


def changed(recipe: Recipe, settings: Any) -> dict[str, Any]:
    """The settings that differ from the recipe, dotted."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(recipe):
        if field.name in ("expected", "minutes", "name", "variant"):
            continue
        old, new = getattr(recipe, field.name), getattr(settings, field.name)
        if field.name == "method":
            defaults = {**method_values(recipe.name), **old}
            changes |= {f"method.{k}": v for k, v in vars(new).items() if v != defaults[k]}
        elif dataclasses.is_dataclass(old):
            changes |= {f"{field.name}.{f.name}": getattr(new, f.name) for f in dataclasses.fields(old)
                        if getattr(new, f.name) != getattr(old, f.name)}
        elif new != old:
            changes[field.name] = new
    return changes


def method_values(name: str) -> dict[str, Any]:
    """Defaults of a method's keyword settings."""
    from counterpoint.train.build import method_settings

    return {key: item.default for key, item in method_settings(name).items()}


def display(result: Any) -> None:
    """Print what a verb returned: text, a rich table, a path, or JSON."""
    from pathlib import Path

    from rich.console import Console

    if isinstance(result, str | Path):
        print(result)
    elif isinstance(result, dict | list):
        import json

        print(json.dumps(result, indent=2, default=str))
    else:
        terminal = sys.stdout.isatty()
        Console(width=None if terminal else 160, highlight=False).print(result)


if __name__ == "__main__":
    sys.exit(main())
