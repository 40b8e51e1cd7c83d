"""SimSiam recipes."""

from __future__ import annotations

from counterpoint.base.recipe import Expected, Optimizer, Recipe
from counterpoint.recipes._shared import imagenet, laptop_pictures, tiny_pictures
from counterpoint.views.spec import moco_v2


def tiny() -> Recipe:
    """Scenes, 3,000 pictures of 32 pixels; under 90 s on two cores, no download."""
    return tiny_pictures(hidden=512, bottleneck=128)


def default() -> Recipe:
    """Fashion-MNIST, 60,000 pictures of 28 pixels; under 20 minutes on two cores."""
    return laptop_pictures(hidden=512, bottleneck=128)


def paper() -> Recipe:
    """ImageNet-1K, ResNet-50, batch 512, 100 epochs, SGD (paper section 4)."""
    return imagenet(
        views=moco_v2(224), batch_size=64, epochs=100, method={},
        optimizer=Optimizer(name="sgd", learning_rate=0.05, per_batch=256, weight_decay=1e-4),
        expected=(Expected("linear", 0.681, "reported", "ImageNet-1K"),))
