"""Tests of the brain package."""
