"""Published systems, one file each; see :mod:`counterpoint.core.discovery` for how they are found."""
