"""Objectives: pure functions of tensors, found in the files of this folder and importable from here."""

from counterpoint.core.discovery import lazy_exports

__getattr__, __dir__ = lazy_exports(__name__)
