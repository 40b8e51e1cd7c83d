"""Reading the small networks that the package ships."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from counterpoint.core.errors import CounterpointError

WEIGHTS = Path(__file__).parent / "weights"


def read_weights(folder: str | Path | None, name: str) -> dict[str, Tensor]:
    """Tensors of ``name.safetensors`` in ``folder`` (by default the shipped one) as float32."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = (WEIGHTS if folder is None else Path(folder).expanduser()) / f"{name}.safetensors"
    if not file.is_file():
        raise CounterpointError(
            f"No {file.name} in {file.parent}.",
            "The folder that the training script writes was expected.",
            "python tools/train_generator.py --out FOLDER",
        )
    try:
        state = load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise CounterpointError(f"{file} could not be read: {error}.", "It is damaged.") from error
    return {key: value.float() for key, value in state.items()}


def other_version(name: str, error: Exception) -> CounterpointError:
    """The error for a file whose tensors are not those of the network."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return CounterpointError(
        f"{name}.safetensors does not fit this network: {reason}.",
        "It is of another version or of something else.",
        "python tools/train_generator.py --out FOLDER",
    )
