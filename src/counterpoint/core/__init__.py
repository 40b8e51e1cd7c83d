"""Errors, discovery and types: what every other part may lean on."""
