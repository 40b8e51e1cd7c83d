"""Simulated people on a real cortex: what each voxel prefers, how noisy it is and who differs how is all known.

Nothing here is a measurement. Positions, areas and networks are those of a group atlas; what voxels respond to, how
strongly and with which noise are assumptions that the parameters state and ``truth`` records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from counterpoint.brain._simulate_parts import Settings, Signal, draw_signal, person_stimuli, respond
from counterpoint.brain.atlases import Atlas, atlas
from counterpoint.brain.simulate_design import Design, draw_design
from counterpoint.brain.simulate_features import SPACES, FeatureSpaces
from counterpoint.brain.simulate_noise import shipped_ncsnr
from counterpoint.brain.simulate_stimuli import SimulatedStimuli
from counterpoint.brain.simulate_tuning import Tuning, Voxels, draw_tuning, place_parcels, place_voxels
from counterpoint.core.errors import CounterpointError
from counterpoint.data.brain import BrainDataset, Space, Stimuli

NSD_VOXELS = (15724, 14278, 15226, 13153, 13039, 17907, 12682, 14386)
"""Voxels of nsdgeneral in NSD's eight people, whose proportions :func:`simulate_subjects` follows."""
_RUN_TRIALS = {"betas": 62, "timeseries": 37}


def simulate_subject(
    subject: int = 1,
    *,
    stimuli: Stimuli | None = None,
    train: int = 1000,
    test: int = 300,
    train_repeats: int = 1,
    test_repeats: int = 3,
    imagery: int = 0,
    imagery_repeats: int = 1,
    sessions: int | None = None,
    run_trials: int | None = None,
    voxels: int = 2000,
    space: str = "fsLR32k",
    coverage: str | Mapping[str, float] = "whole",
    features: Any = "efficientnet_lite0",
    kind: str = "betas",
    networks: Mapping[str, float] | None = None,
    null_networks: tuple[str, ...] = (),
    own_images: bool = True,
    individuality: float = 0.3,
    local: float = 0.3,
    spatial_noise: float = 0.3,
    temporal_noise: float | None = None,
    drift: float = 0.1,
    session_offset: float = 1.0,
    session_gain: float = 0.2,
    t_r: float = 2.0,
    time_points: int = 5,
    size: int = 64,
    sprites: str = "auto",
    seed: int = 0,
) -> BrainDataset:
    """Responses of one simulated person to pictures.

    Parameters
    ----------
    subject : int
        Which person of the world ``seed``, from 1. People share the group's maps and the test pictures.
    stimuli : Stimuli, optional
        Pictures to choose from: first ``test``, then ``imagery``, then ``train`` for every person. By default drawn
        (:func:`~counterpoint.brain.simulate_stimuli.simulated_stimuli` with ``size`` and ``sprites``).
    train, test : int
        Training pictures of this person; test pictures, which everybody sees.
    train_repeats, test_repeats : int
        Showings of each.
    imagery, imagery_repeats : int
        Pictures that are imagined only, in runs of their own in the last session (split "imagery"): no signal in V1
        to V4, 0.3 of it in the rest of the Visual network, all of it elsewhere.
    sessions : int, optional
        By default one for every 500 trials, at least 2.
    run_trials : int, optional
        Trials of a run: about 62 (betas) or 37 (time series).
    voxels : int
        Vertices drawn; time series have the 360 parcels.
    space : str
        ``"fsLR32k"`` or ``"fsaverage5"``.
    coverage : str or mapping
        Where voxels lie: ``"whole"`` (half in the Visual network, a fifth in Default, a tenth in Dorsal Attention),
        ``"visual"``, or shares by network name.
    features : str or array_like
        What voxels are tuned to, see :func:`~counterpoint.brain.simulate_features.stimulus_features`. V1 to V4 see
        contrast energy (low), the rest of the Visual network mainly objects and meaning, Default meaning alone,
        Dorsal Attention a little of everything.
    kind : str
        ``"betas"``: one number per trial and voxel; ``"timeseries"``: ``time_points`` of ``t_r`` seconds per trial
        and parcel, a slow event-related design through a haemodynamic response that reaches into later trials.
    networks : mapping, optional
        Signal-to-noise ratio of networks by name, Visual = 1, Default = 0.5, Dorsal Attention = 0.25 when not given.
    null_networks : tuple of str
        Networks that carry nothing in this world.
    own_images : bool
        Whether every person has training pictures of their own.
    individuality, local : float
        Shares of the variance of preferences that are a person's own smooth map, and one voxel's alone.
    spatial_noise : float
        Share of noise variance that is smooth over the cortex (8 mm).
    temporal_noise : float, optional
        Correlation of noise from trial to trial (0.1), or from time point to time point (0.4), within a run.
    drift : float
        Share of noise variance that is a slow wave of each run.
    session_offset, session_gain : float
        Spread of offsets (in standard deviations of noise) and of log gains between sessions.
    t_r, time_points
        Seconds between time points, and their number per trial.
    size, sprites
        Of drawn pictures.
    seed : int
        Of the world.

    Returns
    -------
    BrainDataset
        In per cent signal change, unscaled: z-score within session before use. ``ncsnr`` is what a data set would
        ship: the planted ratio with the error of an estimate from other pictures. ``truth`` holds, for the stimuli in
        their order, ``features (n, f)``, ``feature_space (f,)``, ``feature_names``, ``tuning (f, voxels)`` and
        ``signal (n, voxels) = features @ tuning``; per voxel ``mean``, ``gain`` (0: noise alone), ``imagery_gain``,
        ``noise_level``, ``signal_variance``, ``noise_variance``, ``ncsnr`` (one showing) and ``ceiling`` (per cent,
        for the mean of ``test_repeats`` showings z-scored within session, over the test pictures), ``mixture`` by
        space, ``field`` (centre of the receptive field) and ``category_response (classes, voxels)``; ``networks``
        that carry signal with their gains, ``patches`` (region to preferred category), ``session_offset``,
        ``session_gain``, ``response`` (haemodynamic, by time point and parcel; for time series the four numbers on
        variances and ceilings are ``(time_points, parcels)``).

    Raises
    ------
    CounterpointError
        Settings out of range, unknown names, too few pictures, or missing packages.

    Notes
    -----
    Three-showing ceilings of the Visual network have a median of about 36 %
    (:data:`~counterpoint.brain.simulate_noise.CEILING_BETA`). The same arguments give the same bytes.

    Examples
    --------
    >>> person = simulate_subject(train=20, test=10, voxels=50, features="factors", sprites="procedural")
    >>> person.responses.shape, person.unit, sorted(set(person.split.tolist()))
    ((50, 50), 'percent', ['test', 'train'])
    """
    settings = Settings(**locals())
    cortex = atlas(space)
    gains, shares = settings.gains(cortex), settings.shares(cortex)
    counts = {"test": (test, test_repeats), "imagery": (imagery, imagery_repeats), "train": (train, train_repeats)}
    design = draw_design(counts, settings.rng("design"), sessions=sessions,
                         run_trials=run_trials or _RUN_TRIALS[kind])
    if kind == "betas":
        places = place_voxels(cortex, voxels, settings.rng("place"), coverage=shares)
    else:
        places = place_parcels(cortex)
    pictures, spaces = person_stimuli(settings)
    tuning = draw_tuning(places, spaces, group=settings.rng("group"), own=settings.rng("tuning"),
                         individuality=individuality, local=local)
    signal = draw_signal(settings, gains, places, spaces, tuning)
    responses, known = respond(settings, design, places, signal)
    truth = {**_truth(pictures, spaces, tuning, signal), **known, "networks": gains, "patches": tuning.patches}
    return _dataset(settings, cortex, design, places, pictures, responses, truth, spaces.notes)


