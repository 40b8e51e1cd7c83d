"""Data: sources, generators, fetching, and the loader that yields the batch contract."""
