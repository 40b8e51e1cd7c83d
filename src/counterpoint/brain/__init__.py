"""What only neuroscience needs: subjects, simulation, surfaces and atlases, ridge, diffusion priors, pictures again."""

from counterpoint.core.discovery import lazy_exports

__getattr__, __dir__ = lazy_exports(__name__)
