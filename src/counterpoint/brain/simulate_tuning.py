"""Where simulated voxels lie and what they prefer: maps that people share, and each person's own deviation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from counterpoint.brain.atlases import Atlas
from counterpoint.brain.simulate_features import SPACES, FeatureSpaces
from counterpoint.core.errors import CounterpointError

EARLY = ("V1", "V2", "V3", "V4")
REGIONS: Mapping[str, tuple[str, ...]] = {
    **{area: (area,) for area in EARLY},
    "early": EARLY,
    "ventral": ("V8", "PIT", "FFC", "VVC", "VMV1", "VMV2", "VMV3", "PHA1", "PHA2", "PHA3"),
    "lateral": ("LO1", "LO2", "LO3", "V4t", "MT", "MST", "FST", "PH", "V3CD"),
    "dorsal": ("V3A", "V3B", "V6", "V6A", "V7", "IPS1"),
    "FFC": ("FFC",), "PHA": ("PHA1", "PHA2", "PHA3"), "VVC": ("VVC",), "LO": ("LO1", "LO2", "LO3"),
    "PIT": ("PIT", "V8"),
}  # fmt: skip
"""Regions of interest as HCP-MMP areas; "visual" is the Visual network."""
PATCHES: Mapping[str, str] = {"FFC": "animals", "PHA": "town", "VVC": "food", "LO": "household", "PIT": "vehicles"}
"""Regions that prefer one category; where it does not occur, another takes its place."""
MIXTURES: Mapping[str, tuple[float, float, float]] = {
    "V1": (1.0, 0.0, 0.0), "V2": (0.95, 0.05, 0.0), "V3": (0.85, 0.15, 0.0), "V4": (0.6, 0.35, 0.05),
    "Visual": (0.2, 0.5, 0.3), "patch": (0.1, 0.35, 0.55), "Default": (0.0, 0.0, 1.0),
    "Dorsal Attention": (0.3, 0.4, 0.3), "other": (0.0, 0.5, 0.5),
}  # fmt: skip
"""Shares of signal variance of the low, object and semantic features."""
GAINS: Mapping[str, float] = {"Visual": 1.0, "Default": 0.5, "Dorsal Attention": 0.25}
"""Signal-to-noise ratio of each network beside the Visual one; others carry nothing."""
COVERAGE: Mapping[str, float] = {"Visual": 0.5, "Default": 0.2, "Dorsal Attention": 0.1}
"""Share of the voxels in each network; the remaining fifth lies in the others."""
FIELD_WIDTH: Mapping[str, float] = {"V1": 0.22, "V2": 0.3, "V3": 0.4, "V4": 0.55}
_BASIS, _MAP_MM, _RETINOTOPY_MM, _WARP_MM = 160, 9.0, 22.0, 3.0
_PREFERENCE = 2.5


@dataclass(frozen=True)
class Voxels:
    """Positions of voxels and what the atlas says of them; see :class:`~counterpoint.data.BrainDataset`."""

    index: NDArray[np.int64] = field(repr=False)
    coordinates: NDArray[np.float64] = field(repr=False)
    hemisphere: NDArray[np.int64] = field(repr=False)
    parcels: NDArray[np.int64] = field(repr=False)
    networks: NDArray[np.int64] = field(repr=False)
    rois: dict[str, NDArray[np.bool_]] = field(repr=False)
    network_names: dict[int, str]
    whole_parcels: bool = False

    def named(self, network: str) -> NDArray[np.bool_]:
        """Mask of a network by name."""
        key = next(key for key, name in self.network_names.items() if name == network)
        return self.networks == key

    def by_network(self, values: Mapping[str, float]) -> NDArray[np.float64]:
        """``(voxels,)`` the value of each voxel's network, 0 where none is given."""
        found = np.zeros(len(self.index))
        for name, value in values.items():
            found[self.named(name)] = value
        return found


def place_voxels(atlas: Atlas, count: int, rng: np.random.Generator, *, coverage: Mapping[str, float]) -> Voxels:
    """Draw ``count`` different vertices: ``coverage`` gives shares of networks, the rest is spread over the others.

    Raises
    ------
    CounterpointError
        More voxels than the surface has in a network.
    """
    key_of = {name: key for key, name in atlas.network_names.items()}
    others = (atlas.parcels > 0) & ~np.isin(atlas.networks, [key_of[name] for name in coverage])
    groups = [(share, np.flatnonzero((atlas.networks == key_of[name]) & (atlas.parcels > 0)), name)
              for name, share in coverage.items()]
    groups.append((max(0.0, 1 - sum(coverage.values())), np.flatnonzero(others), "the other networks"))
    ends = np.round(np.cumsum([share for share, _, _ in groups]) * count).astype(int)
    picked = []
    for wanted, (_, vertices, name) in zip(np.diff(np.r_[0, ends]), groups, strict=True):
        if wanted > len(vertices):
            raise CounterpointError(f"{wanted} of {count} voxels fall on {name}.",
                                    f"{atlas.space} has {len(vertices)} vertices there.", 'space="fsLR32k"')
        picked.append(rng.choice(vertices, wanted, replace=False))
    index = np.sort(np.concatenate(picked))
    rois = {name: atlas.region(*areas)[index] for name, areas in REGIONS.items()}
    rois["visual"] = atlas.networks[index] == key_of["Visual"]
    return Voxels(index, atlas.coordinates[index].astype(np.float64), atlas.hemisphere[index], atlas.parcels[index],
                  atlas.networks[index], rois, atlas.network_names)


