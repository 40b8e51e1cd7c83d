"""SupCon recipes."""

from __future__ import annotations

from counterpoint.base.recipe import Optimizer, Recipe
from counterpoint.recipes._shared import imagenet, laptop_pictures, tiny_pictures
from counterpoint.views.spec import simclr


def tiny() -> Recipe:
    """Scenes, 3,000 pictures of 32 pixels with their classes; under 90 s on two cores, no download."""
    return tiny_pictures(hidden=512)


def default() -> Recipe:
    """Fashion-MNIST, 60,000 pictures of 28 pixels with their classes; under 20 minutes on two cores."""
    return laptop_pictures(hidden=512)


def paper() -> Recipe:
    """ImageNet-1K, ResNet-50, batch 6144, 350 epochs, LARS (paper section 4)."""
    return imagenet(
        views=simclr(224), batch_size=768, epochs=350, method={"temperature": 0.1},
        optimizer=Optimizer(name="lars", learning_rate=0.3, per_batch=256, weight_decay=1e-4, warmup=10),
        expected=())
