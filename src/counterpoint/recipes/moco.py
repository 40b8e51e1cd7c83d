"""MoCo recipes, version 2 with its queue and version 3 without."""

from __future__ import annotations

from dataclasses import replace

from counterpoint.base.recipe import Expected, Optimizer, Recipe
from counterpoint.recipes._shared import imagenet, laptop_pictures, tiny_pictures
from counterpoint.views.spec import byol, moco_v2


def tiny() -> Recipe:
    """Version 2 on scenes, 3,000 pictures of 32 pixels; under 90 s on two cores, no download."""
    return tiny_pictures(queue=1024, momentum=0.97, hidden=512, key_groups=2)


def default() -> Recipe:
    """Version 2 on Fashion-MNIST, 60,000 pictures of 28 pixels; under 20 minutes on two cores."""
    return laptop_pictures(queue=4096, momentum=0.99, hidden=512, key_groups=4)


def tiny_v3() -> Recipe:
    """Version 3 on scenes; under 90 s on two cores, no download."""
    return tiny_pictures(version=3, momentum=0.95, hidden=512)


def v3() -> Recipe:
    """Version 3 on Fashion-MNIST, 60,000 pictures of 28 pixels; under 20 minutes on two cores."""
    return laptop_pictures(version=3, momentum=0.99, hidden=512)


def paper() -> Recipe:
    """Version 2, ImageNet-1K, ResNet-50, batch 256, 200 epochs, SGD (authors' code)."""
    return imagenet(
        views=moco_v2(224), batch_size=32, epochs=200, method={"temperature": 0.2},
        optimizer=Optimizer(name="sgd", learning_rate=0.03, per_batch=256, weight_decay=1e-4),
        expected=(Expected("linear", 0.675, "reported", "ImageNet-1K, spread 0.001 over runs"),))


def paper_v3() -> Recipe:
    """Version 3, ImageNet-1K, ResNet-50, batch 4096, 300 epochs, LARS (authors' code)."""
    return imagenet(
        views=replace(byol(224), crop_scale=(0.2, 1.0)), batch_size=512, epochs=300,
        method={"version": 3, "temperature": 1.0, "momentum": 0.99, "hidden": 4096, "dim": 256},
        optimizer=Optimizer(name="lars", learning_rate=0.3, per_batch=256, weight_decay=1.5e-6, warmup=10),
        expected=(Expected("linear", 0.728, "reported", "ImageNet-1K, 300 epochs"),))
