"""Barlow Twins recipes."""

from __future__ import annotations

from counterpoint.base.recipe import Expected, Optimizer, Recipe
from counterpoint.recipes._shared import imagenet, laptop_pictures, tiny_pictures
from counterpoint.views.spec import byol


def tiny() -> Recipe:
    """Scenes, 3,000 pictures of 32 pixels; under 90 s on two cores, no download.

    ``lambd`` grows as the projector shrinks from 8192 to 256 dimensions.
    """
    return tiny_pictures(hidden=512, dim=256, lambd=0.02)


def default() -> Recipe:
    """Fashion-MNIST, 60,000 pictures of 28 pixels; under 20 minutes on two cores."""
    return laptop_pictures(hidden=512, dim=256, lambd=0.02)


def paper() -> Recipe:
    """ImageNet-1K, ResNet-50, batch 2048, 1000 epochs, LARS with a smaller rate for biases (authors' code)."""
    return imagenet(
        views=byol(224), batch_size=256, epochs=1000, method={},
        optimizer=Optimizer(name="lars", learning_rate=0.2, bias_rate=0.0048, per_batch=256, weight_decay=1e-6,
                            warmup=10),
        expected=(Expected("linear", 0.735, "reported", "ImageNet-1K"),))
