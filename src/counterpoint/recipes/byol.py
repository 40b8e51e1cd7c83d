"""BYOL recipes."""

from __future__ import annotations

from counterpoint.base.recipe import Expected, Optimizer, Recipe
from counterpoint.recipes._shared import imagenet, laptop_pictures, tiny_pictures
from counterpoint.views.spec import byol


def tiny() -> Recipe:
    """Scenes, 3,000 pictures of 32 pixels; under 90 s on two cores, no download."""
    return tiny_pictures(momentum=0.9, hidden=512, dim=128)


def default() -> Recipe:
    """Fashion-MNIST, 60,000 pictures of 28 pixels; under 20 minutes on two cores."""
    return laptop_pictures(momentum=0.97, hidden=512, dim=128)


def paper() -> Recipe:
    """ImageNet-1K, ResNet-50, batch 4096, 1000 epochs, LARS (paper appendix J, authors' code)."""
    return imagenet(
        views=byol(224), batch_size=512, epochs=1000, method={"momentum": 0.996},
        optimizer=Optimizer(name="lars", learning_rate=0.2, per_batch=256, weight_decay=1.5e-6, warmup=10),
        expected=(Expected("linear", 0.743, "reported", "ImageNet-1K"),))
