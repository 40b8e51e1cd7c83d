"""Recipes, one file per method of the same name: tiny, default, paper, and its claim."""
