"""Data: sources, readers of data sets as they lie on disk, generators, fetching, and the loader of batches."""

from counterpoint.core.discovery import lazy_exports

__getattr__, __dir__ = lazy_exports(__name__)
