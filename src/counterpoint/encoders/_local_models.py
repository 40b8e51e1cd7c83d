"""Ready-made models from local folders and files, with everything refused that could run code or the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.core.files import read_json
from counterpoint.encoders.weights import fill, read_safetensors


def safe_folder(folder: str | Path) -> Path:
    """A local model folder that holds safetensors; one with pickled weights alone is refused."""
    home = Path(folder).expanduser()
    if not (home / "config.json").is_file():
        raise CounterpointError(
            f"{folder} is not a folder of the transformers library.",
            "config.json and safetensors weights were expected.",
            "model.save_pretrained(FOLDER)",
        )
    if not list(home.glob("*.safetensors")):
        raise CounterpointError(
            f"{folder} holds no safetensors weights.",
            "Other formats can run code when opened.",
            "model.save_pretrained(FOLDER)",
        )
    return home


def pretrained(kind: Any, home: Path) -> Any:
    """``kind.from_pretrained`` from this folder alone, safetensors alone, every tensor of it.

    The projection's length is taken from the top of a whole CLIP's settings, where one half of it would fall
    back on a default.
    """
    from transformers.utils import logging

    top = read_json(home / "config.json")
    options = {key: top[key] for key in ("projection_dim",) if key in top}
    bar, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        network, report = kind.from_pretrained(
            str(home), local_files_only=True, use_safetensors=True, output_loading_info=True, **options
        )
    except Exception as error:
        raise CounterpointError(
            f"{home} could not be read as {kind.__name__}: {error}.", "A folder of that kind was expected."
        ) from error
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
    left = [
        str(key) for key in [*report["missing_keys"], *report["mismatched_keys"]] if "pooler" not in str(key)
    ]
    if left:
        raise CounterpointError(
            f"{home} lacks {len(left)} tensors of {kind.__name__}, {left[0]} first.",
            "A folder of that kind was expected.",
        )
    return network


def open_clip_model(model: str, weights: str) -> Any:
    """A whole open_clip model with every one of its tensors from ``weights``."""
    try:
        import open_clip
    except ImportError:
        raise missing_extra(f"open_clip:{model}", "open_clip_torch", "images") from None
    if model not in open_clip.list_models():
        raise CounterpointError(
            f'open_clip has no model "{model}".', "See open_clip.list_models().", "open_clip:ViT-L-14"
        )
    if not weights:
        raise CounterpointError(
            f"open_clip:{model} was given no weights.",
            "A local safetensors file was expected.",
            'weights="open_clip_model.safetensors"',
        )
    state = read_safetensors(weights)
    try:
        network = open_clip.create_model(model, pretrained=None, load_weights=False)
    except TypeError:
        network = open_clip.create_model(model, pretrained=None)
    fill(network, state, what=f'"{weights}"', minimum=1.0)
    return network
