"""The map of a decoding run: what each voxel carries, where it lies, and how much of it can be explained."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoint.base.decoder import Decoder
from counterpoint.train.decoding import tables
from counterpoint.train.decoding.world import World


def map_arrays(learner: Decoder, world: World) -> dict[str, Any]:
    """What each voxel of the first person carries, with its place."""
    person = world.people[0]
    space, kept = person.data.space, person.kept
    arrays: dict[str, Any] = {"map_values": tables.contribution_map(learner, world, 0), "space": np.array(space.kind),
                              "map_name": np.array("contribution to the matched similarity")}
    ceiling = tables.ceiling_of(world, 0)
    if ceiling is not None:
        arrays["ceiling_values"] = ceiling.astype(np.float32)
    if space.index is not None:
        arrays["map_index"] = space.index[kept].astype(np.int64)
        arrays["map_shape"] = np.array(space.shape, dtype=np.int64)
    if space.affine is not None:
        arrays["map_affine"] = space.affine
    if person.data.parcels is not None:
        arrays["parcels"] = labels = person.data.parcels[kept]
        arrays["parcel_names"] = np.array([person.data.parcel_names.get(int(label), "") for label in labels], np.str_)
    return arrays
