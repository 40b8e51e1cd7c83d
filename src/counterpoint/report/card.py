"""The model card: ``model/README.md`` from the same run folder as the report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from counterpoint.core.files import write_atomic
from counterpoint.report import brain_words, methods, words
from counterpoint.report.reading import read
from counterpoint.report.run import Run, Score

TEMPLATE = Path(__file__).parent / "templates" / "card.md"


def card(folder: str | Path) -> str:
    """The card of a run as Markdown with the metadata block that the Hugging Face Hub reads.

    Scores, settings and versions are those of the run folder; what was not recorded is left out. Text from
    the folder is escaped for Markdown and HTML.

    Raises
    ------
    CounterpointError
        If ``folder`` is not a run.
    """
    import yaml
    from jinja2 import Environment, StrictUndefined

    run = read(folder)
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(
        md=_escape, value=words.value_text, show=words.show, interval=words.interval, metric=words.metric_name
    )
    size = run.section("spectrum").get("encoder")
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        run=run,
        title=words.title(run),
        headline=words.headline(run),
        system=words.find_system(run),
        metadata=yaml.safe_dump(_metadata(run), sort_keys=False, allow_unicode=True).strip(),
        person=brain_words.person(run),
        notes=brain_words.notes(run) if run.is_brain else [],
        dim=len(size) if isinstance(size, list) else None,
        methods=methods.methods_text(run),
        bibtex=methods.bibtex(run),
        settings={k: v for k, v in run.settings.items() if k not in ("name", "variant")},
        versions=run.stamp.get("libraries") or {},
        warnings=run.warnings(),
    )


def write_card(folder: str | Path) -> Path:
    """Write :func:`card` to ``model/README.md`` of the run; returns its path."""
    text = card(folder)
    model = read(folder).folder / "model"
    model.mkdir(exist_ok=True)
    return write_atomic(model / "README.md", text.encode("utf-8", "replace"))


def _metadata(run: Run) -> dict[str, Any]:
    rows = run.own_scores
    source = _line(run.data_name) or "unknown"
    tags = ["fmri", "brain-decoding"] if run.is_brain else ["self-supervised-learning"]
    data: dict[str, Any] = {
        "library_name": "counterpoint",
        "pipeline_tag": "other" if run.is_brain else "image-feature-extraction",
        "tags": ["contrastive-learning", *tags, _line(run.name)],
    }
    task = {"type": "image-classification", "name": "Classification with frozen features"}
    if run.is_brain:
        task = {"type": "other", "name": "Decoding of seen pictures from brain responses"}
    if rows:
        results = [
            {
                "task": task,
                "dataset": {"name": source, "type": source, "split": _line(row.split)},
                "metrics": [_metric(row)],
            }
            for row in rows
        ]
        data["model-index"] = [{"name": _line(f"{run.name}-{run.variant}"), "results": results}]
    return data


def _metric(row: Score) -> dict[str, Any]:
    name = _line(words.metric_name(row))
    return {"type": "accuracy" if row.is_share else _line(row.metric), "name": name, "value": round(row.value, 4)}


def _escape(text: Any) -> str:
    """Text that stays text: one line, with the signs of Markdown and HTML escaped.

    >>> _escape("a|b <b>*x*")
    'a\\\\|b &lt;b&gt;\\\\*x\\\\*'
    """
    line = _line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", line)


def _line(text: Any) -> str:
    return " ".join(str(text).split())
