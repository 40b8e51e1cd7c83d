"""Gaussian diffusion in discrete time: the schedule and its closed forms."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class DiffusionSchedule:
    """Placeholder that the owner of this file replaces."""
