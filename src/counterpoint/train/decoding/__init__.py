"""Decoding runs: the people and targets of a run, predictions, scores beside ridge, tables and pictures."""