def simulate_subjects(count: int, *, voxels: int = 2000, **settings: Any) -> list[BrainDataset]:
    """Persons 1 to ``count`` of one world: shared test pictures, own training pictures, unequal numbers of voxels.

    Parameters
    ----------
    count : int
        Number of people.
    voxels : int
        Average number of voxels; people differ as the eight of NSD do.
    **settings
        As in :func:`simulate_subject`.
    """
    if count < 1:
        raise CounterpointError(f"count={count}.", "One person or more was expected.")
    if "subject" in settings:
        raise CounterpointError("subject was given.", "People are numbered from 1 here.", "simulate_subject(2)")
    ratio = np.array(NSD_VOXELS) / np.mean(NSD_VOXELS)
    return [simulate_subject(one + 1, voxels=max(1, round(voxels * ratio[one % len(ratio)])), **settings)
            for one in range(count)]


def _truth(pictures: Stimuli, spaces: FeatureSpaces, tuning: Tuning, signal: Signal) -> dict[str, Any]:
    truth: dict[str, Any] = {
        "features": spaces.values, "feature_space": spaces.space, "feature_names": spaces.names,
        "tuning": signal.tuning, "signal": signal.values, "mean": signal.mean, "noise_level": signal.level,
        "gain": signal.gain, "imagery_gain": signal.imagery_gain, "field": tuning.fields,
        "mixture": {space: tuning.mixture[space] for space in SPACES},
    }  # fmt: skip
    if pictures.labels is not None:
        classes = range(max(len(pictures.class_names), int(pictures.labels.max()) + 1))
        means = [signal.values[pictures.labels == key].mean(0) if (pictures.labels == key).any()
                 else np.zeros(signal.values.shape[1], np.float32) for key in classes]
        truth["category_response"] = np.stack(means)
    return truth


def _dataset(settings: Settings, cortex: Atlas, design: Design, places: Voxels, pictures: Stimuli,
             responses: Any, truth: dict[str, Any], notes: list[str]) -> BrainDataset:
    series = settings.kind == "timeseries"
    notes = [f"simulated on {cortex.space}: ground truth in .truth, nothing here was measured", *notes]
    if cortex.space == "fsaverage5":
        notes.append("parcels and networks of fsaverage5 are taken over from the nearest fs_LR vertex")
    if isinstance(pictures, SimulatedStimuli):
        notes += pictures.notes
    return BrainDataset(
        name="simulated", subject=f"subj{settings.subject:02d}", responses=responses,
        stimulus_id=pictures.ids[design.row], session=design.session, run=design.run, trial=design.trial,
        split=design.split, shared=(design.split != "train") | (not settings.own_images), stimuli=pictures,
        unit="percent", coordinates=places.coordinates.astype(np.float32), rois=places.rois,
        space=Space("parcels" if series else cortex.space, (len(places.index) if series else len(cortex.parcels),),
                    places.index),
        parcels=places.parcels, parcel_names=cortex.parcel_names, networks=places.networks,
        ncsnr=shipped_ncsnr(truth["ncsnr"].max(0) if series else truth["ncsnr"], settings.rng("estimate")),
        network_names=cortex.network_names, t_r=settings.t_r if series else None, truth=truth,
        licence=getattr(pictures, "licence", ""),
        home="counterpoint.brain.simulate", notes=notes,
    )  # fmt: skip
