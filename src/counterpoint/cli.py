"""The command line: verbs as typed functions read by jsonargparse, and the one place where errors are caught."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from counterpoint.core.errors import CounterpointError, unknown

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
  counterpoint decode fit --data nsd:FOLDER    brains: from scans to what was seen; predict, report, describe
  counterpoint data list | fetch NAME          data that need no account; data index nsd: one table of NSD's trials
  counterpoint doctor                          versions, devices, what is missing

Every verb has --help. Start with: counterpoint demo"""


def verbs() -> dict[str, str]:
    """Verb -> ``file.function`` in :mod:`counterpoint.verbs`."""
    return {"demo": "runs.demo", "list": "catalogue.list_systems", "show": "catalogue.show", "fit": "",
            "evaluate": "runs.evaluate_run", "embed": "runs.embed", "report": "runs.report_runs",
            "compare": "claims.compare", "reproduce": "claims.reproduce", "evidence": "claims.evidence",
            "data list": "catalogue.list_data", "data fetch": "catalogue.fetch_data", "data index": "brains.index_data",
            "decode fit": "", "decode predict": "brains.decode_predict", "decode report": "brains.decode_report",
            "decode folds": "brains.decode_folds",
            "decode describe": "brains.decode_describe", "doctor": "catalogue.doctor"}


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
    known = verbs()
    inner = [verb for verb in known if verb.startswith(f"{words[0]} ")]
    name = " ".join(words[:2]) if inner else words[0]
    if name not in known:
        raise unknown("command", name, inner or known, "counterpoint --help")
    rest = words[len(name.split()):]
    if name == "decode fit":
        return decode_command(rest)
    return fit_command(rest) if name == "fit" else call(function_of(known[name]), name, rest)


def decode_command(words: list[str]) -> None:
    """``decode fit [NAME]``: fit, for decoders only; MindEye when none is named."""
    from counterpoint.verbs.brains import check_decoder

    named = bool(words) and not words[0].startswith("-")
    going_on = any(word == "--resume" or word.startswith("--config") for word in words)
    words = words if named or going_on else ["mindeye", *words]
    if named:
        check_decoder(words[0])
    fit_command(words)


def function_of(path: str) -> Callable[..., Any]:
    """The verb's function, imported."""
    import importlib

    file, name = path.split(".")
    function: Callable[..., Any] = getattr(importlib.import_module(f"counterpoint.verbs.{file}"), name)
    return function


def call(function: Callable[..., Any], verb: str, words: list[str]) -> Any:
    """Parse ``words`` by the function's signature: what is not keyword-only there is given by position."""
    import inspect

    from counterpoint.verbs._flags import make_parser, parse

    parser = make_parser(f"counterpoint {verb}", (function.__doc__ or "").partition("\n")[0])
    places = [item for item in inspect.signature(function).parameters.values()
              if item.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    for item in places:
        repeated = item.annotation.startswith("Sequence")
        optional = item.default is not inspect.Parameter.empty
        parser.add_argument(item.name, type=str, nargs="*" if repeated else "?" if optional else None)
    flags = [item for item in inspect.signature(function).parameters.values() if item not in places]
    several = [item for item in flags if item.annotation.startswith("Sequence")]
    for item in several:  # --seeds 0 1 2
        parser.add_argument(f"--{item.name}", type=int if "int" in item.annotation else str, nargs="+",
                            default=list(item.default))
    parser.add_function_arguments(function, skip={item.name for item in [*places, *several]}, fail_untyped=False)
    switches = {f"--{item.name}" for item in flags if item.annotation == "bool"}
    found = vars(parse(parser, [f"{word}=true" if word in switches else word for word in words]))
    return function(**{key: value for key, value in found.items()
                       if value is not None or key not in {item.name for item in places}})


def fit_command(words: list[str]) -> None:
    """``fit NAME[.VARIANT]``: the recipe's own fields become typed flags with its values as defaults."""
    from counterpoint.base.recipe import lookup
    from counterpoint.verbs._flags import changed, fit_parser, parse, plain_values, spec_of_config
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


def display(result: Any) -> None:
    """Print what a verb returned: text, a rich table, a path, or JSON."""
    from pathlib import Path

    from rich.console import Console

    if isinstance(result, list) and result and "contrasts" in result[0]:
        return  # verdicts were printed as they came
    if isinstance(result, dict) and "scores" in result:
        from counterpoint.train.summary import scores_table

        result = scores_table(result)
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
