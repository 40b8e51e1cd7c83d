"""The people of a run: opened or simulated, prepared, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterpoint.core.errors import CounterpointError

if TYPE_CHECKING:
    from counterpoint.brain.spec import BrainData
    from counterpoint.brain.subject import Subject


def load_people(data: BrainData, seed: int) -> list[Subject]:
    """Every person that ``data`` names, with one preparation; what cannot be used is refused here.

    Raises
    ------
    CounterpointError
        Unknown layout or person, unusable responses (see :meth:`Subject.check`), the same person twice.
    """
    from counterpoint.brain.open import open_dataset
    from counterpoint.brain.preparation import Preparation
    from counterpoint.brain.subject import Subject

    preparation = Preparation(zscore=data.zscore, fit_on=data.fit_on, clip=data.clip, rois=tuple(data.rois),
                              drop_networks=tuple(data.drop_networks), min_ceiling=data.min_ceiling)
    wanted = tuple(str(name) for name in data.subjects) or ("1",)
    if len(set(wanted)) < len(wanted):
        raise CounterpointError(f"data.subjects names somebody twice: {', '.join(wanted)}.", "",
                                f"--data.subjects {' '.join(dict.fromkeys(wanted))}")
    people = []
    for name in wanted:
        if data.source == "simulated":
            from counterpoint.brain.simulate import simulate_subject

            found = simulate_subject(int(name), seed=seed, **{**data.options, **_voxels(data.options, name)})
        else:
            found = open_dataset(data.source, name if data.subjects else None, **data.options)
        people.append(Subject(found, preparation))
    names = [person.name for person in people]
    if len(set(names)) < len(names):
        raise CounterpointError(f"Two people are called {max(names, key=names.count)}.", "Names must differ.")
    return people


def _voxels(options: Mapping[str, Any], name: str) -> dict[str, int]:
    """How many voxels this simulated person has, where ``{"voxels": {"1": 900, "2": 1100}}`` says it of each."""
    asked = options.get("voxels")
    if not isinstance(asked, Mapping):
        return {}
    if name not in asked:
        raise CounterpointError(f"data.options gives voxels of {', '.join(asked)}, not of person {name}.",
                                "A number for everybody, or one for each.",
                                f"--data.options.voxels.{name} 1000")
    return {"voxels": int(asked[name])}
