"""The methods paragraph and the references of a run, filled from its recipe."""

from __future__ import annotations

from typing import Any

from counterpoint.report.brain_methods import brain_evaluation, brain_sentences
from counterpoint.report.run import Run, number
from counterpoint.report.words import find_system, metric_name, title, value_text

_OPTIMIZERS = {"adamw": "AdamW", "sgd": "SGD with momentum", "lars": "LARS"}


def methods_text(run: Run) -> list[str]:
    """Paragraphs for a methods section; a sentence whose settings were not recorded is left out."""
    middle = brain_sentences(run) if run.is_brain else [_data(run), _views(run), _encoder(run)]
    sentences = [_system(run), *middle, _optimisation(run)]
    evaluation = [brain_evaluation(run) if run.is_brain else _evaluation(run), _machine(run)]
    return [text for text in (" ".join(filter(None, part)) for part in (sentences, evaluation)) if text]


def _system(run: Run) -> str:
    found = find_system(run)
    version = value_text((run.stamp.get("libraries") or {}).get("counterpoint"))
    library = f"Counterpoint{'' if version == '–' else f' {version}'}"
    if found is None:
        return f"{run.name} was trained with {library}."
    first = found.authors.split(" and ")[0].split(",")[0]
    others = " et al." if " and " in found.authors else ""
    own = {key.partition(".")[2]: value for key, value in run.settings.items() if key.startswith("method.")}
    settings = ", ".join(f"{key.replace('_', ' ')} {value_text(value)}" for key, value in own.items() if key)
    return (
        f"{title(run)} ({first}{others}, {found.year}) was trained with {library}, recipe “{run.variant}”, "
        f"objective {', '.join(found.objectives)}{f' with {settings}' if settings else ''}."
    )


def _data(run: Run) -> str:
    data = {**(run.stamp.get("data") or {}), **run.section("data")}
    train, test = number(data.get("train")), number(data.get("test"))
    if not run.data_name:
        return ""
    counts = f" ({train:,.0f} training and {test:,.0f} test pictures)" if train == train and test == test else ""
    found = find_system(run)
    unlabelled = found is not None and "label" not in found.path.read_text(encoding="utf-8")
    return f"Pictures came from {run.data_name}{counts}" + (
        "; labels were used for evaluation only." if unlabelled else "."
    )


def _views(run: Run) -> str:
    get = _getter(run, "views.")
    if get("num_views") is None:
        return ""
    steps = []
    if isinstance(get("crop_scale"), list):
        low, high = get("crop_scale")
        size = f" resized to {get('size')} pixels" if get("size") else ""
        steps.append(f"random crops of {100 * low:.0f} to {100 * high:.0f} % of the area{size}")
    names = (
        ("flip", "horizontal flips"),
        ("jitter", "colour jitter"),
        ("gray", "conversion to grey"),
        ("blur", "Gaussian blur"),
        ("solarise", "solarisation"),
    )
    steps += [f"{text} (p = {value_text(get(key))})" for key, text in names if get(key) not in (None, 0, 0.0)]
    small = f" and {get('small_views')} small ones" if get("small_views") else ""
    return f"Each picture gave {get('num_views')} views{small} by {', '.join(steps)}." if steps else ""


def _encoder(run: Run) -> str:
    get = _getter(run, "encoder.")
    if get("name") is None:
        return ""
    origin = "random weights" if not get("weights") else f"weights “{get('weights')}”"
    width = f" of width {get('width')}" if get("name") == "convnet" and get("width") else ""
    return f"The encoder was {get('name')}{width}, starting from {origin}."


def _optimisation(run: Run) -> str:
    get = _getter(run, "optimizer.")
    epochs, batch = run.settings.get("epochs"), run.settings.get("data.batch_size")
    if get("name") is None or epochs is None:
        return ""
    per = f" per {get('per_batch')} samples" if get("per_batch") else ""
    warmup = f" after warm-up (epochs: {value_text(get('warmup'))})" if get("warmup") else ""
    accumulate = run.settings.get("accumulate") or 1
    batch_text = f"{batch} × {accumulate}" if accumulate != 1 else f"{batch}"
    seed = f" (seed {run.seed})" if run.seed else ""
    return (
        f"It was optimised for {epochs} epochs at batch size {batch_text} with "
        f"{_OPTIMIZERS.get(get('name'), get('name'))}, peak learning rate "
        f"{value_text(get('learning_rate'))}{per}, weight decay {value_text(get('weight_decay'))}, "
        f"{get('schedule')} schedule{warmup}, precision {run.settings.get('precision')}{seed}."
    )


def _evaluation(run: Run) -> str:
    rows = {row.metric: row for row in run.own_scores}
    parts = [f"{metric_name(row.metric)}{f' ({row.protocol})' if row.protocol else ''}" for row in rows.values()]
    if not parts:
        return ""
    sizes = sorted({row.n for row in rows.values() if row.n})
    n = f" on {' and '.join(f'{size:,}' for size in sizes)} held-out samples" if sizes else ""
    return f"The frozen features were scored by {'; '.join(parts)}{n}, with 95 % intervals."


def _machine(run: Run) -> str:
    devices = run.stamp.get("devices")
    torch = (run.stamp.get("libraries") or {}).get("torch")
    if not devices:
        return ""
    return f"Computation ran on {value_text(devices)}{f' with PyTorch {torch}' if torch else ''}."


def _getter(run: Run, prefix: str) -> Any:
    return lambda key: run.settings.get(prefix + key)


def bibtex(run: Run) -> str:
    """References of the system and the software as BibTeX."""
    version = value_text((run.stamp.get("libraries") or {}).get("counterpoint"))
    software = (
        "@software{counterpoint,\n  title = {Counterpoint: contrastive representation learning},\n"
        "  author = {{Counterpoint maintainers}}" + ("" if version == "–" else f",\n  version = {{{version}}}") + "\n}"
    )
    found = find_system(run)
    return "\n\n".join([*([found.bibtex()] if found else []), software])
