"""Pages written from the code at build time: one per system, the evidence table, benchmarks, and the reference."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference import EXPORTING, REFERENCE, reference_page, verbs_page
from rst import block, heading, list_table, plain

from counterpoint.core.discovery import System, public_names, recipe_module, systems

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from counterpoint.base.claim import Claim
    from counterpoint.base.recipe import Expected

DOCS = Path(__file__).resolve().parent.parent
ROOT = DOCS.parent


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", lambda _: write_pages(DOCS / "generated"))
    return {"parallel_read_safe": True}


def write_pages(folder: Path) -> None:
    """Write every generated page; files that did not change keep their time stamp."""
    pages = {f"systems/{name}.rst": system_page(item, evidence=ROOT / "evidence") for name, item in systems().items()}
    pages["systems/index.rst"] = systems_index()
    pages |= {f"reference/{name}.rst": reference_page(name, title) for name, title in REFERENCE.items()}
    pages["reference/counterpoint.rst"] = verbs_page()
    pages["parts/evidence.rst"] = evidence_table(ROOT / "evidence")
    pages["parts/benchmarks.rst"] = benchmark_tables(DOCS / "benchmarks")
    for old in set(folder.rglob("*.rst")) - {folder / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# ---- systems ----------------------------------------------------------------------------------------------


def short_name(item: System) -> str:
    """What a system calls itself: the part of its title before the colon."""
    return item.title.partition(":")[0]


def systems_index() -> str:
    """The list of systems with links to their pages."""
    rows = [
        (
            f":doc:`{short_name(item)} <{name}>`",
            f"``{name}``",
            str(item.year),
            item.modality,
            plain(item.title.partition(": ")[2]),
        )
        for name, item in systems().items()
    ]
    tree = block("toctree::", "\n".join(systems()), ":hidden:")
    return "\n".join(
        [
            heading("Systems", "="),
            "Every page is written from the system's own file and its recipes.\n",
            list_table(("system", "name", "year", "reads", "what it is"), rows),
            tree,
        ]
    )


def system_page(item: System, *, evidence: Path) -> str:
    """One system: what it is, equation, how to run it, recipes, evidence, settings, citation."""
    from counterpoint.core.discovery import method_class

    what = item.title.partition(": ")[2] or item.title
    paper = (
        f"{item.paper}. {item.authors.replace(' and ', '; ')}. {item.venue}, {item.year}. Authors' code: {item.code}."
    )
    objectives = ", ".join(map(objective_link, item.objectives))
    verb, data = ("decode fit", "nsd:/data/nsd") if item.modality == "brain" else ("fit", "path/to/pictures")
    command = (
        f"$ counterpoint {verb} {item.name}.tiny       # about a minute, no download\n"
        f"$ counterpoint {verb} {item.name} --data {data}\n$ counterpoint show {item.name}"
    )
    cls = f"{item.module}.{method_class(item.name).__name__}"
    return "\n".join(
        [
            heading(short_name(item), "="),
            f"{plain(what[:1].upper() + what[1:])}\n",
            f"{plain(paper)}\n",
            heading("What it computes"),
            f"{item.text}\n",
            f"Objectives: {objectives}.\n",
            heading("How to run it"),
            block("code-block:: console", command),
            heading("Recipes and numbers to expect"),
            recipes_part(item),
            heading("Evidence"),
            evidence_part(item, evidence),
            heading("Settings"),
            block(f"autoclass:: {cls}", "", ":no-members:", ":no-index:"),
            heading("Recipe file"),
            recipe_source(item),
            heading("Citation"),
            block("code-block:: bibtex", item.bibtex()),
        ]
    )


def readable(text: str) -> str:
    """BibTeX's accents as letters: ``{\\'e}`` as é."""
    marks = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303"}
    found = re.sub(r"\{?\\(['`\"^~])\{?(\w)\}{0,2}", lambda m: m[2] + marks[m[1]], text)
    return unicodedata.normalize("NFC", found)


def objective_link(name: str) -> str:
    """A link to a formula or measure in the reference."""
    for package in EXPORTING:
        if name in public_names(f"counterpoint.{package}"):
            return f":func:`~counterpoint.{package}.{name}`"
    return f"``{name}``"


def recipes_part(item: System) -> str:
    """A table of variants, then the claim."""
    from counterpoint.base.recipe import variants

    module = recipe_module(item.name)
    rows = []
    for variant in variants(module):
        recipe = getattr(module, variant)()
        text = (getattr(module, variant).__doc__ or "").strip()
        rows.append(
            (f"``{item.name}.{variant}``", text, "; ".join(map(expected_text, recipe.expected)) or "not stated")
        )
    parts = [list_table(("recipe", "what it is", "expect"), rows)]
    if hasattr(module, "claim"):
        parts.append(claim_part(item.name, module.claim(), module.claim.__doc__ or ""))
    return "\n".join(parts)


def expected_text(item: Expected) -> str:
    """A number to expect and where it comes from."""
    return plain(f"{item.metric} {item.value:g} ({item.source}{': ' + item.note if item.note else ''})")


def claim_part(name: str, claim: Claim, text: str) -> str:
    """The claim: statement, arms, what must hold, on which seeds."""
    rows = [
        (
            plain(c.name),
            " + ".join(f"``{t}``" for t in c.plus),
            " + ".join(f"``{t}``" for t in c.minus) or "none",
            f"{c.margin:g}",
        )
        for c in claim.contrasts
    ]
    return "\n".join(
        [
            f"**Claim, version {claim.version}.** {plain(claim.statement)}\n",
            " ".join(text.split()) + "\n",
            list_table(("what is measured", "plus", "minus", "at least"), rows),
            f"Arms: {', '.join(f'``{arm}``' for arm in claim.arms)}. Seeds {', '.join(map(str, claim.seeds))}, "
            "none of which was used to choose settings. It holds when, for every row, the mean reaches the "
            "margin and the 95 % interval over seeds lies above zero.\n",
            block("code-block:: console", f"$ counterpoint reproduce {name}"),
        ]
    )


def evidence_part(item: System, folder: Path) -> str:
    """What was measured, or that nothing was yet."""
    rows = [row for row in evidence_rows(folder) if row[0] == f"``{item.name}``"]
    if not rows:
        return "No reference call and no verdict is on file yet.\n"
    return list_table(EVIDENCE_HEADER, rows)


def recipe_source(item: System) -> str:
    """The recipe file itself: comments stand at the numbers where paper and code differ."""
    path = recipe_module(item.name).__file__ or ""
    return block("code-block:: python", Path(path).read_text(encoding="utf-8"))


# ---- evidence and benchmarks ------------------------------------------------------------------------------

EVIDENCE_HEADER = ("system", "reference calls", "claim", "seeds", "measured", "commit", "numbers")


def evidence_rows(folder: Path) -> list[tuple[str, ...]]:
    """Rows of the systems of which anything is on file."""
    from counterpoint.train.evidence import row_of

    golden = json.loads((folder / "golden.json").read_text()) if (folder / "golden.json").exists() else {}
    rows = []
    for name, item in systems().items():
        row = row_of(name, item.objectives, golden, folder)
        numbers = "; ".join(
            f"{plain(c['name'])} {c['mean']:+.3f} [{c['low']:+.3f}, {c['high']:+.3f}]" for c in row.get("contrasts", ())
        )
        calls = f"{row['golden_passed']} of {row['golden_files']}" if row["golden_files"] else "none"
        if row["golden_files"] or row["verdict"]:
            rows.append(
                (
                    f"``{name}``",
                    calls,
                    f"**{row['verdict'] or 'no verdict yet'}**",
                    str(row.get("seeds", "")),
                    row.get("measured", ""),
                    row.get("commit", ""),
                    numbers,
                )
            )
    return rows


def evidence_table(folder: Path) -> str:
    """The whole table."""
    rows = evidence_rows(folder)
    return list_table(EVIDENCE_HEADER, rows) if rows else "Nothing is on file yet.\n"


def benchmark_tables(folder: Path) -> str:
    """Every ``*.json`` of ``docs/benchmarks``: a list of flat rows, or ``{"caption", "rows"}``."""
    parts = []
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = found["rows"] if isinstance(found, dict) else found
        header = list(dict.fromkeys(key for row in rows for key in row))
        caption = found.get("caption", "") if isinstance(found, dict) else ""
        cells = [
            [f"{v:.3g}" if isinstance(v := row.get(key, ""), float) else plain(str(v)) for key in header]
            for row in rows
        ]
        parts += [
            heading(path.stem.replace("_", " ").capitalize(), "~"),
            plain(caption) + "\n",
            list_table([plain(key) for key in header], cells),
        ]
    return "\n".join(parts) or "No benchmark was recorded for this version; ``benchmarks/`` holds the programs.\n"
