"""embed: a run's embeddings of any pictures as arrays on disk."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np

from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import write_atomic
from counterpoint.train.model import as_channels, load


def embed_to_file(run: str | Path, *, data: str, out: Path, split: str, limit: int | None) -> Path:
    """Embed a split of ``data`` and write ``embedding (n, dim)``, ``index (n,)`` and ``label (n,)`` as .npz.

    Pictures are read as the run read its own (size, channels); labels are left out where there are none.
    """
    if out.suffix != ".npz":
        raise CounterpointError(f"--out {out} has no .npz ending.", "", f"--out {out.with_suffix('.npz')}")
    model = load(run)
    if not model.channels:
        raise CounterpointError(f"{model.recipe.name} decodes brains.", "",
                                f"counterpoint decode predict {run} --split {split}")
    settings = dataclasses.replace(model.recipe.data, source=data, limit=limit, channels=as_channels(model.channels))
    source = settings.load(split)
    found = {"embedding": model.embed(source), "index": np.arange(len(source))}
    if source.labels is not None:
        found["label"] = source.labels
    buffer = io.BytesIO()
    np.savez(buffer, **found)  # type: ignore[arg-type]
    return write_atomic(out, buffer.getvalue())
