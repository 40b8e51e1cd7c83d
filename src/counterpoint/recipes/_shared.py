"""What the recipes of picture methods have in common; each recipe file says only what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from counterpoint.base.recipe import Expected, Optimizer, Recipe
from counterpoint.data.spec import ImageData
from counterpoint.encoders.spec import ImageEncoder
from counterpoint.views.spec import ImageViews

SMALL_VIEWS = ImageViews(crop_scale=(0.3, 1.0), jitter=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
LAPTOP = ImageEncoder(name="convnet", width=32, depth=5, pool="grid")


def tiny_pictures(**method: Any) -> Recipe:
    """Embedded scenes of one object, 32 pixels: seconds on two cores, no download.

    The class is the object's colour, so the views leave hue and colour alone; places vary, so the last map is pooled
    by its maximum. The object's shape would take a longer training: after this one it is hardly above chance.
    """
    return Recipe(
        data=ImageData(source="scenes", size=32, batch_size=128, limit=3000, options={"objects": 1, "label": "colour"}),
        encoder=replace(LAPTOP, width=16, pool="max"), views=replace(SMALL_VIEWS, hue=0.0, gray=0.0, saturation=0.2),
        method=method,
        optimizer=Optimizer(name="adamw", learning_rate=2e-3, weight_decay=1e-4, warmup=0.5), epochs=5, minutes=1)


def laptop_pictures(**method: Any) -> Recipe:
    """60,000 real pictures of 28 pixels on two CPU cores.

    Chosen on 10,000 validation pictures of the training part (SimCLR, 50,000 pictures): 2 x 2 mean pooling, so that
    position survives, gives 2 to 3 points of kNN and 4 of the linear probe over a global mean; crops from 0.15 to 0.5
    of the area, temperatures 0.1 and 0.2, rates 2e-3 to 4e-3 and flips are within half a point of each other.
    """
    return Recipe(
        data=ImageData(source="fashion-mnist", batch_size=256), encoder=LAPTOP, views=SMALL_VIEWS, method=method,
        optimizer=Optimizer(name="adamw", learning_rate=3e-3, weight_decay=1e-4, warmup=0.5),
        precision="bf16-mixed", epochs=10, minutes=12)


def imagenet(*, views: ImageViews, optimizer: Optimizer, batch_size: int, epochs: int, method: Mapping[str, Any],
             expected: tuple[Expected, ...]) -> Recipe:
    """A folder of ImageNet-1K at 224 pixels with a ResNet-50: eight GPUs and days."""
    return Recipe(
        data=ImageData(source="imagenet", size=256, batch_size=batch_size, workers=8),
        encoder=ImageEncoder(name="resnet50", stem="standard"), views=views, method=method, optimizer=optimizer,
        epochs=epochs, precision="bf16-mixed", devices="auto", probe_every=10, expected=expected)
