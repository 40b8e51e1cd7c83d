"""From words on the command line to typed settings, and from what is refused to an error with the closest flag."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from typing import TYPE_CHECKING, Any

from counterpoint.core.errors import CounterpointError, did_you_mean

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from counterpoint.base.recipe import Recipe


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
    return typing.get_type_hints(type(recipe))[name]


def plain_values(recipe: Recipe, words: list[str]) -> list[str]:
    """``--data digits`` means ``--data.source digits``: a part's name alone sets its first field.

    Names in a row need no brackets or quotes: ``--data.subjects 1 2``.
    """
    firsts = {f"--{f.name}": dataclasses.fields(getattr(recipe, f.name))[0].name for f in dataclasses.fields(recipe)
              if dataclasses.is_dataclass(getattr(recipe, f.name))}
    several, out, left = names_in_a_row(recipe), [], list(words)
    while left:
        flag, sign, value = (word := left.pop(0)).partition("=")
        if flag in several:
            given = [value] if sign else []
            while not sign and left and not left[0].startswith("--"):
                given.append(left.pop(0))
            out.append(f"{flag}={json.dumps(names(given))}")
        else:
            out.append(f"{flag}.{firsts[flag]}{sign}{value}" if flag in firsts else word)
    return out


def names_in_a_row(recipe: Recipe) -> set[str]:
    """The flags that take any number of names."""
    parts = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    return {f"--{part}.{name}" for part, value in parts.items() if dataclasses.is_dataclass(value)
            for name, kind in typing.get_type_hints(type(value)).items() if kind == tuple[str, ...]}


def names(given: list[str]) -> list[str]:
    """Names from words, or from one list in brackets.

    >>> names(["1", "subj02"]), names(["[1, V1]"]), names(["1,2"])
    (['1', 'subj02'], ['1', 'V1'], ['1', '2'])
    """
    if len(given) == 1 and given[0].startswith("["):
        return [part.strip().strip("\"'") for part in given[0].strip("[]").split(",") if part.strip()]
    return [part for word in given for part in word.split(",") if part]


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
