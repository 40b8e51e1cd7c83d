"""A figure with the sentences that teach how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Panel:
    """One figure of the report.

    Attributes
    ----------
    title : the question it answers.
    figure : the drawing.
    alt : what a reader who cannot see it should know.
    here : what it says about this run, with its numbers.
    shown : what is drawn, with n and seed.
    better, worse : what better and worse look like.
    act : what to do about it.
    """

    title: str
    figure: Figure
    alt: str
    here: str
    shown: str
    better: str
    worse: str
    act: str
