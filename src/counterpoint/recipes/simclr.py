"""SimCLR recipes."""

from __future__ import annotations

from dataclasses import replace

from counterpoint.base.recipe import Expected, Optimizer, Recipe
from counterpoint.recipes._shared import imagenet, laptop_pictures, tiny_pictures
from counterpoint.views.spec import simclr


def tiny() -> Recipe:
    """Scenes, 3,000 pictures of 32 pixels; under 90 s on two cores, no download."""
    return tiny_pictures(temperature=0.2, hidden=512)


def demo() -> Recipe:
    """What ``counterpoint demo`` runs: 12,000 scenes, two to four minutes on two cores, no download."""
    recipe = tiny_pictures(temperature=0.2, hidden=512)
    return replace(recipe, data=replace(recipe.data, limit=None), epochs=16, minutes=2.5)


def default() -> Recipe:
    """Fashion-MNIST, 60,000 pictures of 28 pixels; 8 to 9 minutes on two cores.

    Expect a linear probe of 90.3 % and kNN of 87.0 % on the 10,000 test pictures (untrained 85.2 and 81.4).
    """
    expected = (Expected("linear", 0.903, "measured", "two CPU cores, seed 0"),
                Expected("knn", 0.870, "measured", "two CPU cores, seed 0"))
    return replace(laptop_pictures(temperature=0.1, hidden=512), expected=expected)


def paper() -> Recipe:
    """ImageNet-1K, ResNet-50, batch 4096, 1000 epochs, LARS (paper section 2 and appendix B).

    The rate is 0.3 per 256 samples; the authors' code takes 0.075 with square-root scaling as well.
    """
    return imagenet(
        views=simclr(224), batch_size=512, epochs=1000, method={"temperature": 0.1},
        optimizer=Optimizer(name="lars", learning_rate=0.3, per_batch=256, weight_decay=1e-4, warmup=10),
        expected=(Expected("linear", 0.691, "reported", "ImageNet-1K, version 1 checkpoint"),))
