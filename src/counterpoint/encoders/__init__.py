"""Encoders, one file per modality, and the heads that sit on them. Everything public is importable from here."""

from counterpoint.core.discovery import lazy_exports

__getattr__, __dir__ = lazy_exports(__name__)
