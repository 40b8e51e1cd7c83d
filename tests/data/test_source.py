"""The source: its checks, subsets and fingerprint; arrays from users."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.core.errors import CounterpointError
from counterpoint.data import source as module
from counterpoint.data.pixels import Rows
from counterpoint.data.source import ImageSource, arrays


def pixels(count: int = 6, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, channels, 8, 8), dtype=np.uint8)


def test_subset_takes_everything_along() -> None:
    source = ImageSource(
        "a",
        "train",
        pixels(),
        labels=np.arange(6),
        captions=list("abcdef"),
        masks=np.arange(6)[:, None, None] * np.ones((6, 8, 8), int),
        factors={"x": np.arange(6) * 10},
    )
    part = source.subset([4, 1], split="fit")
    assert part.split == "fit"
    assert source.split == "train"
    assert np.array_equal(part.images, source.images[[4, 1]])
    assert part.labels is not None
    assert part.labels.tolist() == [4, 1]
    assert part.captions == ["e", "b"]
    assert part.masks is not None
    assert part.masks[:, 0, 0].tolist() == [4, 1]
    assert part.factors["x"].tolist() == [40, 10]
    assert (len(part), part.channels, part.size, part.in_memory) == (2, 3, 8, True)


def test_subset_of_lazy_pictures_reads_nothing_until_asked() -> None:
    class Counting:
        shape, asked = (6, 3, 8, 8), 0

        def __len__(self) -> int:
            return 6

        def __getitem__(self, indices: np.ndarray) -> np.ndarray:
            self.asked += len(indices)
            return pixels()[indices]

    lazy = Counting()
    part = ImageSource("a", "train", lazy).subset([5, 0, 3]).subset([2, 0])
    assert isinstance(part.images, Rows)
    assert lazy.asked == 0
    assert np.array_equal(part.images[np.array([0, 1])], pixels()[[3, 5]])
    assert lazy.asked == 2
    assert part.images.shape == (2, 3, 8, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.arange(5)}, "6 images but 5 labels"),
        ({"captions": ["a"]}, "6 images but 1 captions"),
        ({"factors": {"size": np.arange(7)}}, "6 images but 7 size"),
        ({"labels": np.ones(6)}, "labels are float64"),
        ({"labels": np.arange(6) - 2}, "labels lie in -2..3"),
        ({"labels": np.arange(6), "class_names": ["a", "b"]}, r"labels lie in 0..5. 0..1 was expected"),
        ({"images": pixels()[0]}, r"images have shape \(3, 8, 8\)"),
    ],
)
def test_parts_that_do_not_fit_are_named(change: dict, message: str) -> None:
    with pytest.raises(CounterpointError, match=message):
        ImageSource(**{"name": "a", "split": "train", "images": pixels(), **change})


def test_hash_depends_on_pixels_labels_and_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    base = arrays(pixels(), np.arange(6), class_names=list("abcdef"))
    assert base.content_hash() == arrays(pixels(), np.arange(6), class_names=list("abcdef")).content_hash()
    changed = pixels()
    changed[3, 1, 2, 2] ^= 1
    others = [
        arrays(changed, np.arange(6), class_names=list("abcdef")),
        arrays(pixels(), np.arange(6)[::-1], class_names=list("abcdef")),
        arrays(pixels(), np.arange(6), class_names=list("abcdeg")),
        base.subset(range(5)),
    ]
    assert len({base.content_hash(), *(other.content_hash() for other in others)}) == 5
    assert base.content_hash().startswith("sha256:")
    monkeypatch.setattr(module, "HASH_WHOLE_BYTES", 10)
    monkeypatch.setattr(module, "HASH_SAMPLE", 4)
    assert base.content_hash().startswith("sha256-of-4-pictures:")


def test_arrays_take_grey_float_and_tensors() -> None:
    import torch

    assert arrays(np.zeros((3, 8, 8), np.uint8)).images.shape == (3, 1, 8, 8)
    made = arrays(np.linspace(0, 1, 192).reshape(3, 1, 8, 8))
    assert isinstance(made.images, np.ndarray)
    assert made.images.dtype == np.float32
    assert arrays(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 1])).labels is not None


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 8, 8, 3), np.uint8), r"channels in the last place.*\nTry: images.transpose\(0, 3, 1, 2\)"),
        (np.zeros((8, 8), np.uint8), r"shape \(8, 8\)"),
        (np.zeros((0, 3, 8, 8), np.uint8), r"shape \(0, 3, 8, 8\)"),
        (np.zeros((3, 1, 8, 8), np.int64), r"are int64.*\nTry: images.astype"),
        (np.full((3, 1, 8, 8), 200.0), r"200..200. 0..1 was expected.*\nTry: images / 255"),
        (np.full((3, 1, 8, 8), -1.0), r"-1..-1.*\nTry: \(images - images.min"),
        (
            np.array([0.0, np.nan, np.inf])[:, None, None, None] * np.ones((3, 1, 8, 8)),
            "2 of 3 images hold NaN or infinite pixels, the first at position 1",
        ),
    ],
)
def test_arrays_refuse_with_the_next_step(images: np.ndarray, message: str) -> None:
    with pytest.raises(CounterpointError, match=message):
        arrays(images)
