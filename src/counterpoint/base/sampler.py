"""Systems that train nothing: they run on inputs as they stand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class Sampler(ABC):
    """An inference-time system (decoding strategies, guided synthesis): settings in ``__init__``, work in ``run``."""

    @abstractmethod
    def run(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Outputs by name for inputs by name, shapes as the system's docstring gives them."""