def place_parcels(atlas: Atlas) -> Voxels:
    """All parcels of an atlas at their centres, in the order of ``parcel_names``."""
    names = [name[2:] for name in atlas.parcel_names.values()]
    networks = atlas.parcel_networks()
    rois = {roi: np.isin(names, areas) for roi, areas in REGIONS.items()}
    rois["visual"] = networks == next(key for key, name in atlas.network_names.items() if name == "Visual")
    left = np.array([name.startswith("L_") for name in atlas.parcel_names.values()])
    return Voxels(np.arange(len(names)), atlas.parcel_centres().astype(np.float64), (~left).astype(np.int64),
                  np.array(list(atlas.parcel_names), np.int64), networks, rois, atlas.network_names, True)


def smooth_fields(points: NDArray[np.float64], count: int, rng: np.random.Generator, *,
                  length: float) -> NDArray[np.float64]:
    """``(points, count)`` independent Gaussian fields of unit variance with covariance ``exp(-d^2 / 2 length^2)``.

    Random Fourier features (Rahimi and Recht, NeurIPS 2007), 160 of them; the same ``rng`` state gives the same
    fields wherever they are read.
    """
    waves = rng.standard_normal((_BASIS, 3)) / length
    phase = rng.uniform(0, 2 * np.pi, _BASIS)
    weights = rng.standard_normal((_BASIS, count)) * np.sqrt(2 / _BASIS)
    return np.cos(points @ waves.T + phase) @ weights


@dataclass(frozen=True)
class Tuning:
    """``weights (features, voxels)`` before scaling, ``mixture`` by space, ``fields (voxels, 2)``, patches."""

    weights: NDArray[np.float64] = field(repr=False)
    mixture: dict[str, NDArray[np.float64]] = field(repr=False)
    fields: NDArray[np.float64] = field(repr=False)
    patches: dict[str, str] = field(default_factory=dict)


def draw_tuning(voxels: Voxels, spaces: FeatureSpaces, *, group: np.random.Generator, own: np.random.Generator,
                individuality: float, local: float) -> Tuning:
    """Preferences of voxels for every feature column.

    Each is the sum of a group map read at the person's slightly displaced positions, a map of the person's own (share
    ``individuality`` of the variance), and what no neighbour shares (``local``). Group maps are the same in both
    hemispheres; columns that look at a place are weighted with the voxel's receptive field, in the other half of
    the visual field.
    """
    warp = _WARP_MM * smooth_fields(voxels.coordinates, 3, own, length=25.0)
    moved = (voxels.coordinates + warp) * np.where(voxels.hemisphere, -1, 1)[:, None] ** np.array([1, 0, 0])
    columns = len(spaces.names)
    shared = smooth_fields(moved, columns, group, length=_MAP_MM)
    personal = smooth_fields(voxels.coordinates, columns, own, length=_MAP_MM)
    alone = own.standard_normal(shared.shape)
    weights = np.sqrt(1 - individuality - local) * shared + np.sqrt(individuality) * personal + np.sqrt(local) * alone
    fields = _receptive_fields(moved, voxels.hemisphere, group)
    looking = np.isfinite(spaces.centres).all(1)
    if looking.any():
        weights[:, looking] = _through_fields(weights, voxels, spaces, fields)[:, looking]
    patches = _prefer(weights, voxels, spaces)
    return Tuning(weights.T, _mixtures(voxels), fields, patches)


def _receptive_fields(points: NDArray[np.float64], hemisphere: NDArray[np.int64],
                      group: np.random.Generator) -> NDArray[np.float64]:
    across, up = smooth_fields(points, 2, group, length=_RETINOTOPY_MM).T
    right = 0.95 / (1 + np.exp(-1.7 * across))  # 0 to 1 from the midline outward
    return np.stack([np.where(hemisphere, -right, right), 0.95 * np.tanh(up)], 1)


def _through_fields(weights: NDArray[np.float64], voxels: Voxels, spaces: FeatureSpaces,
                    fields: NDArray[np.float64]) -> NDArray[np.float64]:
    """One preference per kind of column (that of its first place), times a Gaussian around the field's centre."""
    kinds = [name.rpartition(" field ")[0] or name for name in spaces.names]
    first = {kind: place for place, kind in reversed(list(enumerate(kinds)))}
    width = np.full(len(voxels.index), 1.2)
    for area, value in FIELD_WIDTH.items():
        width[voxels.rois[area]] = max(value, 0.8 * voxels.whole_parcels)
    distance = ((fields[:, None] - np.nan_to_num(spaces.centres)) ** 2).sum(-1)
    return weights[:, [first[kind] for kind in kinds]] * np.exp(-distance / (2 * width[:, None] ** 2))


def _prefer(weights: NDArray[np.float64], voxels: Voxels, spaces: FeatureSpaces) -> dict[str, str]:
    known = [name.removeprefix("category ") for name in spaces.names if name.startswith("category ")]
    known = list(dict.fromkeys(known))
    patches = {}
    for place, (roi, wanted) in enumerate(PATCHES.items()):
        if known:
            patches[roi] = wanted if wanted in known else known[place % len(known)]
            columns = [row for row, name in enumerate(spaces.names) if name == f"category {patches[roi]}"]
            weights[np.ix_(voxels.rois[roi], np.array(columns))] += _PREFERENCE
    return patches


def _mixtures(voxels: Voxels) -> dict[str, NDArray[np.float64]]:
    shares = np.tile(MIXTURES["other"], (len(voxels.index), 1))
    for network in ("Visual", "Default", "Dorsal Attention"):
        shares[voxels.named(network)] = MIXTURES[network]
    for roi in PATCHES:
        shares[voxels.rois[roi] & voxels.named("Visual")] = MIXTURES["patch"]
    for area in EARLY:
        shares[voxels.rois[area] & voxels.named("Visual")] = MIXTURES[area]
    return dict(zip(SPACES, shares.T, strict=True))
