"""Evaluation: arrays in, numbers out. Everything public in this folder is importable from here."""

from counterpoint.core.discovery import lazy_exports

__getattr__, __dir__ = lazy_exports(__name__)
