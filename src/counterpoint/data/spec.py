"""Which pictures a run reads, as typed settings: importing this file loads neither torch nor NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from counterpoint.data.source import ImageSource


@dataclass(frozen=True)
class ImageData:
    """Pictures by the name of a known set or by the path of the user's own.

    Attributes
    ----------
    source : str
        A name of ``counterpoint data list``, or a path: a folder of pictures, a CSV or parquet table, a
        folder of idx files, a saved Hugging Face data set, or WebDataset shards.
    size : int or None
        Side of the square pictures in pixels; ``None`` keeps a known set's own, and means 64 for user data.
    batch_size : int
        Pictures per training step and process.
    limit : int or None
        At most this many pictures of every split, a seeded choice with classes in proportion; ``None``: all.
    workers : int
        Processes that decode pictures which do not fit in memory; 0 decodes in threads of this process.
    download : bool
        Whether a set that is not on this machine may be fetched.
    seed : int
        Seed of held-out parts and of ``limit``; not the training seed, so that runs share their splits.
    resize : str
        ``"crop"``: shorter side to ``size``, then the centre; ``"squash"``: both sides to ``size``.
    channels : int
        3 for colour, 1 for grey, 0 for what most of the pictures are (user data only).
    image_column : str
        Column with the picture or its path, in tables and Hugging Face data sets; empty: found by its name.
    caption_column : str
        Column with the text; empty: found by its name, if there is one.
    label_column : str
        Column with the class; empty: found by its name, if there is one.
    options : dict
        Further settings of one set, such as ``{"objects": 1}`` of ``scenes``.
    """

    source: str = "scenes"
    size: int | None = None
    batch_size: int = 256
    limit: int | None = None
    workers: int = 0
    download: bool = False
    seed: int = 0
    resize: Literal["crop", "squash"] = "crop"
    channels: Literal[0, 1, 3] = 0
    image_column: str = ""
    caption_column: str = ""
    label_column: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def load(self, split: str) -> ImageSource:
        """The pictures of one split: ``"train"``, ``"test"``, or for tuning ``"fit"``, ``"validation"``."""
        from counterpoint.data.catalog import load

        columns = {
            "image_column": self.image_column,
            "caption_column": self.caption_column,
            "label_column": self.label_column,
        }
        user = {"resize": self.resize, "channels": self.channels, **columns}
        changed = {key: value for key, value in user.items() if value != getattr(ImageData, key)}
        return load(
            self.source,
            split=split,
            size=self.size,
            limit=self.limit,
            seed=self.seed,
            download=self.download,
            **changed,
            **self.options,
        )
