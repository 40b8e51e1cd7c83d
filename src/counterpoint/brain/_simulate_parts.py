"""The steps of :func:`counterpoint.brain.simulate.simulate_subject`: settings, pictures, signal, responses, truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.brain import simulate_noise as noise
from counterpoint.brain._cortex_files import check_space
from counterpoint.brain.atlases import Atlas
from counterpoint.brain.simulate_design import Design
from counterpoint.brain.simulate_features import SPACES, FeatureSpaces, stimulus_features
from counterpoint.brain.simulate_stimuli import SimulatedStimuli, simulated_stimuli
from counterpoint.brain.simulate_timeseries import haemodynamic_response, overlap_variance, trial_series
from counterpoint.brain.simulate_tuning import COVERAGE, EARLY, GAINS, Tuning, Voxels
from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.brain import Stimuli

KINDS = ("betas", "timeseries")
IMAGERY_GAIN = 0.3
_STREAMS = ("group", "place", "tuning", "quality", "level", "design", "noise", "session", "delay", "estimate")
_EVOKED, _DELAY_SECONDS, _NOISE_MM = 1.0, 0.3, 8.0


@dataclass(frozen=True)
class Settings:
    """What :func:`~counterpoint.brain.simulate.simulate_subject` was asked for, checked."""

    subject: int
    stimuli: Stimuli | None
    train: int
    test: int
    train_repeats: int
    test_repeats: int
    imagery: int
    imagery_repeats: int
    sessions: int | None
    run_trials: int | None
    voxels: int
    space: str
    coverage: str | Mapping[str, float]
    features: Any
    kind: str
    networks: Mapping[str, float] | None
    null_networks: tuple[str, ...]
    own_images: bool
    individuality: float
    local: float
    spatial_noise: float
    temporal_noise: float | None
    drift: float
    session_offset: float
    session_gain: float
    t_r: float
    time_points: int
    size: int
    sprites: str
    seed: int

    def __post_init__(self) -> None:
        check_space(self.space)
        if self.kind not in KINDS:
            raise unknown("kind of simulated response", self.kind, KINDS, 'kind="betas"')
        least = {"subject": 1, "train": 1, "test": 0, "train_repeats": 1, "test_repeats": 1, "imagery": 0,
                 "imagery_repeats": 1, "voxels": 1, "time_points": 1, "seed": 0}
        for key, value in least.items():
            if getattr(self, key) < value:
                raise CounterpointError(f"{key}={getattr(self, key)}.", f"{value} or more was expected.")
        for key in ("individuality", "local", "spatial_noise", "drift"):
            if not 0 <= getattr(self, key) <= 1:
                raise CounterpointError(f"{key}={getattr(self, key)}.", "A share in 0..1 was expected.")
        if self.individuality + self.local > 1:
            raise CounterpointError(f"individuality={self.individuality} and local={self.local} exceed 1 together.")
        if not 0 <= self.correlation < 1:
            raise CounterpointError(f"temporal_noise={self.temporal_noise}.", "0 up to 1 was expected.")

    @property
    def correlation(self) -> float:
        """Of noise from one trial (or time point) to the next."""
        return (0.1 if self.kind == "betas" else 0.4) if self.temporal_noise is None else self.temporal_noise

    def rng(self, stream: str) -> np.random.Generator:
        """Random numbers of the group, or of this person for one purpose."""
        who = 0 if stream == "group" else self.subject
        return np.random.default_rng([self.seed, who, _STREAMS.index(stream)])

    def gains(self, atlas: Atlas) -> dict[str, float]:
        """Gain of every network that carries signal."""
        asked = GAINS if self.networks is None else self.networks
        for name in (*asked, *self.null_networks):
            _check_network(name, atlas)
        return {name: float(gain) for name, gain in asked.items() if gain and name not in self.null_networks}

    def shares(self, atlas: Atlas) -> Mapping[str, float]:
        """Share of the voxels in each network."""
        if isinstance(self.coverage, str):
            known: dict[str, Mapping[str, float]] = {"whole": COVERAGE, "visual": {"Visual": 1.0}}
            if self.coverage not in known:
                raise unknown("coverage", self.coverage, known, 'coverage="whole"')
            return known[self.coverage]
        for name in self.coverage:
            _check_network(name, atlas)
        if min(self.coverage.values()) < 0 or sum(self.coverage.values()) > 1 + 1e-9:
            raise CounterpointError(f"coverage={dict(self.coverage)}.", "Shares of 1 or less together were expected.")
        return self.coverage


def _check_network(name: str, atlas: Atlas) -> None:
    if name not in atlas.network_names.values():
        raise unknown("network", name, atlas.network_names.values(), 'null_networks=("Default",)')


def person_stimuli(settings: Settings) -> tuple[Stimuli, FeatureSpaces]:
    """The pictures of one person (test, imagery, training) and their features."""
    shared, features = settings.test + settings.imagery, settings.features
    first = (settings.subject - 1) * settings.train if settings.own_images else 0
    pool = settings.stimuli
    if pool is None and isinstance(features, str):
        found: Stimuli = simulated_stimuli(
            shared + settings.train, size=settings.size, seed=settings.seed, test=settings.test,
            imagery=settings.imagery, start=first, sprites=settings.sprites)  # fmt: skip
    else:
        pool = Stimuli(np.arange(len(np.asarray(features)))) if pool is None else pool
        rows = np.r_[np.arange(shared), shared + first + np.arange(settings.train)]
        if rows[-1] >= len(pool):
            raise CounterpointError(
                f"{len(pool)} pictures for person {settings.subject}.",
                f"{settings.test} for testing, {settings.imagery} to imagine and {settings.train} training pictures "
                f"from place {shared + first} on were expected.", "own_images=False")
        if not isinstance(features, str) and len(np.asarray(features)) != len(pool):
            raise CounterpointError(f"features has {len(np.asarray(features))} rows for {len(pool)} pictures.",
                                    "One row per picture was expected.")
        found = _pick(pool, rows)
        features = features if isinstance(features, str) else np.asarray(features)[rows]
    return found, stimulus_features(found, features, reference=settings.test, seed=settings.seed)


def _pick(stimuli: Stimuli, rows: NDArray[np.int64]) -> Stimuli:
    listed: dict[str, Any] = {key: [value[row] for row in rows] if (value := getattr(stimuli, key)) else value
              for key in ("captions", "names")}
    arrays: dict[str, Any] = {key: None if (value := getattr(stimuli, key)) is None else np.asarray(value[rows])
              for key in ("images", "labels")}
    extra: dict[str, Any] = {}
    if isinstance(stimuli, SimulatedStimuli):
        extra["factors"] = {key: value[rows] for key, value in stimuli.factors.items()}
    return replace(stimuli, ids=stimuli.ids[rows], **listed, **arrays, **extra)


@dataclass(frozen=True)
class Signal:
    """``values (pictures, voxels)`` in per cent = features @ ``tuning``, around ``mean``; noise ``level``."""

    values: NDArray[np.float32]
    tuning: NDArray[np.float32]
    mean: NDArray[np.float64]
    level: NDArray[np.float64]
    gain: NDArray[np.float64]
    imagery_gain: NDArray[np.float64]


def draw_signal(settings: Settings, gains: dict[str, float], voxels: Voxels, spaces: FeatureSpaces,
                tuning: Tuning) -> Signal:
    """Scale preferences so that every voxel has its signal-to-noise ratio over the pictures of this person."""
    seen = np.r_[np.arange(settings.test), np.arange(settings.test + settings.imagery, len(spaces.values))]
    weights = tuning.weights.astype(np.float32)
    for space in SPACES:
        rows = spaces.space == space
        if rows.any():
            spread = (spaces.values[seen][:, rows] @ weights[rows]).std(0)
            weights[rows] *= (np.sqrt(tuning.mixture[space]) / np.maximum(spread, 1e-6)).astype(np.float32)
    values = spaces.values @ weights
    gain = voxels.by_network(gains)
    ratio = noise.draw_ncsnr(voxels.coordinates, gain, voxels.networks, settings.rng("quality"))
    level = noise.draw_noise_level(len(gain), settings.rng("level"))
    scale = (ratio * level / np.maximum(values[seen].std(0), 1e-6)).astype(np.float32)
    imagined = np.where(voxels.named("Visual"), IMAGERY_GAIN, 1.0)
    imagined[np.any([voxels.rois[area] for area in EARLY], axis=0)] = 0
    return Signal(values * scale, weights * scale, _EVOKED * level * (gain > 0), level, gain, imagined)


def respond(settings: Settings, design: Design, voxels: Voxels, signal: Signal) -> tuple[NDArray[np.float32], dict]:
    """Responses of every trial in per cent, and what is known of them."""
    evoked = signal.values[design.row] + signal.mean.astype(np.float32)
    imagined = design.split == "imagery"
    evoked[imagined] *= signal.imagery_gain.astype(np.float32)
    points, runs, response = 1, design.runs, np.ones((1, len(voxels.index)))
    if settings.kind == "timeseries":
        points = settings.time_points
        response = _responses(settings, voxels)
        evoked = trial_series(evoked, runs, response, points=points)
        runs = np.repeat(runs, points)
    out = noise.correlated_noise(runs, voxels.coordinates, settings.rng("noise"), spatial=settings.spatial_noise,
                                 length=_NOISE_MM, temporal=settings.correlation, drift=settings.drift)
    out *= signal.level.astype(np.float32)
    out += evoked
    session = np.repeat(design.session, points)
    offsets, gains = noise.session_effects(voxels.coordinates, int(session.max()) + 1, settings.rng("session"),
                                           offset=settings.session_offset, gain=settings.session_gain)
    offsets = offsets * signal.level
    out *= gains.astype(np.float32)[session]
    out += offsets.astype(np.float32)[session]
    known = {"session_offset": offsets, "session_gain": gains, "response": response,
             **_ceilings(settings, signal, response, points)}
    if settings.kind == "timeseries":
        return out.reshape(len(design.row), points, -1), known
    return out, known


def _responses(settings: Settings, voxels: Voxels) -> NDArray[np.float64]:
    rng = settings.rng("delay")
    delays = _DELAY_SECONDS * (rng.standard_normal()
                               + noise.smooth_fields(voxels.coordinates, 1, rng, length=25.0)[:, 0]) / np.sqrt(2)
    return np.stack([haemodynamic_response(settings.t_r, delay=float(delay)) for delay in delays], 1)


def _ceilings(settings: Settings, signal: Signal, response: NDArray[np.float64], points: int) -> dict[str, NDArray]:
    """Planted variances over the test pictures and the ceiling for the mean of their showings, in per cent."""
    test = signal.values[: settings.test].astype(np.float64)
    variance = test.var(0) if len(test) else signal.values.astype(np.float64).var(0)
    height = response[:points] ** 2 * variance
    height = np.pad(height, ((0, points - len(height)), (0, 0)))
    rest = signal.level**2 + signal.values.astype(np.float64).var(0) * overlap_variance(response, points)
    ceiling = 100 * height / (height + rest / settings.test_repeats)
    if settings.kind == "betas":
        height, rest, ceiling = height[0], rest[0], ceiling[0]
    return {"signal_variance": height, "noise_variance": rest, "ceiling": ceiling, "ncsnr": np.sqrt(height / rest)}
