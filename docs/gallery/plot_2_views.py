"""
What a system sees
==================

Views are made for a whole batch at once, every sample with its own crop and colours, from one seed. Scenes are drawn on
the spot, so this needs no download.
"""

import matplotlib.pyplot as plt
import torch

from counterpoint.data.spec import ImageData
from counterpoint.views.spec import ImageViews

source = ImageData(source="scenes", size=48, limit=6, options={"objects": 1}).load("train")
images = torch.from_numpy(source.images[:6])
print(tuple(images.shape), images.dtype, "first classes:", [source.class_names[i] for i in source.labels[:6]])


def show(rows: dict[str, torch.Tensor]) -> None:
    """One row of pictures per name; values in 0..1."""
    _, axes = plt.subplots(len(rows), 6, figsize=(7, 1.25 * len(rows)), layout="constrained", squeeze=False)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for place, picture in zip(line, pictures, strict=True):
            place.imshow(picture.permute(1, 2, 0).clamp(0, 1))
            place.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    plt.show()


# %%
# Two views of each picture
# -------------------------
# With a mean of 0 and a standard deviation of 1, values stay in 0..1, which suits looking at them.

views = ImageViews(crop_scale=(0.3, 1.0), mean=(0.0,), std=(1.0,))
made, coords = views.build()(images, torch.Generator().manual_seed(0))
show({"picture": images / 255, "view 1": made[0], "view 2": made[1]})

# %%
# Where they were cut
# -------------------
# Top, left, height, width as fractions of the picture, and whether the view was flipped.

print(coords[0].numpy().round(2))

# %%
# Too strong, too weak
# --------------------
# With crops down to 8 % of the area, a scene of one small thing is often a view of nothing. Without any change, the two
# views are equal and there is nothing to learn.

rows = {"picture": images / 255}
for name, scale in (("8 % and more", (0.08, 0.15)), ("30 % and more", (0.3, 1.0)), ("90 % and more", (0.9, 1.0))):
    maker = ImageViews(crop_scale=scale, mean=(0.0,), std=(1.0,)).build()
    rows[name] = maker(images, torch.Generator().manual_seed(1))[0][0]
show(rows)
